-- name: rows
-- A run's pairs that have a text, in their order, with what a judge said of each: the topic and explanation of its first vote that
-- has one, and a rating, which is the judge's mean as one of the five, or with $in_force the verdict.
with topic as (
    select sample_id, arg_min(topic, vote) filter (topic is not null) as topic
    from topics
    where judge_id = $judge_id
    group by sample_id
),
said as (
    select
        concept, sample_id,
        arg_min(explanation, vote) filter (explanation is not null) as explanation,
        arg_min(unscored_reason, vote) filter (unscored_reason is not null) as unscored_reason
    from judgments
    where judge_id = $judge_id
    group by concept, sample_id
)
select
    v.concept, c.quadrant, v.arm, q.prompt, s.output, t.topic,
    if($in_force, v.bin, cast(round_even(v.judge_rating, 0) as integer)) as rating,
    j.explanation, j.unscored_reason
from verdicts($run_id, $judge_id) v
join samples s on s.sample_id = v.sample_id
join prompts q on q.sample_id = v.sample_id
join run_concepts c on c.run_id = v.run_id and c.concept = v.concept
left join topic t on t.sample_id = v.sample_id
left join said j on j.concept = v.concept and j.sample_id = v.sample_id
order by v.position;

-- name: reported
-- What others reported of the lenses of an imported run.
select concept, name, value from reported_measures where run_id = $run_id order by concept, name;

-- name: reported_of
-- The same of one concept.
select name, value from reported_measures where run_id = $run_id and concept = $concept order by name;

-- name: run
-- What the methodology tells of a run; the import's columns are null where a model of ours wrote the texts.
select r.name, r.created_at, r.config, r.model, r.seed, r.template_set, p.name, p.version, p.senses_mean, i.kind, i.source
from runs r
join packs p on p.pack_hash = r.pack_hash
left join imports i on i.run_id = r.run_id
where r.run_id = $run_id;

-- name: people
-- How many pairs of a run people overrode, and how many they rated in an audit.
select
    count(*) filter (source = 'override') as n_overrides, count(*) filter (source = 'audit') as n_audited
from ratings_in_force
where run_id = $run_id;
