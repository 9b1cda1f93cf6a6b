-- name: runs
-- What decides each run of the study, oldest first, with where its pack came from.
select
    r.run_id, r.config, r.model_fingerprint, r.pack_hash, r.template_hash, p.name as pack, p.made_by, p.made_from,
    exists (select 1 from samples s join prompts q on q.sample_id = s.sample_id where q.run_id = r.run_id) as has_samples
from runs r
join packs p on p.pack_hash = r.pack_hash
order by r.created_at, r.run_id;

-- name: concepts
-- A run's concepts in their order, as its pack has them. `n_parts`: into how many the pack splits the concept that this one
-- was split from, null for a whole concept.
select
    c.concept, c.definition, rc.quadrant, c.origin,
    if(c.origin is null, null, (
        select count(*) from concepts o where o.pack_hash = c.pack_hash and o.origin = c.origin
    )) as n_parts,
    coalesce((
        select list(s.sibling order by s.sibling) from siblings s
        where s.pack_hash = c.pack_hash and s.concept = c.concept
    ), []) as siblings
from run_concepts rc
join runs r on r.run_id = rc.run_id
join concepts c on c.pack_hash = r.pack_hash and c.concept = rc.concept
where rc.run_id = $run_id
order by rc.position;

-- name: trained
-- Families and layers of a run's lenses that read one layer, in one phase, mode and pool.
select distinct family, layers[1] as layer
from lenses
where run_id = $run_id and phase = $phase and mode = $mode and pool = $pool and len(layers) = 1
order by family, layer;

-- name: lenses
-- The lenses of a family that read one layer of a run, in one phase, mode and pool, one of each concept: of the settings, whose
-- lenses' ids are given, where any are; else the latest.
with own as (select unnest($lens_ids::text[]) as lens_id)
select
    concept, f1, auc, text_only_f1, n_positive + n_negative as n, lens_results.reason, n_groups,
    f1_low, f1_high, words.low as text_only_low, words.high as text_only_high
from lens_results
left join own using (lens_id)
left join lens_measures words on words.lens_id = lens_results.lens_id and words.measure = 'text_only_f1'
where
    run_id = $run_id and family = $family and layer = $layer and phase = $phase and mode = $mode and pool = $pool
qualify
    ((own.lens_id is not null) or not bool_or(own.lens_id is not null) over ())
    and row_number() over (partition by concept order by own.lens_id is null, trained_at desc, lens_results.lens_id) = 1
order by concept;
