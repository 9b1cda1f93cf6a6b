-- Runs whose texts were imported: no model of ours wrote them, so that there is nothing to capture or train. What others reported
-- of their lenses is kept apart from what we measure.

create table imports (
    run_id text primary key references runs (run_id),
    kind text not null check (kind in ('artifacts', 'samples')),
    source text not null,                       -- folder or file that was read
    content_hash text not null,
    imported_at timestamp not null
);

create table reported_measures (
    run_id text not null references imports (run_id),
    concept text not null,
    name text not null,                         -- as the column was called, such as probe_f1
    value double not null check (value between 0 and 1),
    primary key (run_id, concept, name)
);

-- Constraints of a table that others refer to cannot be loosened. In an imported run the kind of a negative, why a text ended and
-- how long its prompt was are unknown, so that these columns hold placeholders there; whoever reads the first two asks these macros.
create macro is_imported(run) as exists (select 1 from imports i where i.run_id = run);
create macro known_kind(run, kind) as if(is_imported(run), null, kind);

create or replace macro verdicts(run, judge) as table
select
    p.run_id, p.concept, p.sample_id, p.arm, known_kind(run, p.negative_kind) as negative_kind, p.position,
    j.mean_rating as judge_rating, j.spread as judge_spread,
    coalesce(j.n_votes, 0) as n_votes, coalesce(j.n_unscored, 0) as n_unscored,
    h.override_rating, h.audit_rating, h.inclusion_probability,
    coalesce(h.override_rating, h.audit_rating, j.mean_rating) as verdict,
    cast(round_even(coalesce(h.override_rating, h.audit_rating, j.mean_rating), 0) as integer) as bin,
    case
        when h.override_rating is not null then 'override'
        when h.audit_rating is not null then 'audit'
        when j.mean_rating is not null then 'judge'
    end as verdict_source
from pairs p
left join ratings_by_judge(judge) j on j.concept = p.concept and j.sample_id = p.sample_id
left join ratings_by_people(run) h on h.concept = p.concept and h.sample_id = p.sample_id
where p.run_id = run;
