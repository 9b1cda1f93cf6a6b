-- The whole of a study but its vectors. Keys are natural or content hashes, so that doing work twice adds nothing twice;
-- what a judge or a person said is only ever appended. Lengths of time are seconds, money is US dollars, shares are of 1.

create table packs (
    pack_hash text primary key,
    name text not null,
    version text not null,
    source text not null,                       -- folder the pack was read from
    senses_mean text not null,                  -- what the pack's sense count counts
    n_concepts integer not null check (n_concepts > 0)
);

create table concepts (
    pack_hash text not null references packs (pack_hash),
    concept text not null check (concept <> ''),
    pack_layer integer not null check (pack_layer >= 0),
    definition text not null,
    aliases text[] not null,
    parents text[] not null,
    n_senses integer not null check (n_senses >= 0),
    n_siblings_distinct integer check (n_siblings_distinct >= 0),   -- null: no parent in the pack, so unknown
    n_siblings_study integer check (n_siblings_study >= 0),
    primary key (pack_hash, concept)
);

create table senses (
    pack_hash text not null,
    concept text not null,
    sense_id text not null,
    position integer not null check (position >= 0),
    definition text not null,
    aliases text[] not null,
    primary key (pack_hash, concept, sense_id),
    foreign key (pack_hash, concept) references concepts (pack_hash, concept)
);

create table siblings (
    pack_hash text not null,
    concept text not null,
    sibling text not null check (sibling <> concept),
    primary key (pack_hash, concept, sibling),
    foreign key (pack_hash, concept) references concepts (pack_hash, concept),
    foreign key (pack_hash, sibling) references concepts (pack_hash, concept)
);

create table runs (
    run_id text primary key,                    -- hash of everything that decides texts and activations
    name text not null,
    created_at timestamp not null,
    config json not null,
    model text not null,
    model_fingerprint text not null,
    pack_hash text not null references packs (pack_hash),
    template_set text not null,
    template_hash text not null,
    seed bigint not null,
    versions json not null                      -- of lensgap and the libraries that decide results
);

create table run_concepts (
    run_id text not null references runs (run_id),
    concept text not null,
    position integer not null check (position >= 0),
    quadrant text check (quadrant in ('A', 'B', 'C', 'D')),
    quadrant_reason text,
    n_senses integer not null,
    n_siblings integer,
    sibling_count text not null check (sibling_count in ('study', 'distinct')),
    primary key (run_id, concept),
    check ((quadrant is null) = (quadrant_reason is not null))
);

create table prompts (
    sample_id text primary key,                 -- hash of run, prompt concept, template and draw
    run_id text not null references runs (run_id),
    prompt_concept text not null,
    template text not null,
    draw integer not null check (draw >= 0),
    prompt text not null check (prompt <> ''),
    batch integer not null check (batch >= 0),  -- prompts of one batch are generated together, always
    seed bigint not null,
    unique (run_id, prompt_concept, template, draw)
);

create table samples (
    sample_id text primary key references prompts (sample_id),
    output text not null,
    finish_reason text not null check (finish_reason in ('stop', 'length')),
    output_ids integer[] not null,              -- the tokens as sampled, so that capture replays exactly these
    n_prompt_tokens integer not null check (n_prompt_tokens > 0),
    generated_at timestamp not null
);

create table forms (
    sample_id text primary key references samples (sample_id),
    n_chars integer not null check (n_chars >= 0),
    n_words integer not null check (n_words >= 0),
    tail_loop_share double not null check (tail_loop_share between 0 and 1),
    repeated_4gram_share double not null check (repeated_4gram_share between 0 and 1),
    distinct_2 double,                          -- null below two words
    zlib_ratio double,                          -- null for an empty text
    first30_count integer not null,
    form_study text not null check (form_study in ('empty', 'short', 'repetitive', 'good')),
    form_loop text not null check (form_loop in ('empty', 'short', 'repetitive', 'good'))
);

