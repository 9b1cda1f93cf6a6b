-- name: strata
-- What is known of each concept's quadrant and arm, of a run or of one of its concepts: pairs that are known from overrides with
-- their ratings, the judge's ratings of the rest, how many of these are drawn (null: no plan covers them), and ratings that the
-- estimate has no use for: audits of pairs that no plan drew, and overrides of undrawn pairs after the audit began. Last, how many
-- audited pairs have which rating of the judge (null: unscored), of people, and probability: in one statement with the counts, so that
-- both are of the same moment.
with alike as (
    select
        concept, quadrant, arm, is_planned, is_known, is_drawn, probability,
        audit_rating is not null and not is_drawn and not is_known as is_undrawn_audit,
        override_rating is not null and not is_drawn and not is_known as is_late_override,
        count(*) as n,
        sum(human_rating) filter (is_known) as total,
        sum(human_rating * human_rating) filter (is_known) as squares
    from audit_pairs($run_id)
    where $concept is null or concept = $concept
    group by all
),
counted as (
    select
        concept, quadrant, arm,
        sum(n) filter (is_known) as n_known,
        sum(total) as known_total,
        sum(squares) as known_squares,
        sum(n) filter (not is_known) as n_rest,
        case when bool_or(is_planned) then coalesce(sum(n) filter (is_drawn), 0) end as n_drawn,
        max(probability) filter (is_planned) as probability,
        sum(n) filter (is_undrawn_audit) as n_undrawn_audits,
        sum(n) filter (is_late_override) as n_late_overrides
    from alike
    group by all
),
-- What the judge says of all pairs, from which that of the known ones is taken: joined with whether each is known, a million pairs
-- would take more memory than a dashboard has.
scored as (
    select
        p.concept, p.arm, count(*) as n, round(sum(j.mean_rating), 9) as total,
        round(sum(j.mean_rating * j.mean_rating), 9) as squares
    from pairs p
    join ratings_by_judge($judge_id) j on j.concept = p.concept and j.sample_id = p.sample_id
    where p.run_id = $run_id and j.mean_rating is not null and ($concept is null or p.concept = $concept)
    group by all
),
-- The votes are sought by the pairs, so that few among a million are soon found.
said as materialized (
    select concept, sample_id, arm, is_known, is_audited, cast(human_rating as double) as human, probability
    from audit_pairs($run_id)
    where (is_known or is_audited) and ($concept is null or concept = $concept)
),
voted as (
    select g.concept, g.sample_id, avg(coalesce(g.expected_rating, g.rating)) as mean_rating
    from judgments g
    semi join said p on p.concept = g.concept and p.sample_id = g.sample_id
    where g.judge_id = $judge_id
    group by all
),
known as (
    select
        p.concept, p.arm, count(v.mean_rating) as n, round(sum(v.mean_rating), 9) as total,
        round(sum(v.mean_rating * v.mean_rating), 9) as squares
    from said p
    join voted v on v.concept = p.concept and v.sample_id = p.sample_id
    where p.is_known
    group by all
),
cells as (
    select p.concept, p.arm, round(v.mean_rating, 9) as judge, p.human, p.probability, count(*) as n
    from said p
    left join voted v on v.concept = p.concept and v.sample_id = p.sample_id
    where p.is_audited
    group by all
),
audited as (
    select concept, arm, list((judge, human, probability, n) order by judge, human, probability) as cells
    from cells
    group by all
)
select
    c.concept, c.quadrant, c.arm,
    coalesce(c.n_known, 0)::bigint as n_known,
    coalesce(c.known_total, 0)::double as known_total,
    coalesce(c.known_squares, 0)::double as known_squares,
    coalesce(c.n_rest, 0)::bigint as n_rest,
    coalesce(s.n, 0) - coalesce(k.n, 0) as n_scored,
    coalesce(s.total, 0) - coalesce(k.total, 0) as judge_total,
    coalesce(s.squares, 0) - coalesce(k.squares, 0) as judge_squares,
    c.n_drawn::bigint as n_drawn,
    c.probability,
    coalesce(c.n_undrawn_audits, 0)::bigint as n_undrawn_audits,
    coalesce(c.n_late_overrides, 0)::bigint as n_late_overrides,
    coalesce(a.cells, []) as audited
from counted c
left join scored s on s.concept = c.concept and s.arm = c.arm
left join known k on k.concept = c.concept and k.arm = c.arm
left join audited a on a.concept = c.concept and a.arm = c.arm
order by c.concept, c.arm desc;

-- name: to_rate
-- Drawn pairs that nobody has rated yet, in an order that says nothing of them.
select concept, sample_id, probability
from audit_pairs($run_id)
where is_drawn and not is_audited
order by md5(concept || ' ' || sample_id), concept, sample_id;

-- name: n_plans
-- How often an audit of the run was planned.
select count(*) from audit_plans where run_id = $run_id;
