-- The tables of a dataset that is made of a study, run by run. Paths of this machine are cut to their last part, and the address
-- of a judge's server is left out, for a dataset goes to others. Nothing sorts texts, so that none has to fit into memory.

-- name: samples
-- Texts of a run with prompt, sampling and form: one of $n_parts parts, for a join holds the texts of a part in memory. What an
-- import does not know is null. What is the same for all texts is asked for once, for beside it each join would hold them all.
select
    s.sample_id, q.run_id,
    (select regexp_replace(model, '^([/~.]|[A-Za-z]:[/\\]).*[/\\]', '') from runs where run_id = $run_id) as model,
    nullif(q.prompt_concept, '') as prompt_concept, q.template,
    if(is_imported($run_id) and q.prompt = $no_prompt::text, null, q.prompt) as prompt, s.output as text,
    if(is_imported($run_id), null, s.finish_reason) as finish_reason,
    if(is_imported($run_id), null, s.n_prompt_tokens) as n_prompt_tokens,
    if(is_imported($run_id), null, len(s.output_ids)::integer) as n_output_tokens,
    if(is_imported($run_id), null, q.seed) as seed,
    (select json_extract(config, '$.temperature')::double from runs where run_id = $run_id and not is_imported($run_id))
        as temperature,
    (select json_extract(config, '$.top_p')::double from runs where run_id = $run_id and not is_imported($run_id)) as top_p,
    (select json_extract(config, '$.max_new_tokens')::integer from runs where run_id = $run_id and not is_imported($run_id))
        as max_new_tokens,
    s.generated_at, f.n_chars, f.n_words, f.tail_loop_share, f.repeated_4gram_share, f.distinct_2, f.zlib_ratio, f.first30_count,
    f.form_study, f.form_loop
from prompts q
join samples s on s.sample_id = q.sample_id
left join forms f on f.sample_id = s.sample_id
where
    q.run_id = $run_id
    -- Said of both tables, so that neither is read whole into the join.
    and hash(q.sample_id) % $n_parts = $part and hash(s.sample_id) % $n_parts = $part;

-- name: n_samples
-- How many texts a run has.
select count(*) from prompts q join samples s on s.sample_id = q.sample_id where q.run_id = $run_id;

-- name: pairs
-- Which sample serves which concept in which arm; a pair without a text is no part of a dataset.
select
    p.run_id, p.concept, c.quadrant, p.sample_id, p.arm, known_kind(p.run_id, p.negative_kind) as negative_kind, p.position
from pairs p
semi join samples s on s.sample_id = p.sample_id
join run_concepts c on c.run_id = p.run_id and c.concept = p.concept
where p.run_id = $run_id;

-- name: judgments
-- Every vote of every judge on a pair of the run.
select
    p.run_id, j.judge_id, j.concept, j.sample_id, j.vote, j.rating, j.explanation, j.unscored_reason,
    j.probabilities[1] as p_1, j.probabilities[2] as p_2, j.probabilities[3] as p_3, j.probabilities[4] as p_4,
    j.probabilities[5] as p_5, j.expected_rating, j.raw_reply, j.n_input_tokens, j.n_output_tokens, j.n_chars_cut, j.cost_usd,
    j.judged_at
from judgments j
join pairs p on p.concept = j.concept and p.sample_id = j.sample_id
where p.run_id = $run_id;

-- name: topics
-- Every vote of every judge on what a text is about.
select
    q.run_id, t.judge_id, t.sample_id, t.vote, t.topic, t.topic_concept, t.topic_match, t.similarity, t.unscored_reason,
    t.raw_reply, t.n_input_tokens, t.n_output_tokens, t.n_chars_cut, t.cost_usd, t.judged_at
from topics t
join prompts q on q.sample_id = t.sample_id
where q.run_id = $run_id;

-- name: verdicts
-- The rating in force of each pair that has a text, beside one judge.
select
    v.run_id, $judge_id::text as judge_id, v.concept, v.sample_id, v.arm, v.judge_rating, v.judge_spread, v.n_votes, v.n_unscored,
    v.override_rating, v.audit_rating, v.inclusion_probability, v.verdict, v.verdict_source
from verdicts($run_id, $judge_id) v
semi join samples s on s.sample_id = v.sample_id;

-- name: ratings
-- All that people ever said of pairs of the run, in its order. A rating is undone when the rows that follow it in its chain of
-- undos are odd in number. With $anonymous, people are numbered by their first rating and their free words are left out.
with people as (
    select reviewer, row_number() over (order by min(order_number)) as number from ratings group by reviewer
)
select
    r.run_id, r.order_number, r.rating_id, r.concept, r.sample_id,
    if($anonymous::boolean, 'reviewer ' || p.number, r.reviewer) as reviewer,
    r.source, r.rating, r.undoes, r.rating_id in (select rating_id from undone_ratings) as is_undone,
    f.order_number is not null as is_in_force,
    r.inclusion_probability, r.blind, if($anonymous::boolean, null, r.reason) as reason, r.rated_at
