-- name: before
-- The look at the overview that ended the reviewer's last visit. A visit goes on until half an hour passes without a look.
with looks as (
    select
        visit_id, seen_at, judge_id, form_rule, last_rating,
        coalesce(lead(seen_at) over (order by seen_at), $now) - seen_at > interval 30 minutes as is_end
    from visits
    where run_id = $run_id and reviewer = $reviewer
)
select visit_id, seen_at, judge_id, form_rule, last_rating
from looks
where is_end
order by seen_at desc
limit 1;

-- name: last_look
select max(seen_at) from visits where run_id = $run_id and reviewer = $reviewer;

-- name: gaps
select grain, gap, low, high from visit_gaps where visit_id = $visit_id order by grain;

-- name: ratings_since
-- How many ratings each person gave after a certain one, without what was undone and without the undoing.
select reviewer, count(*) as n
from ratings_by_reviewer
where run_id = $run_id and order_number > $last_rating
group by reviewer
order by n desc, reviewer;

-- name: work_since
-- What the stages wrote after a time.
select * from (
    select count(*) as n_samples
    from samples s
    join prompts p on p.sample_id = s.sample_id
    where p.run_id = $run_id and s.generated_at > $since
)
positional join (
    select count(*) as n_judgments
    from judgments j
    join pairs p on p.concept = j.concept and p.sample_id = j.sample_id
    where p.run_id = $run_id and j.judge_id = $judge_id and j.judged_at > $since
)
positional join (select count(*) as n_lenses from lenses where run_id = $run_id and trained_at > $since)
positional join (select count(*) as n_flags from flags_in_force where run_id = $run_id and marked_at > $since);

-- name: unscored
-- Pairs of the run that the judge was asked about and gave no rating, nor did a person. Looked for among the few votes without a
-- rating, for a mean of every pair's votes takes a second on a million.
with mute as materialized (
    select distinct concept, sample_id from judgments where judge_id = $judge_id and rating is null
)
select count(*)
from mute m
semi join (from pairs where run_id = $run_id) p on p.concept = m.concept and p.sample_id = m.sample_id
anti join (from judgments where judge_id = $judge_id and rating is not null) j
    on j.concept = m.concept and j.sample_id = m.sample_id
anti join (from ratings_in_force where run_id = $run_id) r on r.concept = m.concept and r.sample_id = m.sample_id;

-- name: is_asked_again
-- Whether the judge gave several votes a pair, or told its doubts; else no votes spread.
select exists (from judgments where judge_id = $judge_id and (vote > 0 or probabilities is not null));

-- name: spread
-- Pairs of the run whose judge's votes spread by 1 or more, and that no person has rated.
select count(*)
from (from ratings_by_judge($judge_id) where spread >= 1) j
semi join (from pairs where run_id = $run_id) p on p.concept = j.concept and p.sample_id = j.sample_id
anti join (from ratings_in_force where run_id = $run_id) r on r.concept = j.concept and r.sample_id = j.sample_id;

-- name: last_mark
select coalesce(max(order_number), 0) from marks;