create table pairs (
    run_id text not null references runs (run_id),
    concept text not null,
    sample_id text not null references prompts (sample_id),
    arm text not null check (arm in ('positive', 'negative')),
    negative_kind text check (negative_kind in ('sibling', 'unrelated', 'opposite')),
    u double not null check (u >= 0 and u < 1),  -- permanent audit number: never shown, never orders a screen
    position integer not null check (position >= 0),
    primary key (run_id, concept, sample_id),
    check ((arm = 'negative') = (negative_kind is not null))
);

create table activations (
    sample_id text not null references samples (sample_id),
    layer integer not null check (layer >= 0),
    phase text not null check (phase in ('prompt', 'output')),
    mode text not null check (mode in ('in_context', 'output_only')),
    shard text,
    shard_row integer check (shard_row >= 0),
    missing_reason text,
    primary key (sample_id, layer, phase, mode),
    check ((shard is null) = (missing_reason is not null)),
    check ((shard is null) = (shard_row is null))
);

create table judges (
    judge_id text primary key,                  -- hash of backend, model, rubric, prompts and parameters
    backend text not null,
    model text not null,
    rubric text not null,
    rubric_hash text not null,
    parameters json not null,
    is_baseline boolean not null,               -- true: an offline stand-in, said wherever its ratings show
    created_at timestamp not null
);

create table topics (
    judge_id text not null references judges (judge_id),
    sample_id text not null references samples (sample_id),
    vote integer not null check (vote >= 0),
    topic text,
    similarity double,
    unscored_reason text,
    raw_reply text not null,
    n_input_tokens integer not null check (n_input_tokens >= 0),
    n_output_tokens integer not null check (n_output_tokens >= 0),
    cost_usd double not null check (cost_usd >= 0),
    judged_at timestamp not null,
    primary key (judge_id, sample_id, vote),
    check ((topic is null) = (unscored_reason is not null))
);

create table judgments (
    judge_id text not null references judges (judge_id),
    concept text not null,
    sample_id text not null references samples (sample_id),
    vote integer not null check (vote >= 0),
    rating tinyint check (rating between 1 and 5),
    explanation text,
    unscored_reason text,
    raw_reply text not null,
    n_input_tokens integer not null check (n_input_tokens >= 0),
    n_output_tokens integer not null check (n_output_tokens >= 0),
    cost_usd double not null check (cost_usd >= 0),
    judged_at timestamp not null,
    primary key (judge_id, concept, sample_id, vote),
    check ((rating is null) = (unscored_reason is not null))
);

create sequence rating_order start 1;

create table ratings (
    rating_id text primary key,                 -- made by the screen before it is sent: a repeated send changes nothing
    order_number bigint not null default nextval('rating_order'),
    run_id text not null,
    concept text not null,
    sample_id text not null,
    reviewer text not null check (reviewer <> ''),
    source text not null check (source in ('override', 'audit')),
    rating tinyint check (rating between 1 and 5),
    undoes text unique references ratings (rating_id),   -- undone at most once; an undo may itself be undone
    inclusion_probability double check (inclusion_probability between 0.05 and 1),
    blind boolean not null,
    reason text,
    rated_at timestamp not null,
    foreign key (run_id, concept, sample_id) references pairs (run_id, concept, sample_id),
    check ((rating is null) = (undoes is not null)),
    check ((source = 'audit' and undoes is null) = (inclusion_probability is not null))
);

create table leases (
    run_id text not null,
    concept text not null,
    sample_id text not null,
    reviewer text not null,
    taken_at timestamp not null,
    expires_at timestamp not null check (expires_at > taken_at),
    primary key (run_id, concept, sample_id, reviewer, taken_at)
);

create table lenses (
    lens_id text primary key,                   -- hash of run, concept, family, layer, phase, mode, settings and the pairs fitted
    run_id text not null references runs (run_id),
    concept text not null,
    family text not null,
    layer integer not null check (layer >= 0),
    phase text not null check (phase in ('prompt', 'output')),
    mode text not null check (mode in ('in_context', 'output_only')),
    n_positive integer not null,
    n_negative integer not null,
    n_excluded integer not null,                -- pairs without an activation
    n_groups integer not null,
    f1 double check (f1 between 0 and 1),
    f1_low double,
    f1_high double,
    "precision" double,
    recall double,
    auc double,
    average_precision double,
    always_positive_f1 double,
    shuffled_f1 double,
    text_only_f1 double,
    length_only_f1 double,
    reason text,                                -- why there is no f1
    trained_at timestamp not null,
    check ((f1 is null) = (reason is not null))
);

