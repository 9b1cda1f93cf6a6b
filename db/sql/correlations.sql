-- name: topic_accuracy
-- Of the texts that were asked for about each concept of the run: for how many the judge named a topic, and the share of its votes
-- that named the concept itself, by its term or an alias.
select
    q.prompt_concept as concept, count(distinct t.sample_id) as n_samples,
    avg((t.topic_match in ('exact', 'alias'))::integer) as accuracy
from topics t
join prompts q on q.sample_id = t.sample_id
where q.run_id = $run_id and t.judge_id = $judge_id and t.topic_match is not null
group by q.prompt_concept
order by q.prompt_concept;
