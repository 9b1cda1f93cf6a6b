-- name: as_of
-- Grows with everything that findings rest on beside the stages' rows: ratings, and what commands measured.
select * from (select coalesce(max(order_number), 0) from ratings)
positional join (select count(*), max(measured_at)::text from activation_quality)
positional join (select count(*) from comparisons)
positional join (select count(*) from graduation_steps)
positional join (select count(*) from learning_curves)
positional join (select count(*) from audit_plans);

-- name: judge_work
-- What each judge of a run was asked and what it answered: votes on relevance and on topics, their tokens, cost and times.
with asked as (
    select
        g.judge_id, 'relevance' as question, g.rating is not null as is_scored, g.n_input_tokens, g.n_output_tokens,
        g.n_cache_read_tokens, g.n_cache_write_tokens, g.cost_usd, g.judged_at
    from judgments g
    semi join pairs p on p.run_id = $run_id and p.concept = g.concept and p.sample_id = g.sample_id
    union all
    select
        t.judge_id, 'topic', t.topic is not null, t.n_input_tokens, t.n_output_tokens, t.n_cache_read_tokens,
        t.n_cache_write_tokens, t.cost_usd, t.judged_at
    from topics t
    semi join pairs p on p.run_id = $run_id and p.sample_id = t.sample_id
)
select
    judge_id, question, count(*) as n_votes, count(*) filter (not is_scored) as n_unscored,
    sum(n_input_tokens)::bigint as n_input_tokens, sum(n_output_tokens)::bigint as n_output_tokens,
    sum(n_cache_read_tokens + n_cache_write_tokens)::bigint as n_cached_tokens,
    sum(cost_usd) as cost_usd, count(*) filter (cost_usd is null) as n_unpriced,
    min(judged_at) as first_at, max(judged_at) as last_at
from asked
group by judge_id, question
order by judge_id, question;

-- name: unscored
-- Why votes on relevance have no rating, by judge and arm, most frequent first.
select g.judge_id, p.arm, g.unscored_reason as reason, count(*) as n
from judgments g
join pairs p on p.run_id = $run_id and p.concept = g.concept and p.sample_id = g.sample_id
where g.unscored_reason is not null
group by g.judge_id, p.arm, g.unscored_reason
order by n desc, g.judge_id, p.arm, reason
limit $n_rows;

-- name: spreads
-- How far the votes of one judge on one pair lie apart, highest less lowest, for pairs with two scored votes or more.
with several as (
    select judge_id from judgments group by judge_id having max(vote) > 0
),
voted as (
    select g.judge_id, p.arm, max(g.rating) - min(g.rating) as spread
    from judgments g
    semi join several m on m.judge_id = g.judge_id
    join pairs p on p.run_id = $run_id and p.concept = g.concept and p.sample_id = g.sample_id
    where g.rating is not null
    group by g.judge_id, g.concept, g.sample_id, p.arm
    having count(*) > 1
)
select judge_id, arm, spread::integer as spread, count(*) as n
from voted
group by judge_id, arm, spread
order by judge_id, arm, spread;

-- name: audited_cell
-- Drawn and audited pairs of a run to which one judge gave a rating of this bin and people, or another judge, one of that bin.
with rated as (
    select
        p.concept, p.sample_id, p.arm, p.position, round_even(j.mean_rating, 0)::integer as first_bin,
        case when $second is null then p.audit_rating else round_even(o.mean_rating, 0)::integer end as second_bin
    from audit_pairs($run_id) p
    join ratings_by_judge($first) j on j.concept = p.concept and j.sample_id = p.sample_id
    left join ratings_by_judge(coalesce($second, '')) o on o.concept = p.concept and o.sample_id = p.sample_id
    where p.is_audited and p.audit_rating is not null and j.mean_rating is not null
)
select
    r.concept, r.sample_id, r.arm, r.first_bin, r.second_bin, substr(s.output, 1, 200) as excerpt, count(*) over () as n_total
from rated r
join samples s on s.sample_id = r.sample_id
where r.first_bin = $first_bin and r.second_bin = $second_bin and ($arm is null or r.arm = $arm)
order by r.arm desc, r.concept, r.sample_id
limit $n_rows;

-- name: people_cell
-- Drawn pairs that two people rated blind, the first by the alphabet with this rating and the other with that one: these two
-- people, or any two where they are null.
with own as (
    select concept, sample_id, reviewer, rating from ratings_by_reviewer where run_id = $run_id and source = 'audit'
)
select
    p.concept, p.sample_id, p.arm, a.rating as first_bin, b.rating as second_bin, substr(s.output, 1, 200) as excerpt,
    count(*) over () as n_total
from audit_pairs($run_id) p
join own a on a.concept = p.concept and a.sample_id = p.sample_id
join own b on b.concept = p.concept and b.sample_id = p.sample_id and a.reviewer < b.reviewer
join samples s on s.sample_id = p.sample_id
where p.is_audited and a.rating = $first_bin and b.rating = $second_bin and ($arm is null or p.arm = $arm)
    and ($first is null or a.reviewer = $first) and ($second is null or b.reviewer = $second)
order by p.arm desc, p.concept, p.sample_id, a.reviewer, b.reviewer
limit $n_rows;
