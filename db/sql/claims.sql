-- name: firing
-- On how many pairs of each kind the named lenses were asked out of fold, and on how many they fired: by concept, arm, kind of
-- negative, whether the output is degenerate (null: not measured) and its verdict as one of the five ratings (null: unrated).
-- Rounds of cross-validation count each. Of all concepts or of one.
select
    l.concept, v.arm, v.negative_kind,
    case when $form_rule = 'study' then f.form_study else f.form_loop end != 'good' as is_degenerate,
    v.bin, count(*) as n, count(*) filter (s.fires) as n_fires
from lenses l
join lens_scores s on s.lens_id = l.lens_id
join verdicts($run_id, $judge_id) v on v.concept = l.concept and v.sample_id = s.sample_id
left join forms f on f.sample_id = s.sample_id
where list_contains($lens_ids, l.lens_id) and ($concept is null or l.concept = $concept and v.concept = $concept)
group by all
order by all;

-- name: graduated
-- Of the rule that was last applied in a run: whether each concept that it is done with graduated at the target that was asked for.
with last_rule as (
    select rule_hash from graduation_steps where run_id = $run_id order by decided_at desc, rule_hash limit 1
)
select g.concept, coalesce(bool_or(g.reached >= g.target), false) as graduated
from graduation_steps g
join last_rule on last_rule.rule_hash = g.rule_hash
where g.run_id = $run_id
group by g.concept
having bool_or(g.decision != 'more')
order by g.concept;

-- name: comparisons
-- The latest comparison of each kind that started from a run and led to what the report proposes, with its settings.
select kind, comparison_id, settings
from comparisons
where
    run_id = $run_id
    and (kind in ('splitting', 'bucketing') or (kind, variant) in (('filter', 'good-only'), ('refinement', 'margin')))
qualify row_number() over (partition by kind order by compared_at desc, comparison_id) = 1
order by kind;

-- name: differences
-- What a comparison changed of one measure, where both sides are known.
select concept, after - before as difference
from comparison_results
where comparison_id = $comparison_id and measure = $measure and before is not null and after is not null
order by concept;

-- name: transfer
-- AUC out of fold on output activations of lenses trained on prompts and on outputs, by concept, as measured last in a run.
with last_taken as (
    select quality_id from activation_quality where run_id = $run_id order by measured_at desc, quality_id limit 1
)
select
    r.name as concept, max(r.value) filter (r.measure = 'auc_transfer') as moved,
    max(r.value) filter (r.measure = 'auc_within') as within
from activation_quality_results r
join last_taken t on t.quality_id = r.quality_id
where r.grain = 'concept' and r.outputs = 'all'
group by r.name
having moved is not null and within is not null
order by r.name;
