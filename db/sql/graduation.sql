-- name: pairs_there
-- How many pairs of each concept are written down.
select concept, count(*) as n_pairs from pairs where run_id = $run_id group by concept;

-- name: prompts_there
select sample_id from prompts where run_id = $run_id;

-- name: next_batch
-- The number of the first batch that no prompt is in.
select coalesce(max(batch) + 1, 0) from prompts where run_id = $run_id;

-- name: concepts
-- The run's concepts in their order, with what groups of targets know them by.
select r.concept, r.quadrant, c.pack_layer
from run_concepts r
join runs u on u.run_id = r.run_id
join concepts c on c.pack_hash = u.pack_hash and c.concept = r.concept
where r.run_id = $run_id
order by r.position;

-- name: lenses
-- Those of some lenses that are of one family and of these concepts, with what decides about a concept.
select
    l.concept, l.layers, l.lens_id, m.value, m.low, m.high, coalesce(m.n, 0) as n, m.method,
    coalesce(l.reason, m.reason, 'it was not measured') as reason, t.value as train_f1, a.value as always_positive_f1
from lenses l
left join lens_measures m on m.lens_id = l.lens_id and m.measure = 'f1'
left join lens_measures t on t.lens_id = l.lens_id and t.measure = 'train_f1'
left join lens_measures a on a.lens_id = l.lens_id and a.measure = 'always_positive_f1'
where
    l.run_id = $run_id and l.family = $family
    and l.concept in (select unnest($concepts)) and l.lens_id in (select unnest($lens_ids))
order by l.concept, l.layers;

-- name: layers
-- What the lenses read by which a rule decided first.
select l.layers
from graduation_steps g
join lenses l on l.lens_id = g.lens_id
join lens_measures m on m.lens_id = g.lens_id and m.measure = 'f1' and m.value is not null
where g.run_id = $run_id and g.rule_hash = $rule_hash
order by g.decided_at, g.step, g.concept
limit 1;

-- name: steps
-- All that was decided by one rule, concept by concept.
select g.concept, g.step, g.decision
from graduation_steps g
join run_concepts r on r.run_id = g.run_id and r.concept = g.concept
where g.run_id = $run_id and g.rule_hash = $rule_hash
order by r.position, g.step;

-- name: measured_steps
-- The same with what the lens that decided reaches and reads.
select
    g.concept, r.quadrant, g.step, g.n_pairs, g.lens_id, array_to_string(l.layers, '+') as layer, g.target, g.ceiling,
    g.reached, g.decision, g.why, f.value as f1, f.low, f.high, t.value as train_f1, a.value as always_positive_f1
from graduation_steps g
join run_concepts r on r.run_id = g.run_id and r.concept = g.concept
left join lenses l on l.lens_id = g.lens_id
left join lens_measures f on f.lens_id = g.lens_id and f.measure = 'f1'
left join lens_measures t on t.lens_id = g.lens_id and t.measure = 'train_f1'
left join lens_measures a on a.lens_id = g.lens_id and a.measure = 'always_positive_f1'
where g.run_id = $run_id and g.rule_hash = $rule_hash
order by r.position, g.step;

-- name: latest
-- Of the rule that was last applied in a run: how many concepts it has decided about, and how many graduated.
with last_rule as (
    select rule_hash from graduation_steps where run_id = $run_id order by decided_at desc, rule_hash limit 1
)
select
    g.rule_hash, count(distinct g.concept) as n_concepts, count(*) filter (g.decision = 'graduated') as n_graduated,
    count(*) filter (g.decision not in ('more', 'graduated')) as n_stopped
from graduation_steps g
join last_rule on last_rule.rule_hash = g.rule_hash
where g.run_id = $run_id
group by g.rule_hash;
