-- When reviewers looked at the overview, and how far the arms were apart by then: what a later visit is compared with.

create table visits (
    visit_id text primary key,                  -- of run, reviewer and time
    run_id text not null references runs (run_id),
    reviewer text not null check (reviewer <> ''),
    judge_id text not null,                     -- whose ratings the gaps are of; empty before any judge
    form_rule text not null check (form_rule in ('loop', 'study')),
    last_rating bigint not null check (last_rating >= 0),   -- number of the latest rating by then
    seen_at timestamp not null
);

create table visit_gaps (
    visit_id text not null references visits (visit_id),
    grain text not null check (grain in ('study', 'A', 'B', 'C', 'D')),
    gap double not null,
    low double,
    high double,
    primary key (visit_id, grain),
    check ((low is null) = (high is null))
);
