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

-- name: with_people
-- The same of a judge and people, by what the rating in force is: an audit's of a drawn pair, or an override of a pair that
-- somebody came across.
select
    h.source, p.concept, p.arm,
    round(a.mean_rating, 9) as first_rating,
    cast(h.rating as double) as second_rating,
    count(*) as n
from pairs p
join ratings_by_judge($judge_id) a on a.concept = p.concept and a.sample_id = p.sample_id
join ratings_in_force h on h.run_id = p.run_id and h.concept = p.concept and h.sample_id = p.sample_id
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
