-- name: measures
-- Some measures of these lenses.
select lens_id, measure, value, low, high, n, reason, method
from lens_measures
where list_contains($lens_ids, lens_id) and list_contains($measures, measure);

-- name: scores
-- What these lenses say of each pair out of fold, on average over the rounds of cross-validation, and the pair's arm.
select avg(s.probability) as probability, (p.arm = 'positive')::integer as is_positive,
    dense_rank() over (order by s.lens_id) as lens
from lens_scores s
join lenses l on l.lens_id = s.lens_id
join pairs p on p.run_id = l.run_id and p.concept = l.concept and p.sample_id = s.sample_id
where list_contains($lens_ids, s.lens_id)
group by s.lens_id, s.sample_id, p.arm
order by s.lens_id, s.sample_id;

-- name: constant
-- Those of these lenses that give all texts which a fold holds out the same probability, fold by fold.
with folds as (
    select lens_id, max(probability) - min(probability) as spread
    from lens_scores
    where list_contains($lens_ids, lens_id) and repeat = 0
    group by lens_id, fold
)
select lens_id from folds group by lens_id having max(spread) < 1e-9;

-- name: graduation
-- The last step of each concept by the rule that was last applied in the run.
with last_rule as (
    select rule_hash from graduation_steps where run_id = $run_id order by decided_at desc, rule_hash limit 1
)
select g.concept, g.step, g.n_pairs, g.target, g.reached, g.decision, g.why
from graduation_steps g
join last_rule using (rule_hash)
where g.run_id = $run_id
qualify row_number() over (partition by g.concept order by g.step desc) = 1
order by g.concept;

-- name: comparisons
-- Comparisons that the run is a side of: of each kind, variant, lens and other run the latest.
select c.comparison_id, c.kind, c.variant, c.family, array_to_string(c.layers, '+') as layer, c.settings,
    c.other_run_id is not null as is_of_runs, c.run_id = $run_id as is_before,
    coalesce(o.name, '') as other_run, c.compared_at
from comparisons c
left join runs o on o.run_id = if(c.run_id = $run_id, c.other_run_id, c.run_id)
where c.run_id = $run_id or c.other_run_id = $run_id
qualify row_number() over (
    partition by c.kind, c.variant, c.family, c.layers, c.run_id, c.other_run_id order by c.compared_at desc, c.comparison_id
) = 1
order by c.compared_at, c.comparison_id;

-- name: comparison_results
-- Each concept's measures on both sides of these comparisons.
select comparison_id, concept, measure, before, after, n, kept, reason
from comparison_results
where list_contains($comparison_ids, comparison_id)
order by comparison_id, concept, measure;

-- name: trained
-- What a run's lenses of one phase, mode and pool read, with the families that read it.
select layers, list(distinct family order by family) as families
from lenses
where run_id = $run_id and phase = $phase and mode = $mode and pool = $pool
group by layers
order by len(layers), layers;