from ratings r
join people p on p.reviewer = r.reviewer
left join ratings_in_force f
    on f.run_id = r.run_id and f.concept = r.concept and f.sample_id = r.sample_id and f.source = r.source
    and f.order_number = r.order_number
where r.run_id = $run_id
order by r.order_number;

-- name: lenses
-- The lenses of a run with the measures that lists of lenses show.
select
    run_id, lens_id, concept, family, layer_name as layers, phase, mode, pool, n_positive, n_negative, n_excluded, n_groups,
    threshold, f1, f1_low, f1_high, "precision", recall, auc, average_precision, always_positive_f1, shuffled_f1, text_only_f1,
    length_only_f1, reason, trained_at
from lens_results
where run_id = $run_id;

-- name: lens_scores
-- What each lens said of each sample while that was held out.
select
    l.run_id, s.lens_id, l.concept, l.family, array_to_string(l.layers, '+') as layers, l.phase, l.mode, l.pool, s.sample_id,
    s.repeat, s.fold, s.probability, s.fires
from lens_scores s
join lenses l on l.lens_id = s.lens_id
where l.run_id = $run_id;

-- name: concepts
-- The concepts of a run as its pack has them.
select
    rc.run_id, rc.concept, rc.position, rc.quadrant, rc.quadrant_reason, rc.n_senses, rc.n_siblings, rc.sibling_count,
    c.pack_layer, c.definition, c.origin
from run_concepts rc
join runs r on r.run_id = rc.run_id
join concepts c on c.pack_hash = r.pack_hash and c.concept = rc.concept
where rc.run_id = $run_id
order by rc.position;

-- name: learning_curves
-- Every learning curve of the run, a row a number of pairs; one row without numbers where nothing could be measured.
with placed as (
    select *, unnest(if(len(n_train) = 0, [null], range(1, len(n_train) + 1))) as place
    from learning_curves
    where run_id = $run_id
)
select
    run_id, curve_id, concept, family, array_to_string(layers, '+') as layers, phase, mode, pool, n_pairs, n_positive, n_groups,
    place, n_train[place] as n_train, f1[place] as f1,
    sqrt(covariance[(place - 1) * len(n_train) + place]) as f1_error,
    covariance[(place - 1) * len(n_train) + 1:place * len(n_train)]::json::text as covariance, reason, measured_at
from placed
order by concept, curve_id, place;

-- name: judges
-- Who judged the run.
select
    $run_id as run_id, j.judge_id, j.backend,
    regexp_replace(j.model, '^([/~.]|[A-Za-z]:[/\\]).*[/\\]', '') as model,
    regexp_replace(j.rubric, '^([/~.]|[A-Za-z]:[/\\]).*[/\\]', '') as rubric,
    j.rubric_hash, j.is_baseline, j.created_at
from judges j
where
    exists (
        select 1 from judgments g join pairs p on p.concept = g.concept and p.sample_id = g.sample_id
        where g.judge_id = j.judge_id and p.run_id = $run_id
    )
    or exists (
        select 1 from topics t join prompts q on q.sample_id = t.sample_id
        where t.judge_id = j.judge_id and q.run_id = $run_id
    )
order by j.created_at, j.judge_id;

-- name: reported
-- What others reported of the lenses of an imported run.
select run_id, concept, name, value from reported_measures where run_id = $run_id order by concept, name;

-- name: runs
-- The run with its settings, as JSON.
with setting as (
    select unnest(json_keys(config)) as name, config from runs where run_id = $run_id
),
told as (
    select
        name,
        if(
            json_type(json_extract(config, '$.' || name)) = 'VARCHAR',
            to_json(regexp_replace(
                json_extract_string(config, '$.' || name), '^((?:local:)?)(?:[/~.]|[A-Za-z]:[/\\]).*[/\\]', '\1'
            )),
            json_extract(config, '$.' || name)
        ) as value
    from setting
    where name != 'base_url'
)
select
    r.run_id, r.name, r.created_at, regexp_replace(r.model, '^([/~.]|[A-Za-z]:[/\\]).*[/\\]', '') as model,
    r.model_fingerprint, p.name as pack, p.version as pack_version, r.pack_hash, p.senses_mean,
    regexp_replace(r.template_set, '^([/~.]|[A-Za-z]:[/\\]).*[/\\]', '') as template_set, r.template_hash, r.seed,
    i.kind as imported, (select json_group_object(name, value)::text from told) as settings, r.versions::text as versions
from runs r
join packs p on p.pack_hash = r.pack_hash
left join imports i on i.run_id = r.run_id
where r.run_id = $run_id;

-- name: run_ids
-- The runs of the study, oldest first.
select run_id from runs order by created_at, run_id;
