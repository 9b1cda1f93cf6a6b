-- name: of_samples
-- All that people said of the pairs of some samples, oldest first; an undoing names what it undid.
select concept, sample_id, rating_id, reviewer, source, rating, reason, rated_at, undoes
from ratings
where run_id = $run_id and sample_id in $sample_ids
order by order_number;

-- name: latest_overrides
-- The latest overrides in force of a run, each with the audit rating in force of its pair.
with latest as materialized (
    select concept, sample_id, rating as override_rating, reviewer, order_number
    from ratings_in_force
    where run_id = $run_id and source = 'override'
    order by order_number desc
    limit $n_rows
)
select l.concept, l.sample_id, l.override_rating, l.reviewer, r.reason, r.rated_at, a.rating as audit_rating
from latest l
join ratings r on r.order_number = l.order_number
left join (
    select concept, sample_id, rating from ratings_in_force where run_id = $run_id and source = 'audit'
) a on a.concept = l.concept and a.sample_id = l.sample_id
order by l.order_number desc;

-- name: corrected_texts
-- Arm, quadrant and the beginning of the text of a run's pairs, which are found by their samples, for these are indexed.
with of_samples as materialized (
    from pairs where sample_id in $sample_ids
),
written as materialized (
    select sample_id, substr(output, 1, 400) as excerpt from samples where sample_id in $sample_ids
)
select p.concept, p.sample_id, p.arm, c.quadrant, s.excerpt
from of_samples p
join written s on s.sample_id = p.sample_id
join run_concepts c on c.run_id = p.run_id and c.concept = p.concept
where p.run_id = $run_id;

-- name: corrected_votes
-- What a judge rates pairs, which are found by their samples.
with voted as materialized (
    from judgments where sample_id in $sample_ids
)
select concept, sample_id, avg(coalesce(expected_rating, rating)) as mean_rating
from voted
where judge_id = $judge_id
group by concept, sample_id;

-- name: correctors
-- How many overrides of each reviewer are in force in a run.
select reviewer, count(*) as n
from ratings_in_force
where run_id = $run_id and source = 'override'
group by reviewer
order by reviewer;

-- name: n_audited
-- How many pairs of a run have an audit rating in force.
select count(*) from ratings_by_people($run_id) where audit_rating is not null;

-- name: n_pairs
-- How many pairs of a run have a rating by people in force, which stands in place of any judge's.
select count(*) from ratings_by_people($run_id);

-- name: corrected
-- By how much overrides in force move the counts of each concept, arm and form: the five rating counts, and sum and sum of squares
-- of verdicts beyond those of their bins, in the run or in one concept. As `findings.counts`, of the overridden pairs alone.
with overridden as materialized (
    select concept, sample_id, override_rating, audit_rating
    from ratings_by_people($run_id)
    where override_rating is not null and ($concept is null or concept = $concept)
),
judged as (
    select g.concept, g.sample_id, avg(coalesce(g.expected_rating, g.rating)) as mean_rating
    from judgments g
    semi join overridden o on o.concept = g.concept and o.sample_id = g.sample_id
    where g.judge_id = $judge_id and ($concept is null or g.concept = $concept)
    group by g.concept, g.sample_id
),
moved as (
    select
        p.concept, p.arm, case when $form_rule = 'study' then f.form_study else f.form_loop end as form,
        o.override_rating as bin, coalesce(o.audit_rating, j.mean_rating) as otherwise,
        cast(round_even(otherwise, 0) as integer) as other_bin
    from overridden o
    join pairs p on p.run_id = $run_id and p.concept = o.concept and p.sample_id = o.sample_id
    semi join samples s on s.sample_id = p.sample_id
    left join judged j on j.concept = o.concept and j.sample_id = o.sample_id
    left join forms f on f.sample_id = o.sample_id
    where $concept is null or p.concept = $concept
)
select
    concept, arm, form,
    count(*) filter (bin = 1) - count(*) filter (other_bin = 1) as n_1,
    count(*) filter (bin = 2) - count(*) filter (other_bin = 2) as n_2,
    count(*) filter (bin = 3) - count(*) filter (other_bin = 3) as n_3,
    count(*) filter (bin = 4) - count(*) filter (other_bin = 4) as n_4,
    count(*) filter (bin = 5) - count(*) filter (other_bin = 5) as n_5,
    -coalesce(round(sum(otherwise - other_bin), 9), 0) as off_total,
    -coalesce(round(sum((otherwise - other_bin) * (otherwise + other_bin)), 9), 0) as off_squares
from moved
group by all
order by all;
