-- How far activations of outputs hold what their prompts were about: measured once for what decides it, and kept.

create table activation_quality (
    quality_id text primary key,                -- hash of all that decides it
    run_id text not null references runs (run_id),
    family text not null,                       -- of the lenses whose transfer was measured
    layer integer not null check (layer >= 0),
    mode text not null check (mode in ('in_context', 'output_only')),
    pool text not null check (pool in ('mean', 'last')),
    form_rule text not null check (form_rule in ('loop', 'study')),     -- what is a good output
    settings json not null,
    measured_at timestamp not null
);

create table activation_quality_results (
    quality_id text not null references activation_quality (quality_id),
    grain text not null check (grain in ('overall', 'quadrant', 'concept')),
    name text not null,                         -- the quadrant or the concept; 'all' overall
    outputs text not null check (outputs in ('all', 'good', 'degenerate')),
    measure text not null,
    value double,
    low double,
    high double,
    p double check (p between 0 and 1),         -- of a permutation test, where there is one
    n integer not null check (n >= 0),
    reason text,                                -- why there is no value
    method text not null,
    primary key (quality_id, grain, name, outputs, measure),
    check ((value is null) = (reason is not null)),
    check ((low is null) = (high is null)),
    check (value is not null or (low is null and p is null))
);
