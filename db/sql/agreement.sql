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
-- The same of a judge and people who overrode pairs that they came across.
select
    p.concept, p.arm, round(a.mean_rating, 9) as first_rating, cast(h.rating as double) as second_rating, count(*) as n
from pairs p
join ratings_by_judge($judge_id) a on a.concept = p.concept and a.sample_id = p.sample_id
join ratings_in_force h
    on h.run_id = p.run_id and h.concept = p.concept and h.sample_id = p.sample_id and h.source = 'override'
where p.run_id = $run_id and a.mean_rating is not null
group by all
order by all;

-- name: audited_with_people
-- How often a judge and a person gave which ratings to one drawn pair of a run, by concept, arm and the probability with which it
-- was drawn. The person's is the audit rating: an override of a drawn pair was given in sight of the judge's.
select
    p.concept, p.arm, round(j.mean_rating, 9) as first_rating, cast(p.audit_rating as double) as second_rating, p.probability,
    count(*) as n
from audit_pairs($run_id) p
join ratings_by_judge($judge_id) j on j.concept = p.concept and j.sample_id = p.sample_id
where p.is_audited and p.audit_rating is not null and j.mean_rating is not null
group by all
order by all;

-- name: audited_between_judges
-- The same of two judges, on the same pairs: drawn, and rated by a person.
select
    p.concept, p.arm, round(a.mean_rating, 9) as first_rating, round(b.mean_rating, 9) as second_rating, p.probability,
    count(*) as n
from audit_pairs($run_id) p
join ratings_by_judge($first) a on a.concept = p.concept and a.sample_id = p.sample_id
join ratings_by_judge($second) b on b.concept = p.concept and b.sample_id = p.sample_id
where p.is_audited and p.audit_rating is not null and a.mean_rating is not null and b.mean_rating is not null
group by all
order by all;

-- name: audited_between_people
-- The same of any two people who rated one drawn pair, each by their own latest audit rating that is not undone.
with own as (
    select concept, sample_id, reviewer, rating from ratings_by_reviewer where run_id = $run_id and source = 'audit'
)
select
    p.concept, p.arm, a.reviewer as first_reviewer, b.reviewer as second_reviewer, cast(a.rating as double) as first_rating,
    cast(b.rating as double) as second_rating, p.probability, count(*) as n
from audit_pairs($run_id) p
join own a on a.concept = p.concept and a.sample_id = p.sample_id
join own b on b.concept = p.concept and b.sample_id = p.sample_id and a.reviewer < b.reviewer
where p.is_audited
group by all
order by all;

-- name: audited_in_time
-- Drawn pairs with a judge's rating and a person's, when the judge gave its last vote and when the person rated.
select
    p.concept, p.sample_id, p.arm, v.judged_at, r.rated_at, j.mean_rating as judge_rating, cast(p.audit_rating as double) as person_rating,
    p.probability
from audit_pairs($run_id) p
join ratings_by_judge($judge_id) j on j.concept = p.concept and j.sample_id = p.sample_id
join (
    select concept, sample_id, max(judged_at) as judged_at
    from judgments
    where judge_id = $judge_id and rating is not null
    group by concept, sample_id
) v on v.concept = p.concept and v.sample_id = p.sample_id
join ratings_in_force h
    on h.run_id = $run_id and h.concept = p.concept and h.sample_id = p.sample_id and h.source = 'audit'
join ratings r on r.order_number = h.order_number
where p.is_audited and j.mean_rating is not null
order by p.concept, p.sample_id;

-- name: rubric_versions
-- Judges of a run that ask the same model with different rubrics, the latest of each rubric: its versions in time.
with judged as (
    select distinct j.*
    from judges j
    join judgments g on g.judge_id = j.judge_id
    join pairs p on p.run_id = $run_id and p.concept = g.concept and p.sample_id = g.sample_id
),
versions as (
    from judged
    qualify row_number() over (partition by backend, model, rubric_hash order by created_at desc, judge_id) = 1
)
select backend, model, rubric, rubric_hash, judge_id
from versions
qualify count(*) over (partition by backend, model) > 1
order by backend, model, created_at, rubric_hash;
