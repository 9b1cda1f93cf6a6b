-- name: drawn
-- Pairs that chance has drawn: by the plans in force or, where none covers them, as their audit ratings say. Those whose ratings
-- are known are among them, though they are not audited. In an order that says nothing of them.
with chosen as (
    select
        p.concept, p.sample_id, coalesce(c.quadrant, 'none') as quadrant, p.arm,
        coalesce(a.probability, h.inclusion_probability) as probability
    from pairs p
    semi join samples s on s.sample_id = p.sample_id
    join run_concepts c on c.run_id = p.run_id and c.concept = p.concept
    left join audit_probabilities a on a.run_id = p.run_id and a.quadrant = coalesce(c.quadrant, 'none') and a.arm = p.arm
    left join ratings_by_people($run_id) h on h.concept = p.concept and h.sample_id = p.sample_id
    where p.run_id = $run_id and coalesce(p.u < a.probability, h.audit_rating is not null)
)
from chosen
order by md5(concept || ' ' || sample_id), concept, sample_id;

-- name: known
-- Pairs of a run, or of one of its concepts, whose ratings are known: overridden before the first audit rating, as `audit_pairs`
-- has it. They are not audited.
with early as (
    select distinct concept, sample_id
    from ratings
    where
        run_id = $run_id and source = 'override' and undoes is null and ($concept is null or concept = $concept)
        and order_number < coalesce(
            (select min(order_number) from ratings where run_id = $run_id and source = 'audit'), order_number + 1
        )
)
select r.concept, r.sample_id
from ratings_in_force r
semi join early e on e.concept = r.concept and e.sample_id = r.sample_id
where r.run_id = $run_id and r.source = 'override' and ($concept is null or r.concept = $concept)
order by all;

-- name: strata
-- How many pairs each quadrant and arm has, and how far people were expected to differ from the judge there.
with latest as (
    select s.quadrant, s.arm, s.variance
    from audit_strata s
    join audit_plans p on p.plan_id = s.plan_id
    where p.run_id = $run_id
    qualify row_number() over (partition by s.quadrant, s.arm order by p.planned_at desc, p.plan_id) = 1
)
select l.quadrant, l.arm, count(*) as n, any_value(l.variance) as variance
from pairs p
semi join samples s on s.sample_id = p.sample_id
join run_concepts c on c.run_id = p.run_id and c.concept = p.concept
join latest l on l.quadrant = coalesce(c.quadrant, 'none') and l.arm = p.arm
where p.run_id = $run_id
group by all
order by all;

-- name: last_override
-- The number of the latest override or undoing of one, 0 before the first.
select coalesce(max(order_number), 0) from ratings where source = 'override';

-- name: blind
-- Samples that people rated blind.
select distinct sample_id from ratings where run_id = $run_id and blind;

-- name: disagreed
-- Pairs on which two people, or a person who rated blind and the judge, are two ratings or more apart, and nobody has decided since.
-- The judge's votes are looked up of blindly rated samples alone, by their index.
with said as materialized (
    select
        concept, sample_id, max(rating) - min(rating) as apart, max(rated_at) as rated_at,
        max(rating) filter (blind) as highest_blind, min(rating) filter (blind) as lowest_blind
    from ratings_by_reviewer
    where run_id = $run_id
    group by concept, sample_id
),
voted as materialized (
    from judgments where sample_id in $sample_ids
),
judged as (
    select concept, sample_id, avg(coalesce(expected_rating, rating)) as mean_rating
    from voted
    where judge_id = $judge_id
    group by concept, sample_id
)
select s.concept, s.sample_id
from said s
left join judged j on j.concept = s.concept and j.sample_id = s.sample_id
left join (
    select concept, sample_id, max(marked_at) as marked_at
    from marks
    where run_id = $run_id and kind = 'adjudicated'
    group by concept, sample_id
) m on m.concept = s.concept and m.sample_id = s.sample_id
where
    (s.apart >= 2 or s.highest_blind - j.mean_rating >= 2 or j.mean_rating - s.lowest_blind >= 2)
    and (m.marked_at is null or m.marked_at < s.rated_at)
order by md5(s.concept || ' ' || s.sample_id), s.concept, s.sample_id;

-- name: flagged
select concept, sample_id from flags_in_force where run_id = $run_id order by order_number;

-- name: flag
-- The flag in force on a pair, if any.
select reviewer, note, marked_at from flags_in_force
where run_id = $run_id and concept = $concept and sample_id = $sample_id;

-- name: raters
-- By how many people each pair was rated so far, and whether by this reviewer.
select concept, sample_id, count(distinct reviewer) as n_raters, bool_or(reviewer = $reviewer) as is_mine
from ratings_by_reviewer
where run_id = $run_id and source = $source
group by concept, sample_id;

-- name: leases
-- Which pairs lie before which reviewer now.
select concept, sample_id, reviewer, max(taken_at) as taken_at
from leases
where run_id = $run_id and expires_at > $now
group by concept, sample_id, reviewer
order by taken_at;

-- name: end_leases
-- End the reviewer's leases on a pair, or on every pair where none is named; and forget those that ran out.
delete from leases
where
    (
        run_id = $run_id and reviewer = $reviewer
        and ($concept is null or (concept = $concept and sample_id = $sample_id))
    )
    or expires_at < $now;

-- name: skipped
-- Pairs that the reviewer put off, the longest ago first.
select concept, sample_id, max(order_number) as order_number
from marks
where run_id = $run_id and reviewer = $reviewer and kind = 'skip'
group by concept, sample_id
order by order_number;

-- name: own
-- The reviewer's own ratings in force, latest first.
select concept, sample_id, source, rating, rating_id, blind, rated_at, inclusion_probability as probability
from ratings_by_reviewer
where run_id = $run_id and reviewer = $reviewer
order by order_number desc
limit $n_rows;

-- name: settled_since
-- Whether a pair was settled so after a certain mark: by somebody else, or by another rating of the reviewer's own.
select count(*) > 0
from marks
where
    run_id = $run_id and concept = $concept and sample_id = $sample_id and kind = $kind and order_number > $last_mark
    and mark_id <> $but and (reviewer <> $reviewer or ends_with(mark_id, $by_rating));

-- name: text
-- All that a reviewer may see of a pair before they rate it; found by the sample, as in `samples.pair`.
with of_sample as materialized (
    from pairs where sample_id = $sample_id
)
select p.concept, p.sample_id, c.definition, s.output
from of_sample p
join (from runs where run_id = $run_id) r on true
join (from concepts where concept = $concept) c on c.pack_hash = r.pack_hash
join (from samples where sample_id = $sample_id) s on true
where p.run_id = $run_id and p.concept = $concept;
