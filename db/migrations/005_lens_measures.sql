-- Lenses measured in full: each measure with its interval and n, layers read together, several rounds of cross-validation; what
-- became of a concept at each step of its escalation; and comparisons of two ways to train, concept by concept.

-- Columns with constraints cannot be added to a table, and one that others refer to cannot be renamed soundly: rows wait aside.
create temp table lenses_before as from lenses;
create temp table lens_scores_before as from lens_scores;
drop table lens_scores;
drop table lenses;

create table lenses (
    lens_id text primary key,                   -- hash of run, concept, family, layers, phase, mode, settings and the pairs fitted
    run_id text not null references runs (run_id),
    concept text not null,
    family text not null,
    layers integer[] not null check (len(layers) > 0),      -- what it reads: one layer, or several joined
    phase text not null check (phase in ('prompt', 'output')),
    mode text not null check (mode in ('in_context', 'output_only')),
    pool text not null check (pool in ('mean', 'last')),
    n_positive integer not null,
    n_negative integer not null,
    n_excluded integer not null,                -- pairs without an activation
    n_groups integer not null,
    threshold double check (threshold between 0 and 1),     -- probability at which the stored lens fires; null: not measured
    fit_seconds double,                         -- its share of the call that fitted it
    n_parameters bigint,
    reason text,                                -- why nothing could be measured
    n_pairs_more integer check (n_pairs_more > 0),          -- at least so many would be needed for that
    trained_at timestamp not null
);

create table lens_measures (
    lens_id text not null references lenses (lens_id),
    measure text not null,
    value double,
    low double,
    high double,
    n integer not null check (n >= 0),
    reason text,                                -- why there is no value
    method text not null,
    primary key (lens_id, measure),
    check ((value is null) = (reason is not null)),
    check ((low is null) = (high is null)),
    check (value is not null or low is null)
);

create table lens_scores (
    lens_id text not null references lenses (lens_id),
    sample_id text not null references samples (sample_id),
    repeat integer not null check (repeat >= 0),            -- round of cross-validation
    fold integer not null check (fold >= 0),
    probability double not null check (probability between 0 and 1),
    fires boolean not null,                     -- at the threshold chosen inside the training folds
    primary key (lens_id, sample_id, repeat)
);

insert into lenses
select
    lens_id, run_id, concept, family, [layer], phase, mode, coalesce(pool, 'mean'), n_positive, n_negative, n_excluded,
    n_groups, null, null, null, reason, null, trained_at
from lenses_before;

insert into lens_measures
select
    lens_id, measure, value, if(measure = 'f1', f1_low, null), if(measure = 'f1', f1_high, null),
    n_positive + n_negative, if(value is null, coalesce(reason, 'it was not measured'), null), 'as an earlier version measured it'
from (
    select *
    from lenses_before b, lateral (
        values
            ('f1', b.f1), ('precision', b."precision"), ('recall', b.recall), ('auc', b.auc),
            ('average_precision', b.average_precision), ('always_positive_f1', b.always_positive_f1),
            ('shuffled_f1', b.shuffled_f1), ('text_only_f1', b.text_only_f1), ('length_only_f1', b.length_only_f1)
    ) as m (measure, value)
);

insert into lens_scores select lens_id, sample_id, 0, fold, probability, fires from lens_scores_before;
drop table lenses_before;
drop table lens_scores_before;

-- One row a lens with the measures that every list of lenses shows; `layer` is null where several are joined.
create view lens_results as
with measured as (
    select
        lens_id,
        max(value) filter (measure = 'f1') as f1,
        max(low) filter (measure = 'f1') as f1_low,
        max(high) filter (measure = 'f1') as f1_high,
        max(value) filter (measure = 'precision') as "precision",
        max(value) filter (measure = 'recall') as recall,
        max(value) filter (measure = 'auc') as auc,
        max(value) filter (measure = 'average_precision') as average_precision,
        max(value) filter (measure = 'always_positive_f1') as always_positive_f1,
        max(value) filter (measure = 'shuffled_f1') as shuffled_f1,
        max(value) filter (measure = 'text_only_f1') as text_only_f1,
        max(value) filter (measure = 'length_only_f1') as length_only_f1,
        max(reason) filter (measure = 'f1') as f1_reason
    from lens_measures
    group by lens_id
)
select
    l.* exclude (reason), if(len(l.layers) = 1, l.layers[1], null) as layer, array_to_string(l.layers, '+') as layer_name,
    m.* exclude (lens_id, f1_reason),
    coalesce(l.reason, m.f1_reason, if(m.f1 is null, 'it was not measured', null)) as reason
from lenses l
left join measured m on m.lens_id = l.lens_id;

-- What became of a concept at each step of its escalation; a concept that is trained on all its pairs at once has one step.
create table graduation_steps (
    run_id text not null references runs (run_id),
    rule_hash text not null,                    -- of targets, steps, family and all else that decides
    concept text not null,
    step integer not null check (step >= 0),
    n_pairs integer not null check (n_pairs >= 0),          -- that the concept was given, both arms
    lens_id text,                               -- null where nothing was trained
    target double not null check (target between 0 and 1),
    ceiling double check (ceiling between 0 and 1),
    reached double check (reached between 0 and 1),         -- the target that it graduated at
    decision text not null check (decision in ('more', 'graduated', 'ceiling', 'exhausted', 'budget')),
    why text not null,
    decided_at timestamp not null,
    primary key (run_id, rule_hash, concept, step),
    check ((decision = 'graduated') = (reached is not null))
);

-- Two ways to train, or two runs, compared over the same concepts.
create table comparisons (
    comparison_id text primary key,             -- hash of all that decides it
    run_id text not null references runs (run_id),
    other_run_id text references runs (run_id), -- the run after; null where one run was trained in two ways
    kind text not null check (kind in ('filter', 'refinement', 'splitting', 'bucketing', 'layers', 'setting')),
    variant text not null,                      -- what came after: the filter, the refinement, the setting
    family text not null,
    layers integer[] not null,
    settings json not null,
    compared_at timestamp not null
);

create table comparison_results (
    comparison_id text not null references comparisons (comparison_id),
    concept text not null,                      -- or the group of concepts that is compared
    measure text not null,
    before double,
    after double,
    n integer not null check (n >= 0),
    kept boolean,                               -- whether the change is kept for this concept; null where that is no question
    reason text,                                -- why a side is missing
    primary key (comparison_id, concept, measure),
    check ((before is null or after is null) = (reason is not null))
);
