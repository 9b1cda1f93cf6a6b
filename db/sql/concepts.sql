-- name: concept
-- A concept of the run: its definition and counts. A quadrant that there is not, as a study of somebody else may name, is none.
select c.concept, c.definition, c.aliases, c.parents, c.pack_layer,
    case when r.quadrant in ('A', 'B', 'C', 'D') then r.quadrant end as quadrant, r.quadrant_reason, r.n_senses,
    r.n_siblings, r.sibling_count, p.senses_mean, p.name as pack, coalesce(c.label, c.concept) as name, c.origin, c.bucket
from run_concepts r
join runs u on u.run_id = r.run_id
join concepts c on c.pack_hash = u.pack_hash and c.concept = r.concept
join packs p on p.pack_hash = u.pack_hash
where r.run_id = $run_id and r.concept = $concept;

-- name: senses
-- The meanings that the pack lists for a concept.
select s.sense_id, s.definition, s.aliases
from senses s
join runs u on u.pack_hash = s.pack_hash
where u.run_id = $run_id and s.concept = $concept
order by s.position;

-- name: siblings
-- Siblings of a concept, those that the run studies too first.
select s.sibling, coalesce(c.label, s.sibling) as name, r.concept is not null as in_run
from siblings s
join runs u on u.pack_hash = s.pack_hash
join concepts c on c.pack_hash = s.pack_hash and c.concept = s.sibling
left join run_concepts r on r.run_id = u.run_id and r.concept = s.sibling
where u.run_id = $run_id and s.concept = $concept
order by in_run desc, lower(name), s.sibling;

-- name: progress
-- How far each stage of the run is, latest first.
select stage, n_done, n_total, seconds, message, updated_at
from progress
where run_id = $run_id
order by updated_at desc;

-- name: labels
-- Readable names of concepts that the run studies or asks about, where they differ from the term.
select c.concept, c.label
from runs u
join concepts c on c.pack_hash = u.pack_hash
where u.run_id = $run_id and c.label <> c.concept and c.concept in (
    select concept from run_concepts where run_id = $run_id
    union all
    select prompt_concept from prompts where run_id = $run_id
);

-- name: pack
-- The run's pack, what it was made from, and how many of its concepts were split from others or are in a bucket.
select p.name, p.version, p.source, p.senses_mean, p.n_concepts, p.made_by, p.made_from,
    count(c.origin) as n_split, count(distinct c.origin) as n_origins, count(c.bucket) as n_bucketed
from runs u
join packs p on p.pack_hash = u.pack_hash
join concepts c on c.pack_hash = u.pack_hash
where u.run_id = $run_id
group by all;

-- name: positions
-- How many concepts of the run's pack have the same layer and counts, how many of them it chose, and the first few by name.
select c.pack_layer, c.n_senses, if($sibling_count = 'study', c.n_siblings_study, c.n_siblings_distinct) as n_siblings,
    count(*) as n_concepts, count(r.concept) as n_chosen,
    arg_min(coalesce(c.label, c.concept), lower(coalesce(c.label, c.concept)), 3) as names
from runs u
join concepts c on c.pack_hash = u.pack_hash
left join run_concepts r on r.run_id = u.run_id and r.concept = c.concept
where u.run_id = $run_id
group by all
order by all;

-- name: pack_page
-- One page of the pack's concepts that pass the filters, null passing everything; a place is its counts as `senses x siblings`.
with named as (
    select c.concept, coalesce(c.label, c.concept) as name, c.pack_layer, c.definition, c.aliases, c.origin, c.bucket,
        c.n_senses, if($sibling_count = 'study', c.n_siblings_study, c.n_siblings_distinct) as n_siblings,
        r.concept is not null as in_run
    from runs u
    join concepts c on c.pack_hash = u.pack_hash
    left join run_concepts r on r.run_id = u.run_id and r.concept = c.concept
    where u.run_id = $run_id
)
select concept, name, pack_layer, definition, origin, bucket, n_senses, n_siblings, in_run, count(*) over () as n_total
from named
where ($layers::integer[] is null or list_contains($layers::integer[], pack_layer))
    and ($places::text[] is null or concat(n_senses, 'x', n_siblings) in (select unnest($places::text[])))
    and (not $only_chosen or in_run)
    and ($text::text is null or contains(
        lower(concat_ws(chr(10), name, concept, definition, array_to_string(aliases, chr(10)))), lower($text::text)
    ))
order by
    case $sort when 'senses' then n_senses when 'siblings' then n_siblings end desc nulls last,
    if($sort = 'layer', pack_layer, 0), lower(name), concept
limit $n_rows offset $n_skipped;

-- name: lens_facts
-- How a lens was trained, and what it lacks where it could not be measured.
select threshold, n_parameters, n_groups, n_excluded, n_pairs_more
from lenses
where lens_id = $lens_id;

-- name: lens_measures
-- Each measure of a lens out of fold.
select measure, value, low, high, n, reason, method
from lens_measures
where lens_id = $lens_id;

-- name: steps
-- What the rule that was last applied to a concept decided at each step, with the F1 of the lens that decided it.
with last_rule as (
    select rule_hash
    from graduation_steps
    where run_id = $run_id and concept = $concept
    order by decided_at desc, rule_hash
    limit 1
)
select
    g.step, g.n_pairs, g.target, g.ceiling, g.decision, g.why, g.decided_at, f.value as f1, f.low as f1_low, f.high as f1_high,
    array_to_string(l.layers, '+') as layers
from graduation_steps g
join last_rule r on r.rule_hash = g.rule_hash
left join lenses l on l.lens_id = g.lens_id
left join lens_measures f on f.lens_id = g.lens_id and f.measure = 'f1'
where g.run_id = $run_id and g.concept = $concept
order by g.step;
