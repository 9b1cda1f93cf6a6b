-- Audits: with which probability each pair of a run is drawn to be rated blind. It is the same for all pairs of a quadrant and
-- arm, so that one row a stratum says it of a million pairs, and of those that are added later.

create table audit_plans (
    plan_id text primary key,                   -- hash of run, judge and the strata's probabilities
    run_id text not null references runs (run_id),
    judge_id text not null references judges (judge_id),   -- whose ratings or audit decided how many of each stratum
    n_ratings_wished integer check (n_ratings_wished > 0),
    half_width_wished double check (half_width_wished > 0),
    target text not null check (target in ('samples', 'future')),
    planned_at timestamp not null,
    check ((n_ratings_wished is null) <> (half_width_wished is null))
);

create table audit_strata (
    plan_id text not null references audit_plans (plan_id),
    quadrant text not null check (quadrant in ('A', 'B', 'C', 'D', 'none')),
    arm text not null check (arm in ('positive', 'negative')),
    probability double not null check (probability between 0.05 and 1),
    variance double not null check (variance >= 0),     -- of what people were expected to say beyond the judge
    learnt_from text not null check (learnt_from in ('audit', 'judge')),
    primary key (plan_id, quadrant, arm)
);

-- A later plan only adds pairs: what is in force is the largest probability that any plan of the run gave.
create view audit_probabilities as
select p.run_id, s.quadrant, s.arm, max(s.probability) as probability
from audit_plans p
join audit_strata s on s.plan_id = p.plan_id
group by all;

-- One row a pair of the run that has an output. `is_known`: overridden before the first audit rating. Later overrides are of
-- pairs that the audit had not put right before, so to take those as known, and not their like among audited pairs, would bias
-- what the audit says of the rest. `is_audited`: drawn, and rated by somebody; where no plan covers the stratum, an audit rating
-- with its own probability says that the pair was drawn.
create macro audit_pairs(run) as table
with began as (
    select min(order_number) as first_audit from ratings where run_id = run and source = 'audit'
),
early as (
    select distinct concept, sample_id
    from ratings
    where
        run_id = run and source = 'override' and undoes is null
        and order_number < coalesce((select first_audit from began), order_number + 1)
),
paired as (
    select
        p.concept, p.sample_id, p.arm, p.position, coalesce(c.quadrant, 'none') as quadrant, a.probability as planned,
        h.override_rating, h.audit_rating, p.u < a.probability as is_below,
        h.override_rating is not null and e.sample_id is not null as is_known,
        coalesce(a.probability, h.inclusion_probability) as probability
    from pairs p
    semi join samples s on s.sample_id = p.sample_id
    join run_concepts c on c.run_id = p.run_id and c.concept = p.concept
    left join audit_probabilities a on a.run_id = p.run_id and a.quadrant = coalesce(c.quadrant, 'none') and a.arm = p.arm
    left join ratings_by_people(run) h on h.concept = p.concept and h.sample_id = p.sample_id
    left join early e on e.concept = p.concept and e.sample_id = p.sample_id
    where p.run_id = run
)
select
    concept, sample_id, arm, quadrant, position, probability, override_rating, audit_rating, is_known,
    planned is not null as is_planned,
    coalesce(override_rating, audit_rating) as human_rating,
    not is_known and coalesce(is_below, audit_rating is not null) as is_drawn,
    not is_known and coalesce(is_below and human_rating is not null, audit_rating is not null) as is_audited
from paired;