create table lens_scores (
    lens_id text not null references lenses (lens_id),
    sample_id text not null references samples (sample_id),
    fold integer not null check (fold >= 0),
    probability double not null check (probability between 0 and 1),
    fires boolean not null,                     -- at the threshold chosen inside the training folds
    primary key (lens_id, sample_id)
);

create table progress (
    run_id text not null,
    stage text not null,
    n_done bigint not null,
    n_total bigint not null,
    seconds double not null,
    message text,
    updated_at timestamp not null,
    primary key (run_id, stage)
);

-- Latest word of people on a pair, undone ratings apart. The latest override stands for all reviewers; audits likewise.
-- Undos form chains, for a row is undone at most once: a rating is undone when the rows after it in its chain are odd in number.
create view ratings_in_force as
with recursive chain (root, latest) as (
    select undoes, rating_id from ratings where undoes is not null
    union all
    select c.root, u.rating_id
    from chain c
    join (select undoes, rating_id from ratings where undoes is not null) u on u.undoes = c.latest
),
undone as (
    select root from chain group by root having count(*) % 2 = 1
)
select
    run_id, concept, sample_id, source,
    arg_max(rating, order_number) as rating,
    arg_max(reviewer, order_number) as reviewer,
    arg_max(inclusion_probability, order_number) as inclusion_probability,
    max(order_number) as order_number
from ratings
where undoes is null and rating_id not in (select root from undone)
group by run_id, concept, sample_id, source;

create view judge_ratings as
select
    judge_id, concept, sample_id,
    avg(rating) as mean_rating,
    stddev_pop(rating) as spread,
    count(rating) as n_votes,
    count(*) - count(rating) as n_unscored
from judgments
group by judge_id, concept, sample_id;

-- judge_ratings of one judge. Averaging a million groups costs as much as all the rest of a histogram, so a judge that gave
-- one vote a pair is read as it stands.
create macro ratings_by_judge(judge) as table
with asked as materialized (
    select coalesce(max(vote), 0) > 0 as several_times from judgments where judge_id = judge
)
select
    concept, sample_id, cast(rating as double) as mean_rating, if(rating is null, null, 0.0::double) as spread,
    if(rating is null, 0, 1)::bigint as n_votes, if(rating is null, 1, 0)::bigint as n_unscored
from judgments
where judge_id = judge and not (select several_times from asked)
union all
select concept, sample_id, avg(rating), stddev_pop(rating), count(rating), count(*) - count(rating)
from judgments
where judge_id = judge and (select several_times from asked)
group by concept, sample_id;

-- What people said on each pair of a run that they rated: the override and the audit rating in force.
create macro ratings_by_people(run) as table
select
    concept, sample_id,
    max(rating) filter (source = 'override') as override_rating,
    max(rating) filter (source = 'audit') as audit_rating,
    max(inclusion_probability) filter (source = 'audit') as inclusion_probability
from ratings_in_force
where run_id = run
group by concept, sample_id;

-- One row a pair of the run: the verdict is an override, else an audit rating, else the judge's mean of its votes.
-- `bin` is the verdict as one of the five ratings (half a step goes to the even one), null where nobody rated.
create macro verdicts(run, judge) as table
select
    p.run_id, p.concept, p.sample_id, p.arm, p.negative_kind, p.position,
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

-- The sufficient statistic of every gap and ceiling: five counts a concept and arm.
create macro rating_histograms(run, judge) as table
select
    concept, arm,
    count(*) filter (bin = 1) as n_1,
    count(*) filter (bin = 2) as n_2,
    count(*) filter (bin = 3) as n_3,
    count(*) filter (bin = 4) as n_4,
    count(*) filter (bin = 5) as n_5,
    count(*) filter (bin is null) as n_unrated
from verdicts(run, judge)
group by concept, arm;
