-- name: strata
-- What is known of each quadrant and arm of a run: pairs that are known from overrides with their ratings, the judge's ratings of
-- the rest, how many of these are drawn (null: no plan covers them), and ratings that the estimate has no use for: audits of pairs
-- that no plan drew, and overrides of undrawn pairs after the audit began. Last, how many audited pairs have which rating of the
-- judge (null: unscored), of people, and probability: in one statement with the counts, so that both are of the same moment.
with pairs as materialized (
    select p.*, j.mean_rating
    from audit_pairs($run_id) p
    left join ratings_by_judge($judge_id) j on j.concept = p.concept and j.sample_id = p.sample_id
),
cells as (
    select
        quadrant, arm, round(mean_rating, 9) as judge, cast(human_rating as double) as human, probability, count(*) as n
    from pairs
    where is_audited
    group by all
),
audited as (
    select quadrant, arm, list((judge, human, probability, n) order by judge, human, probability) as cells
    from cells
    group by all
)
select
    p.quadrant, p.arm,
    count(*) filter (p.is_known) as n_known,
    coalesce(sum(p.human_rating) filter (p.is_known), 0) as known_total,
    coalesce(sum(p.human_rating * p.human_rating) filter (p.is_known), 0) as known_squares,
    count(*) filter (not p.is_known) as n_rest,
    count(p.mean_rating) filter (not p.is_known) as n_scored,
    coalesce(round(sum(p.mean_rating) filter (not p.is_known), 9), 0) as judge_total,
    coalesce(round(sum(p.mean_rating * p.mean_rating) filter (not p.is_known), 9), 0) as judge_squares,
    case when bool_or(p.is_planned) then count(*) filter (p.is_drawn) end as n_drawn,
    max(p.probability) filter (p.is_planned) as probability,
    count(*) filter (p.audit_rating is not null and not p.is_drawn and not p.is_known) as n_undrawn_audits,
    count(*) filter (p.override_rating is not null and not p.is_drawn and not p.is_known) as n_late_overrides,
    coalesce(any_value(a.cells), []) as audited
from pairs p
left join audited a on a.quadrant = p.quadrant and a.arm = p.arm
group by p.quadrant, p.arm
order by p.quadrant, p.arm desc;

-- name: to_rate
-- Drawn pairs that nobody has rated yet, in an order that says nothing of them.
select concept, sample_id, probability
from audit_pairs($run_id)
where is_drawn and not is_audited
order by md5(concept || ' ' || sample_id), concept, sample_id;

-- name: n_plans
-- How often an audit of the run was planned.
select count(*) from audit_plans where run_id = $run_id;
