-- Learning curves: F1 out of fold of lenses fitted on fewer pairs than there are, on the same held-out pairs.

create table learning_curves (
    curve_id text primary key,                  -- of the lens on the same pairs, and how curves are measured
    run_id text not null references runs (run_id),
    concept text not null,
    family text not null,
    layers integer[] not null check (len(layers) > 0),
    phase text not null check (phase in ('prompt', 'output')),
    mode text not null check (mode in ('in_context', 'output_only')),
    pool text not null check (pool in ('mean', 'last')),
    n_pairs integer not null check (n_pairs >= 0),
    n_positive integer not null check (n_positive between 0 and n_pairs),
    n_groups integer not null check (n_groups >= 0),
    n_train integer[] not null,                 -- pairs that lenses were fitted on, rising
    f1 double[] not null check (len(f1) = len(n_train)),
    covariance double[] not null check (len(covariance) = len(n_train) * len(n_train)),    -- of the errors, row by row
    reason text,                                -- why nothing could be measured
    measured_at timestamp not null,
    check (reason is null or len(n_train) = 0)
);
