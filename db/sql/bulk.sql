-- name: rate
-- The ratings of a bulk: one a pair, whose override in force is nobody else's unless those are to be replaced too.
insert into ratings (
    rating_id, run_id, concept, sample_id, reviewer, source, rating, undoes, inclusion_probability, blind, reason, rated_at
)
select
    $bulk_id || '-' || a.place, $run_id, a.concept, a.sample_id, $reviewer, 'override', $rating, null, null, false, $reason, $rated_at
from (
    select unnest($concepts::text[]) as concept, unnest($sample_ids::text[]) as sample_id, unnest($places::integer[]) as place
) a
left join ratings_in_force o
    on o.run_id = $run_id and o.concept = a.concept and o.sample_id = a.sample_id and o.source = 'override'
where
    ($replace or o.reviewer is null or o.reviewer = $reviewer)
    and $bulk_id || '-' || a.place not in (select rating_id from ratings);

-- name: add_members
-- Which ratings a bulk stored.
insert into bulk_members
select $bulk_id, r.rating_id
from ratings r
where starts_with(r.rating_id, $bulk_id || '-') and r.rating_id not in (select rating_id from bulk_members);

-- name: n_members
-- How many ratings a bulk stored.
select count(*) from bulk_members where bulk_id = $bulk_id;

-- name: undo
-- Takes back every rating of a bulk that nobody has taken back yet.
insert into ratings (
    rating_id, run_id, concept, sample_id, reviewer, source, rating, undoes, inclusion_probability, blind, reason, rated_at
)
select 'undo-' || r.rating_id, r.run_id, r.concept, r.sample_id, $reviewer, 'override', null, r.rating_id, null, false, null, $rated_at
from bulk_members m
join ratings r on r.rating_id = m.rating_id
where m.bulk_id = $bulk_id and r.rating_id not in (select undoes from ratings where undoes is not null);

-- name: list
-- Ratings of many pairs at once, latest first, with how many were stored and how many of those were taken back.
select
    b.bulk_id, b.reviewer, b.rating, b.reason, b.n_asked, b.rated_at,
    count(m.rating_id) as n_rated, count(u.undoes) as n_undone
from bulk_ratings b
left join bulk_members m on m.bulk_id = b.bulk_id
left join ratings u on u.undoes = m.rating_id
where b.run_id = $run_id
group by all
order by b.rated_at desc, b.bulk_id;

-- name: overriders
-- Whose override is in force on each overridden pair of a run.
select concept, sample_id, reviewer
from ratings_in_force
where run_id = $run_id and source = 'override';
