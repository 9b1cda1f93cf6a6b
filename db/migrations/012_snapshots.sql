-- Frozen states of the findings, to present: numbers, charts and texts as they were at that moment, which nothing later changes.

create table snapshots (
    snapshot_id text primary key,               -- hash of what it holds, by whom and when
    run_id text not null references runs (run_id),
    name text not null check (name <> ''),
    frozen_by text not null check (frozen_by <> ''),
    frozen_at timestamp not null,
    state text not null,                        -- hash of what the study held
    settings json not null,                     -- assumptions behind the numbers
    slides json not null,                       -- pages in their order
    page text not null                          -- the report as HTML: deflated, in base 64
);

create sequence note_order start 1;

-- What a speaker wants to say to a page; only ever appended, the latest stands.
create table snapshot_notes (
    note_id text primary key,                   -- made by the screen before it is sent: a repeated send changes nothing
    order_number bigint not null default nextval('note_order'),
    snapshot_id text not null references snapshots (snapshot_id),
    slide text not null,
    note text not null,
    written_by text not null,
    written_at timestamp not null
);
