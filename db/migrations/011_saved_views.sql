-- Lists of samples that people keep under a name, and ratings that they gave to many pairs at once. Both are only added to: what
-- is removed or undone is a row too.

create table saved_views (
    view_id text primary key,                   -- made by the screen before it is sent: a repeated send changes nothing
    run_id text not null references runs (run_id),
    name text not null check (name <> ''),
    choices json not null,                      -- parameters of the address, each with its values
    reviewer text not null check (reviewer <> ''),
    saved_at timestamp not null
);

create table saved_view_removals (
    view_id text primary key references saved_views (view_id),
    reviewer text not null check (reviewer <> ''),
    removed_at timestamp not null
);

create table bulk_ratings (
    bulk_id text primary key,                   -- made by the screen before it is sent
    run_id text not null references runs (run_id),
    reviewer text not null check (reviewer <> ''),
    rating tinyint not null check (rating between 1 and 5),
    reason text,
    chosen_by json not null,                    -- parameters of the list that the pairs were chosen from
    n_asked integer not null check (n_asked > 0),           -- pairs in the preview; those that were not rated stand as they did
    rated_at timestamp not null
);

create table bulk_members (
    bulk_id text not null references bulk_ratings (bulk_id),
    rating_id text primary key references ratings (rating_id)
);
