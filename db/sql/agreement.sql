-- name: between_judges
-- How often one judge gave a rating and another judge a rating to the same pair of a run, by concept and arm. A judge's rating
-- is the mean of its votes as given, rounded only as far as the order of the votes decides its last digits.
select
    p.concept, p.arm,
    round(a.mean_rating, 9) as first_rating,
    round(b.mean_rating, 9) as second_rating,
    count(*) as n
from pairs p
join ratings_by_judge($first) a on a.concept = p.concept and a.sample_id = p.sample_id
join ratings_by_judge($second) b on b.concept = p.concept and b.sample_id = p.sample_id
where p.run_id = $run_id and a.mean_rating is not null and b.mean_rating is not null
group by all
order by all;

-- name: with_overrides
-- How often each judge and people who overrode pairs that they came across gave which ratings, by concept, judge and arm: in the
-- whole run or in one concept.
with overridden as materialized (
    select concept, sample_id, cast(rating as double) as person_rating
    from ratings_in_force
    where run_id = $run_id and source = 'override' and ($concept is null or concept = $concept)
),
rated as (
    select g.judge_id, g.concept, g.sample_id, round(avg(coalesce(g.expected_rating, g.rating)), 9) as judge_rating
    from judgments g
    semi join overridden o on o.concept = g.concept and o.sample_id = g.sample_id
    group by all
)
select p.concept, r.judge_id, p.arm, r.judge_rating as first_rating, o.person_rating as second_rating, count(*) as n
from overridden o
join rated r on r.concept = o.concept and r.sample_id = o.sample_id
join pairs p on p.run_id = $run_id and p.concept = o.concept and p.sample_id = o.sample_id
where r.judge_rating is not null
group by all
order by all;

-- name: audited_votes
-- Drawn pairs of a run, or of one of its concepts, that a person rated blind, with each judge's rating or that of one: when the
-- judge gave its last vote, when the person rated, both ratings, and the probability with which the pair was drawn. The person's is
-- the audit rating: an override of a drawn pair was given in sight of the judge's. A judge's is the mean of its votes, rounded only
-- as far as their order decides its digits.
with audited as materialized (
    select concept, sample_id, arm, cast(audit_rating as double) as person_rating, probability
    from audit_pairs($run_id)
    where is_audited and audit_rating is not null and ($concept is null or concept = $concept)
),
-- The votes are sought by the pairs, so that a few audited ones among a million are soon found.
voted as (
    select
        g.judge_id, g.concept, g.sample_id, round(avg(coalesce(g.expected_rating, g.rating)), 9) as judge_rating,
        max(g.judged_at) filter (g.rating is not null) as judged_at
    from judgments g
    semi join audited a on a.concept = g.concept and a.sample_id = g.sample_id
    where $judge_id is null or g.judge_id = $judge_id
    group by all
)
select
    a.concept, v.judge_id, a.sample_id, a.arm, v.judged_at, r.rated_at, v.judge_rating, a.person_rating, a.probability
from audited a
join voted v on v.concept = a.concept and v.sample_id = a.sample_id
join ratings_in_force h
    on h.run_id = $run_id and h.concept = a.concept and h.sample_id = a.sample_id and h.source = 'audit'
join ratings r on r.order_number = h.order_number
where v.judge_rating is not null
order by a.concept, v.judge_id, a.sample_id;

-- name: audited_between_people
-- How often any two people who rated one drawn pair gave which ratings, each by their own latest audit rating that is not undone,
-- by concept, arm and the probability with which it was drawn.
with own as (
    select concept, sample_id, reviewer, rating from ratings_by_reviewer where run_id = $run_id and source = 'audit'
)
select
    p.concept, p.arm, a.reviewer as first_reviewer, b.reviewer as second_reviewer, cast(a.rating as double) as first_rating,
    cast(b.rating as double) as second_rating, p.probability, count(*) as n
from audit_pairs($run_id) p
join own a on a.concept = p.concept and a.sample_id = p.sample_id
join own b on b.concept = p.concept and b.sample_id = p.sample_id and a.reviewer < b.reviewer
where p.is_audited and ($concept is null or p.concept = $concept)
group by all
order by all;

-- name: rubric_versions
-- Judges of a run that ask the same model with different rubrics, the latest of each rubric: its versions in time.
with judged as (
    from judges j
    semi join (
        select g.judge_id
        from judgments g
        semi join pairs p on p.run_id = $run_id and p.concept = g.concept and p.sample_id = g.sample_id
    ) g on g.judge_id = j.judge_id
),
versions as (
    from judged
    qualify row_number() over (partition by backend, model, rubric_hash order by created_at desc, judge_id) = 1
)
select backend, model, rubric, rubric_hash, judge_id
from versions
qualify count(*) over (partition by backend, model) > 1
order by backend, model, created_at, rubric_hash;
