-- name: topics_to_ask
-- The next samples after one of them, by id, that lack votes of the judge on their topic. Ids are hashes, so whatever a judge
-- gets done before it is stopped is spread evenly over concepts and arms.
select
    null as concept, s.sample_id, s.output, q.prompt_concept,
    votes_to_ask(g.votes, g.closed, $n_votes, $again) as votes
from samples s
join prompts q on q.sample_id = s.sample_id
left join topics_given g on g.judge_id = $judge_id and g.sample_id = s.sample_id
where q.run_id = $run_id and s.sample_id > $after and len(votes_to_ask(g.votes, g.closed, $n_votes, $again)) > 0
order by s.sample_id
limit $n_rows;

-- name: relevance_to_ask
-- The next pairs after a sample, sample by sample, that lack votes of the judge on their relevance; $after names the last
-- sample that was asked about wholly. All pairs of a sample come together, so a page may be longer than asked for. $chosen names the pairs to
-- ask about, concept and sample with a unit separator between; null is all of them.
with wanted as (
    select p.concept, p.sample_id, votes_to_ask(g.votes, g.closed, $n_votes, $again) as votes
    from pairs p
    semi join samples s on s.sample_id = p.sample_id
    left join ratings_given g on g.judge_id = $judge_id and g.concept = p.concept and g.sample_id = p.sample_id
    where
        p.run_id = $run_id and p.sample_id > $after
        and ($chosen is null or list_contains($chosen::text[], p.concept || chr(31) || p.sample_id))
        and len(votes_to_ask(g.votes, g.closed, $n_votes, $again)) > 0
),
page as (
    select distinct sample_id from wanted order by sample_id limit $n_rows
)
select w.concept, w.sample_id, s.output, q.prompt_concept, w.votes
from wanted w
semi join page on page.sample_id = w.sample_id
join samples s on s.sample_id = w.sample_id
join prompts q on q.sample_id = w.sample_id
order by w.sample_id, w.concept;

-- name: chosen_pairs
-- Which of the chosen pairs the run has a text of.
select p.concept, p.sample_id
from pairs p
semi join samples s on s.sample_id = p.sample_id
where p.run_id = $run_id and list_contains($chosen::text[], p.concept || chr(31) || p.sample_id);

-- name: texts
-- What votes on these samples are about, as far as the run asks for them: the text, and the concept that it was asked to be about.
select null as concept, s.sample_id, s.output, q.prompt_concept
from samples s
join prompts q on q.sample_id = s.sample_id
where q.run_id = $run_id and s.sample_id in (select unnest($sample_ids::text[]))
union all
select p.concept, s.sample_id, s.output, q.prompt_concept
from pairs p
join samples s on s.sample_id = p.sample_id
join prompts q on q.sample_id = p.sample_id
where p.run_id = $run_id and p.sample_id in (select unnest($sample_ids::text[]));

-- name: topics_left
-- How much there is to ask about topics: votes, votes on empty texts, and characters of the texts of all votes, cut at a limit.
select
    coalesce(sum(len(votes_to_ask(g.votes, g.closed, $n_votes, $again))), 0)::bigint as n_votes,
    coalesce(sum(len(votes_to_ask(g.votes, g.closed, $n_votes, $again))) filter (trim(s.output, e' \t\n\r\f\x0b') = ''), 0)::bigint
        as n_empty,
    coalesce(sum(
        len(votes_to_ask(g.votes, g.closed, $n_votes, $again)) * least(length(s.output), $text_limit)
    ), 0)::bigint as n_chars
from samples s
join prompts q on q.sample_id = s.sample_id
left join topics_given g on g.judge_id = $judge_id and g.sample_id = s.sample_id
where q.run_id = $run_id;

-- name: relevance_left
select
    coalesce(sum(len(votes_to_ask(g.votes, g.closed, $n_votes, $again))), 0)::bigint as n_votes,
    coalesce(sum(len(votes_to_ask(g.votes, g.closed, $n_votes, $again))) filter (trim(s.output, e' \t\n\r\f\x0b') = ''), 0)::bigint
        as n_empty,
    coalesce(sum(
        len(votes_to_ask(g.votes, g.closed, $n_votes, $again)) * least(length(s.output), $text_limit)
    ), 0)::bigint as n_chars
from pairs p
join samples s on s.sample_id = p.sample_id
left join ratings_given g on g.judge_id = $judge_id and g.concept = p.concept and g.sample_id = p.sample_id
where
    p.run_id = $run_id
    and ($chosen is null or list_contains($chosen::text[], p.concept || chr(31) || p.sample_id));

-- name: spent
-- What a judge has cost in this study so far, the votes whose cost nobody knows, its mean reply in tokens by kind, and what
-- lost replies may have cost at most.
with votes as (
    select 'topic' as kind, cost_usd, n_output_tokens, raw_reply <> '' as was_asked from topics where judge_id = $judge_id
    union all
    select 'relevance', cost_usd, n_output_tokens, raw_reply <> '' from judgments where judge_id = $judge_id
),
extras as (
    select
        coalesce(sum(cost_usd) filter (reason = 'probe'), 0) as sure_usd,
        coalesce(sum(cost_usd) filter (reason <> 'probe'), 0) as lost_usd
    from judge_extras
    where judge_id = $judge_id
)
select
    coalesce(sum(cost_usd), 0) + (select sure_usd from extras) as cost_usd,
    count(*) filter (cost_usd is null) as n_unpriced,
    avg(n_output_tokens) filter (kind = 'topic' and was_asked) as topic_tokens,
    avg(n_output_tokens) filter (kind = 'relevance' and was_asked) as relevance_tokens,
    (select lost_usd from extras) as lost_usd
