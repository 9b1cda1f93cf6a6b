-- What a run's subject model turned out to be when it was loaded, and over which tokens a lens's activations are pooled.

create table subjects (
    run_id text primary key references runs (run_id),
    chat boolean not null,                      -- asked through the model's chat template
    dtype text not null,                        -- of the weights
    device text not null,
    n_layers integer not null check (n_layers > 0),
    width integer not null check (width > 0),
    context bigint not null check (context > 0),
    loaded_at timestamp not null                -- the first time
);

alter table lenses add column pool text default 'mean';   -- 'mean' or 'last' of the phase's tokens
