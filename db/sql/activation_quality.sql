-- name: captured
-- How many activations of both phases a run has, by mode and layer; samples without an output have none.
select
    a.mode, a.layer, count(a.shard) filter (a.phase = 'prompt') as n_prompts, count(a.shard) filter (a.phase = 'output') as n_outputs
from activations a
join prompts q on q.sample_id = a.sample_id
join forms f on f.sample_id = a.sample_id
where q.run_id = $run_id
group by a.mode, a.layer
order by a.mode, a.layer;

-- name: samples
-- Samples that have activations of both phases at a layer, with the place of each, and the quadrant of what they were asked about.
select
    q.sample_id, q.prompt_concept, q.template, c.quadrant, if($form_rule = 'study', f.form_study, f.form_loop) = 'good' as is_good,
    a.shard as prompt_shard, a.shard_row as prompt_row, b.shard as output_shard, b.shard_row as output_row
from prompts q
join activations a on a.sample_id = q.sample_id
join activations b on b.sample_id = q.sample_id
join forms f on f.sample_id = q.sample_id
left join run_concepts c on c.run_id = q.run_id and c.concept = q.prompt_concept
where
    q.run_id = $run_id and a.layer = $layer and b.layer = $layer and a.mode = $mode and b.mode = $mode
    and a.phase = 'prompt' and b.phase = 'output' and a.shard is not null and b.shard is not null
order by q.sample_id;

-- name: measured
-- Whether these measures have been taken.
select quality_id from activation_quality where quality_id = $quality_id;

-- name: latest
-- The measures of a run that were taken last, by a form rule if there are any, or those of one id.
select quality_id, run_id, family, layer, mode, pool, form_rule, settings, measured_at
from activation_quality
where run_id = $run_id and ($quality_id is null or quality_id = $quality_id)
order by form_rule = $form_rule desc nulls last, measured_at desc, quality_id
limit 1;

-- name: results
-- Each measure of one taking: overall, by quadrant and by concept, of all, good and degenerate outputs.
select grain, name, outputs, measure, value, low, high, p, n, reason, method
from activation_quality_results
where quality_id = $quality_id
order by grain desc, name, outputs, measure;

-- name: cells
-- Pairs of these lenses, one a concept, by concept, arm, what the output is worth, and whether the lens fires on its activation out
-- of fold, in most rounds of cross-validation. is_on_topic is null where nobody rated the pair; the examples are the first few
-- samples in the run's order. Of all concepts or of one.
with decided as (
    select lens_id, sample_id, avg(fires::integer) >= 0.5 as fires
    from lens_scores
    where
        lens_id in (select unnest($lens_ids))
        and ($concept is null or lens_id in (select lens_id from lenses where concept = $concept))
    group by lens_id, sample_id
)
select
    v.concept, c.quadrant, v.arm, if($form_rule = 'study', f.form_study, f.form_loop) = 'good' as is_good,
    v.verdict > $k as is_on_topic, d.fires, count(*) as n, arg_min(d.sample_id, v.position, $n_examples) as examples
from decided d
join lenses l on l.lens_id = d.lens_id
join verdicts($run_id, $judge_id) v on v.concept = l.concept and v.sample_id = d.sample_id
join run_concepts c on c.run_id = v.run_id and c.concept = v.concept
join forms f on f.sample_id = d.sample_id
where $concept is null or l.concept = $concept and v.concept = $concept
group by c.position, v.concept, c.quadrant, v.arm, is_good, is_on_topic, d.fires
order by c.position, v.arm, is_good, is_on_topic, d.fires;
