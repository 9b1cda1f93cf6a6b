-- name: pairs
-- A run's captured pairs at one layer in the order of its concepts, with form and verdict; a judge of none leaves people's ratings.
select
    p.concept, p.sample_id, p.arm, q.template, q.prompt_concept, s.output, a.shard, a.shard_row,
    if($form_rule = 'study', f.form_study, f.form_loop) as form, v.verdict, v.verdict_source
from pairs p
join prompts q on q.sample_id = p.sample_id
join samples s on s.sample_id = p.sample_id
join activations a on a.sample_id = p.sample_id
left join forms f on f.sample_id = p.sample_id
left join verdicts($run_id, $judge_id) v on v.concept = p.concept and v.sample_id = p.sample_id
left join run_concepts k on k.run_id = p.run_id and k.concept = p.concept
where p.run_id = $run_id and a.layer = $layer and a.phase = $phase and a.mode = $mode and a.shard is not null
order by k.position, p.concept, p.position;

-- name: sibling_keys
-- What makes the run's concepts siblings: the bucket, else the parents within the pack layer.
select k.concept, c.pack_layer, c.bucket, c.parents
from run_concepts k
join runs r on r.run_id = k.run_id
join concepts c on c.pack_hash = r.pack_hash and c.concept = k.concept
where k.run_id = $run_id
order by k.position;

-- name: lenses
-- The fitted lens of each concept in one family at one layer: of the settings, whose lenses' ids are given, where any of them is
-- trained; else the latest.
with own as (select unnest($lens_ids::text[]) as lens_id)
select l.concept, l.lens_id
from lenses l
left join own on own.lens_id = l.lens_id
where
    l.run_id = $run_id and l.family = $family and l.layers = [$layer] and l.phase = $phase and l.mode = $mode and l.pool = $pool
    and l.reason is null
qualify
    ((own.lens_id is not null) or not bool_or(own.lens_id is not null) over ())
    and row_number() over (partition by l.concept order by own.lens_id is null, l.trained_at desc, l.lens_id) = 1
order by l.concept;

-- name: trained
-- Families and single layers in which the run has lenses, deepest layer first.
select distinct family, layers[1] as layer
from lenses
where run_id = $run_id and phase = $phase and mode = $mode and pool = $pool and len(layers) = 1
order by layer desc, family;

-- name: comparison
select variant, family, layers, settings, compared_at
from comparisons
where comparison_id = $comparison_id;

-- name: results
select concept, measure, before, after, n, kept, reason
from comparison_results
where comparison_id = $comparison_id
order by concept, measure;

-- name: kept
-- The concepts whose refinement a comparison keeps.
select distinct concept
from comparison_results
where comparison_id = $comparison_id and kept
order by concept;
