-- name: page
-- One page of a run's pairs with an output, filtered and sorted; `n_total` counts all that pass the filters.
-- A filter that is null passes everything; quadrant and form 'none' stand for not assigned and not measured.
-- Texts are joined to the rows of the page alone: they weigh more than all the rest.
with passing as (
    select
        v.concept, v.sample_id, v.arm, v.negative_kind, v.position, v.bin, v.verdict, v.verdict_source, v.judge_rating,
        v.judge_spread, c.quadrant, c.position as concept_position, f.tail_loop_share, f.n_chars,
        case when $form_rule = 'study' then f.form_study else f.form_loop end as form
    from verdicts($run_id, $judge_id) v
    join run_concepts c on c.run_id = v.run_id and c.concept = v.concept
    semi join (
        select s.sample_id
        from samples s
        join prompts q on q.sample_id = s.sample_id
        where
            q.run_id = $run_id
            and (
                $text is null
                or contains(lower(s.output), lower($text)) or contains(lower(q.prompt), lower($text))
            )
    ) written on written.sample_id = v.sample_id
    left join forms f on f.sample_id = v.sample_id
    where
        ($quadrants is null or list_contains($quadrants::text[], coalesce(c.quadrant, 'none')))
        and ($concept is null or v.concept = $concept)
        and ($arm is null or v.arm = $arm)
        and ($kinds is null or list_contains($kinds::text[], v.negative_kind))
        and ($forms is null or list_contains($forms::text[], coalesce(form, 'none')))
        and ($ratings is null or list_contains($ratings::integer[], coalesce(v.bin, 0)))
        and ($source is null or v.verdict_source = $source)
),
page as (
    select *, row_number() over () as row_order
    from (
        select *
        from passing
        order by
            case $sort when 'lowest' then verdict when 'highest' then -verdict end nulls last,
            case $sort when 'loop' then -tail_loop_share when 'longest' then -n_chars when 'shortest' then n_chars
                when 'unsure' then -judge_spread end
                nulls last,
            concept_position, position
        limit $n_rows offset $n_skipped
    )
)
select
    p.concept, p.sample_id, p.arm, p.negative_kind, p.quadrant, p.form, p.bin, p.verdict, p.verdict_source,
    p.judge_rating, q.prompt, q.prompt_concept, p.n_chars,
    substr(s.output, greatest(1, strpos(lower(s.output), lower(coalesce($text, ''))) - 60)::bigint, 240) as excerpt,
    (select count(*) from passing) as n_total
from page p
join samples s on s.sample_id = p.sample_id
join prompts q on q.sample_id = p.sample_id
order by p.row_order;

-- name: pair
-- One pair with its sample, form and verdict; `otherwise` is the rating in force were there no override, `judge_bin` its bin.
select
    v.concept, v.sample_id, v.arm, v.negative_kind, c.quadrant, q.prompt, q.prompt_concept, q.template,
    s.output, if(is_imported($run_id), null, s.finish_reason) as finish_reason,
    if(is_imported($run_id), null, s.generated_at) as generated_at,
    case when $form_rule = 'study' then f.form_study else f.form_loop end as form,
    f.n_chars, f.n_words, f.tail_loop_share, f.repeated_4gram_share, f.distinct_2, f.zlib_ratio, f.first30_count,
    v.verdict, v.bin, v.verdict_source, v.judge_rating, v.judge_spread, v.n_votes, v.n_unscored,
    coalesce(v.audit_rating, v.judge_rating) as otherwise, cast(round_even(otherwise, 0) as integer) as judge_bin
from verdicts($run_id, $judge_id) v
join samples s on s.sample_id = v.sample_id
join prompts q on q.sample_id = v.sample_id
join run_concepts c on c.run_id = v.run_id and c.concept = v.concept
left join forms f on f.sample_id = v.sample_id
where v.concept = $concept and v.sample_id = $sample_id;

-- name: topics
-- What the judge took a sample to be about, vote by vote.
select vote, topic, topic_concept, topic_match, similarity, unscored_reason, raw_reply, n_chars_cut, cost_usd
from topics
where judge_id = $judge_id and sample_id = $sample_id
order by vote;

-- name: judgments
-- What the judge said of a pair, vote by vote.
select vote, rating, expected_rating, probabilities, explanation, unscored_reason, raw_reply, n_chars_cut, cost_usd
from judgments
where judge_id = $judge_id and concept = $concept and sample_id = $sample_id
order by vote;

-- name: scores
-- What each lens of the concept said of the sample when it had not been trained on it.
select l.family, l.layers, l.phase, s.probability, s.fires, s.fold
from lens_scores s
join lens_results l on l.lens_id = s.lens_id
where s.repeat = 0 and l.run_id = $run_id and l.concept = $concept and s.sample_id = $sample_id
order by l.family, len(l.layers), l.layers, l.phase;