from votes;

-- name: at_server
-- The most that batches of a judge which are under way can cost, as far as their votes are not kept yet.
select coalesce(sum(b.worst_usd / b.n_requests), 0) as at_server_usd
from judge_batch_items i
join judge_batches b on b.intent = i.intent
anti join (select intent from judge_batch_steps where step in ('done', 'lost')) ended on ended.intent = b.intent
anti join (
    select 'topic' as kind, null as concept, sample_id, vote from topics where judge_id = $judge_id
    union all
    select 'relevance', concept, sample_id, vote from judgments where judge_id = $judge_id
) kept
    on kept.kind = b.kind and kept.concept is not distinct from i.concept and kept.sample_id = i.sample_id
    and kept.vote = i.vote
where b.judge_id = $judge_id;

-- name: capabilities
-- What an endpoint was found to be able to do, the latest time.
select capabilities from endpoints where base_url = $base_url and model = $model order by probed_at desc limit 1;

-- name: open_batches
-- Batches of a judge and kind that were written down and have not ended, with the server's id where it is known.
select b.intent, b.n_requests, b.created_at, s.batch_id, b.worst_usd
from judge_batches b
left join judge_batch_steps s on s.intent = b.intent and s.step = 'submitted'
anti join (select intent from judge_batch_steps where step in ('done', 'lost')) ended on ended.intent = b.intent
where b.judge_id = $judge_id and b.run_id = $run_id and b.kind = $kind
order by b.created_at, b.intent;

-- name: batch_items_left
-- The questions of a batch, by position, whose votes are not kept yet.
select i.position, i.concept, i.sample_id, i.vote
from judge_batch_items i
anti join (
    select null as concept, sample_id, vote from topics where judge_id = $judge_id and $kind = 'topic'
    union all
    select concept, sample_id, vote from judgments where judge_id = $judge_id and $kind = 'relevance'
) kept on kept.concept is not distinct from i.concept and kept.sample_id = i.sample_id and kept.vote = i.vote
where i.intent = $intent
order by i.position;

-- name: costs
-- What each judge has said about a run and what that took; `n_unpriced` votes have a cost that nobody knows. What its probes
-- cost and what replies that were lost may have cost at most is of the judge in the whole study.
with votes as (
    select
        t.judge_id, 1 as n_topics, 0 as n_ratings, t.topic is null as is_unscored, t.n_input_tokens, t.n_cache_read_tokens,
        t.n_cache_write_tokens, t.n_output_tokens, t.cost_usd
    from topics t
    join prompts q on q.sample_id = t.sample_id
    where q.run_id = $run_id
    union all
    select
        g.judge_id, 0, 1, g.rating is null, g.n_input_tokens, g.n_cache_read_tokens, g.n_cache_write_tokens,
        g.n_output_tokens, g.cost_usd
    from judgments g
    join pairs p on p.concept = g.concept and p.sample_id = g.sample_id
    where p.run_id = $run_id
),
extras as (
    select
        judge_id,
        sum(cost_usd) filter (reason = 'probe') as probe_usd,
        sum(cost_usd) filter (reason <> 'probe') as lost_usd
    from judge_extras
    group by judge_id
)
select
    j.judge_id, j.backend, j.model, j.rubric, j.rubric_hash, j.parameters, j.is_baseline,
    sum(v.n_topics)::bigint as n_topics,
    sum(v.n_ratings)::bigint as n_ratings,
    count(*) filter (v.is_unscored) as n_unscored,
    sum(v.n_input_tokens + v.n_cache_read_tokens + v.n_cache_write_tokens)::bigint as n_input_tokens,
    sum(v.n_cache_read_tokens)::bigint as n_cache_read_tokens,
    sum(v.n_output_tokens)::bigint as n_output_tokens,
    sum(v.cost_usd) as cost_usd,
    count(*) filter (v.cost_usd is null) as n_unpriced,
    coalesce(any_value(e.probe_usd), 0) as probe_usd,
    coalesce(any_value(e.lost_usd), 0) as lost_usd
from votes v
join judges j on j.judge_id = v.judge_id
left join extras e on e.judge_id = v.judge_id
group by j.judge_id, j.backend, j.model, j.rubric, j.rubric_hash, j.parameters, j.is_baseline
order by n_ratings desc, n_topics desc, j.judge_id;

-- name: topic_examples
-- A few of the samples that are pending, in an order by hash, so that they are like all; a sample is there once, whatever its votes.
select null as concept, s.sample_id, s.output
from samples s
join prompts q on q.sample_id = s.sample_id
left join topics_given g on g.judge_id = $judge_id and g.sample_id = s.sample_id
where
    q.run_id = $run_id and trim(s.output, e' \t\n\r\f\x0b') <> ''
    and len(votes_to_ask(g.votes, g.closed, $n_votes, $again)) > 0
order by md5(s.sample_id)
limit $n_rows;

-- name: relevance_examples
select p.concept, p.sample_id, s.output
from pairs p
join samples s on s.sample_id = p.sample_id
left join ratings_given g on g.judge_id = $judge_id and g.concept = p.concept and g.sample_id = p.sample_id
where
    p.run_id = $run_id and trim(s.output, e' \t\n\r\f\x0b') <> ''
    and ($chosen is null or list_contains($chosen::text[], p.concept || chr(31) || p.sample_id))
    and len(votes_to_ask(g.votes, g.closed, $n_votes, $again)) > 0
order by md5(p.concept || chr(31) || p.sample_id)
limit $n_rows;
