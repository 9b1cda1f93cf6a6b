-- name: reviewers
-- Everybody who did anything in a run: ratings in force and undone, marks, pairs before them now, and when they were last seen.
with seen as (
    select reviewer, rated_at as seen_at from ratings where run_id = $run_id
    union all
    select reviewer, marked_at from marks where run_id = $run_id
    union all
    select reviewer, seen_at from visits where run_id = $run_id
    union all
    select reviewer, taken_at from leases where run_id = $run_id
),
people as (
    select reviewer, max(seen_at) as last_seen from seen group by reviewer
),
rated as (
    select
        reviewer, count(*) filter (source = 'audit') as n_audit, count(*) filter (source = 'override') as n_override,
        count(*) filter (blind) as n_blind
    from ratings_by_reviewer
    where run_id = $run_id
    group by reviewer
),
undone as (
    select reviewer, count(*) as n_undone from ratings where run_id = $run_id and undoes is not null group by reviewer
),
marked as (
    select reviewer, count(*) filter (kind = 'flag') as n_flags, count(*) filter (kind = 'skip') as n_skips
    from marks
    where run_id = $run_id
    group by reviewer
),
desks as (
    select reviewer, count(distinct (concept, sample_id)) as n_leased, max(expires_at) as leased_until
    from leases
    where run_id = $run_id and expires_at > $now
    group by reviewer
)
select
    p.reviewer, p.last_seen, coalesce(r.n_audit, 0) as n_audit, coalesce(r.n_override, 0) as n_override,
    coalesce(r.n_blind, 0) as n_blind, coalesce(u.n_undone, 0) as n_undone, coalesce(m.n_flags, 0) as n_flags,
    coalesce(m.n_skips, 0) as n_skips, coalesce(d.n_leased, 0) as n_leased, d.leased_until
from people p
left join rated r on r.reviewer = p.reviewer
left join undone u on u.reviewer = p.reviewer
left join marked m on m.reviewer = p.reviewer
left join desks d on d.reviewer = p.reviewer
order by n_audit + n_override desc, p.reviewer;

-- name: rating_times
-- When each reviewer gave their latest ratings.
select reviewer, rated_at
from ratings
where run_id = $run_id and undoes is null
qualify row_number() over (partition by reviewer order by order_number desc) <= $n_rows
order by reviewer, rated_at;

-- name: activity
-- Ratings that each reviewer gave on each day, also those that are replaced or undone by now.
select date_trunc('day', rated_at)::timestamp as day, reviewer, count(*) as n
from ratings
where run_id = $run_id and undoes is null
group by all
order by day, reviewer;

-- name: both_rated
-- Pairs that two people rated and that chance drew, by their own latest audit rating that is not undone, widest apart first. Those
-- whose ratings are known (`review.known`) are among them. As `audit_pairs`, of these few pairs alone.
with own as materialized (
    select concept, sample_id, reviewer, rating from ratings_by_reviewer where run_id = $run_id and source = 'audit'
),
rated as materialized (
    select a.concept, a.sample_id, a.rating as first_rating, b.rating as second_rating
    from own a
    join own b on b.concept = a.concept and b.sample_id = a.sample_id
    where a.reviewer = $first and b.reviewer = $second
)
select p.concept, p.sample_id, p.arm, r.first_rating, r.second_rating, substr(s.output, 1, 120) as excerpt
from rated r
join pairs p on p.run_id = $run_id and p.concept = r.concept and p.sample_id = r.sample_id
join samples s on s.sample_id = r.sample_id
join run_concepts c on c.run_id = p.run_id and c.concept = p.concept
left join audit_probabilities a on a.run_id = p.run_id and a.quadrant = coalesce(c.quadrant, 'none') and a.arm = p.arm
where coalesce(p.u < a.probability, true)
order by abs(r.first_rating - r.second_rating) desc, p.concept, p.sample_id;

-- name: audited_twice
-- A pair that two people audited, one of them taking it back perhaps; no row where there is none.
select concept, sample_id
from ratings
where run_id = $run_id and source = 'audit' and undoes is null
group by concept, sample_id
having count(distinct reviewer) > 1
limit 1;

-- name: to_rate_blind
-- Pairs that lie before a reviewer now and that they have not rated.
select distinct concept, sample_id
from leases
where run_id = $run_id and reviewer = $reviewer and expires_at > $now
except
select concept, sample_id from ratings_by_reviewer where run_id = $run_id and reviewer = $reviewer;

-- name: rated_by
-- Pairs that a reviewer rated.
select distinct concept, sample_id from ratings_by_reviewer where run_id = $run_id and reviewer = $reviewer;

-- name: ratings
-- Every rating of a run as it was given, and whether it was taken back.
select
    r.concept, r.sample_id, p.arm, r.reviewer, r.source, r.rating, r.blind, r.inclusion_probability, r.reason, r.rated_at,
    r.rating_id in (select rating_id from undone_ratings) as is_undone
from ratings r
join pairs p on p.run_id = r.run_id and p.concept = r.concept and p.sample_id = r.sample_id
where r.run_id = $run_id and r.undoes is null
order by r.order_number;
