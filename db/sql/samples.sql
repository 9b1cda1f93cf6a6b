-- name: page
-- One page of a run's pairs with an output, filtered and sorted; `n_total` counts all that pass the filters.
-- A filter that is null passes everything; quadrant and form 'none' stand for not assigned and not measured.
with chosen as (
    select
        v.concept, v.sample_id, v.arm, v.negative_kind, v.position, v.bin, v.verdict, v.verdict_source, v.judge_rating,
        v.n_unscored, c.quadrant, c.position as concept_position, q.prompt, q.prompt_concept, s.output,
        case when $form_rule = 'study' then f.form_study else f.form_loop end as form,
        f.tail_loop_share, f.n_chars
    from verdicts($run_id, $judge_id) v
    join samples s on s.sample_id = v.sample_id
    join prompts q on q.sample_id = v.sample_id
    join run_concepts c on c.run_id = v.run_id and c.concept = v.concept
    left join forms f on f.sample_id = v.sample_id
),
passing as (
    select * from chosen
    where
        ($quadrants is null or list_contains($quadrants::text[], coalesce(quadrant, 'none')))
        and ($concept is null or concept = $concept)
        and ($arm is null or arm = $arm)
        and ($kinds is null or list_contains($kinds::text[], negative_kind))
        and ($forms is null or list_contains($forms::text[], coalesce(form, 'none')))
        and ($ratings is null or list_contains($ratings::integer[], coalesce(bin, 0)))
        and ($source is null or verdict_source = $source)
        and (
            $text is null
            or contains(lower(output), lower($text)) or contains(lower(prompt), lower($text))
        )
)
select
    concept, sample_id, arm, negative_kind, quadrant, form, bin, verdict, verdict_source, judge_rating, prompt,
    prompt_concept, n_chars,
    substr(output, greatest(1, strpos(lower(output), lower(coalesce($text, ''))) - 60)::bigint, 240) as excerpt,
    count(*) over () as n_total
from passing
order by
    case $sort when 'lowest' then verdict when 'highest' then -verdict end nulls last,
    case $sort when 'loop' then -tail_loop_share when 'longest' then -n_chars when 'shortest' then n_chars end nulls last,
    concept_position, position
limit $n_rows offset $n_skipped;

-- name: pair
-- One pair with its sample, form and verdict; `judge_bin` is the rating in force were there no override.
select
    v.concept, v.sample_id, v.arm, v.negative_kind, c.quadrant, q.prompt, q.prompt_concept, q.template,
    s.output, s.finish_reason, s.generated_at,
    case when $form_rule = 'study' then f.form_study else f.form_loop end as form,
    f.n_chars, f.n_words, f.tail_loop_share, f.repeated_4gram_share, f.distinct_2, f.zlib_ratio, f.first30_count,
    v.verdict, v.bin, v.verdict_source, v.judge_rating, v.n_votes, v.n_unscored,
    cast(round_even(coalesce(v.audit_rating, v.judge_rating), 0) as integer) as judge_bin
from verdicts($run_id, $judge_id) v
join samples s on s.sample_id = v.sample_id
join prompts q on q.sample_id = v.sample_id
join run_concepts c on c.run_id = v.run_id and c.concept = v.concept
left join forms f on f.sample_id = v.sample_id
where v.concept = $concept and v.sample_id = $sample_id;

-- name: topics
-- What the judge took a sample to be about, vote by vote.
select topic, similarity, unscored_reason
from topics
where judge_id = $judge_id and sample_id = $sample_id
order by vote;

-- name: judgments
-- What the judge said of a pair, vote by vote.
select rating, explanation, unscored_reason, raw_reply
from judgments
where judge_id = $judge_id and concept = $concept and sample_id = $sample_id
order by vote;

-- name: scores
-- What each lens of the concept said of the sample when it had not been trained on it.
select l.family, l.layer, l.phase, s.probability, s.fires, s.fold
from lens_scores s
join lenses l on l.lens_id = s.lens_id
where l.run_id = $run_id and l.concept = $concept and s.sample_id = $sample_id
order by l.family, l.layer, l.phase;
