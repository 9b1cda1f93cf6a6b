-- Judges that are paid and asked several times: what each vote took, what the text was cut by, how sure the judge was; what a
-- topic means in the pack's words; what an endpoint can do; and batches that are under way at the server.

-- Columns with constraints cannot be added to a table, so both are made anew; a table that others refer to cannot be renamed
-- soundly, so the rows wait in another one.
create temp table topics_before as from topics;
drop table topics;
create table topics (
    judge_id text not null references judges (judge_id),
    sample_id text not null references samples (sample_id),
    vote integer not null check (vote >= 0),
    topic text,
    similarity double,
    unscored_reason text,
    raw_reply text not null,
    n_input_tokens integer not null check (n_input_tokens >= 0),    -- neither read from nor written to a cache
    n_output_tokens integer not null check (n_output_tokens >= 0),
    cost_usd double check (cost_usd >= 0),                          -- null: nobody told the model's price
    judged_at timestamp not null,
    n_cache_read_tokens integer not null check (n_cache_read_tokens >= 0),
    n_cache_write_tokens integer not null check (n_cache_write_tokens >= 0),
    n_chars_cut integer not null check (n_chars_cut >= 0),          -- of the text, that the judge was not shown
    topic_concept text,                                             -- the pack's concept that the topic names, if one
    topic_match text check (topic_match in ('exact', 'alias', 'sibling', 'ancestor', 'other')),  -- to the prompt's concept
    primary key (judge_id, sample_id, vote),
    check ((topic is null) = (unscored_reason is not null)),
    check (topic is not null or topic_match is null)
);
insert into topics
select
    judge_id, sample_id, vote, topic, similarity, unscored_reason, raw_reply, n_input_tokens, n_output_tokens, cost_usd,
    judged_at, 0, 0, 0, null, null
from topics_before;
drop table topics_before;

create temp table judgments_before as from judgments;
drop view judge_ratings;
drop table judgments;
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
    cost_usd double check (cost_usd >= 0),
    judged_at timestamp not null,
    n_cache_read_tokens integer not null check (n_cache_read_tokens >= 0),
    n_cache_write_tokens integer not null check (n_cache_write_tokens >= 0),
    n_chars_cut integer not null check (n_chars_cut >= 0),
    probabilities double[],                                         -- of the ratings 1 to 5, where the judge knows them
    expected_rating double check (expected_rating between 1 and 5), -- their mean
    primary key (judge_id, concept, sample_id, vote),
    check ((rating is null) = (unscored_reason is not null)),
    check ((probabilities is null) = (expected_rating is null))
);
insert into judgments
select
    judge_id, concept, sample_id, vote, rating, explanation, unscored_reason, raw_reply, n_input_tokens, n_output_tokens,
    cost_usd, judged_at, 0, 0, 0, null, null
from judgments_before;
drop table judgments_before;

create table endpoints (
    base_url text not null,
    model text not null,
    capabilities json not null,
    probed_at timestamp not null,
    primary key (base_url, model, probed_at)
);

-- A batch is written down before it is submitted, so that a process killed in between finds it at the server again.
create table judge_batches (
    intent text primary key,
    judge_id text not null references judges (judge_id),
    run_id text not null references runs (run_id),
    kind text not null check (kind in ('topic', 'relevance')),
    n_requests integer not null check (n_requests > 0),
    created_at timestamp not null,
    worst_usd double not null check (worst_usd >= 0)                -- the most that all requests together can cost
);

create table judge_batch_items (
    intent text not null references judge_batches (intent),
    position integer not null check (position >= 0),
    concept text,
    sample_id text not null,
    vote integer not null check (vote >= 0),
    primary key (intent, position)
);

-- What became of a batch, a row a step: 'submitted' with the server's id, 'done', or 'lost' where the server has none.
create table judge_batch_steps (
    intent text not null references judge_batches (intent),
    step text not null check (step in ('submitted', 'done', 'lost')),
    batch_id text,
    taken_at timestamp not null,
    primary key (intent, step),
    check ((step = 'submitted') = (batch_id is not null))
);

-- What a judge has cost beside its votes: finding out what a server can do, which is sure, and what may have been paid for
-- without an answer that is kept: replies that were lost on the way, and calls that were under way when a process was killed.
create table judge_extras (
    extra_id text primary key,
    judge_id text not null references judges (judge_id),
    reason text not null check (reason in ('probe', 'lost', 'killed')),
    cost_usd double not null check (cost_usd >= 0),                 -- at most so much, but for a probe
    found_at timestamp not null
);

-- A vote counts as the mean of its distribution, where it has one. The spread is that between votes (n - 1) and within them;
-- of one vote without a distribution it is unknown.
create view judge_ratings as
select
    judge_id, concept, sample_id,
    avg(coalesce(expected_rating, rating)) as mean_rating,
    case
        when count(rating) > 1 or count(probabilities) > 0 then sqrt(
            coalesce(var_samp(coalesce(expected_rating, rating)), 0)
            + coalesce(
                avg(list_sum(list_transform(probabilities, lambda p, i: p * (i - expected_rating) * (i - expected_rating)))),
                0
            )
        )
    end as spread,
    count(rating) as n_votes,
    count(*) - count(rating) as n_unscored
from judgments
group by judge_id, concept, sample_id;

create or replace macro ratings_by_judge(judge) as table
with asked as materialized (
    select coalesce(max(vote), 0) > 0 or coalesce(bool_or(probabilities is not null), false) as needs_means
    from judgments
    where judge_id = judge
)
select
    concept, sample_id, cast(rating as double) as mean_rating, null::double as spread,
    if(rating is null, 0, 1)::bigint as n_votes, if(rating is null, 1, 0)::bigint as n_unscored
from judgments
where judge_id = judge and not (select needs_means from asked)
union all
select concept, sample_id, mean_rating, spread, n_votes, n_unscored
from judge_ratings
where judge_id = judge and (select needs_means from asked);

-- Numbers of the votes that are still to be asked for. Votes 0 to n_votes - 1 are the design (at most a hundred); what is asked
-- again has the number attempt * 1000 + vote, so that it never takes the number of a later vote. `given` are all numbers there
-- are, `closed` those that need no further attempt: they have a score, or a rule answered them.
create macro votes_to_ask(given, closed, n_votes, again) as list_concat(
    list_filter(range(n_votes), lambda vote: not list_contains(coalesce(given, []), vote)),
    if(
        again,
        list_transform(
            list_filter(
                range(n_votes),
                lambda vote:
                    list_contains(coalesce(given, []), vote)
                    and not list_contains(list_transform(coalesce(closed, []), lambda number: number % 1000), vote)
            ),
            lambda vote:
                (1 + list_max(list_filter(coalesce(given, []), lambda number: number % 1000 = vote)) // 1000) * 1000 + vote
        ),
        []
    )
);
