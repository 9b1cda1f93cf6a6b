-- Votes are given sample by sample. A key in that order keeps those that are written together near each other in the index, of
-- which a batch would else read and rewrite many pages while everybody waits for the study.

create temp table judgments_before as from judgments;
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
    primary key (judge_id, sample_id, concept, vote),
    check ((rating is null) = (unscored_reason is not null)),
    check ((probabilities is null) = (expected_rating is null))
);
insert into judgments from judgments_before;
drop table judgments_before;
