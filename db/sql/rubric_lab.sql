-- name: pool
-- Pairs of a run whose text is not blank, in an order that is the same every time: those that a certain judge has rated already,
-- those that people rated, then all others; within these the first of every arm, quadrant and rating before the second of any.
with written as (
    select s.sample_id
    from samples s
    join prompts q on q.sample_id = s.sample_id
    where q.run_id = $run_id and trim(s.output, e' \t\n\r\f\x0b') <> ''
),
rated as (
    select
        v.concept, v.sample_id, v.arm, v.negative_kind, c.quadrant, v.judge_rating as old_rating,
        coalesce(v.override_rating, v.audit_rating) as people_rating,
        t.concept is not null as is_tried, hash(v.concept, v.sample_id) as shuffled
    from verdicts($run_id, $judge_id) v
    join run_concepts c on c.run_id = v.run_id and c.concept = v.concept
    semi join written w on w.sample_id = v.sample_id
    left join ratings_by_judge($tried) t on t.concept = v.concept and t.sample_id = v.sample_id
    where
        ($concept is null or v.concept = $concept)
        and ($arm is null or v.arm = $arm)
        and ($quadrants is null or list_contains($quadrants::text[], coalesce(c.quadrant, 'none')))
),
page as (
    select
        *,
        row_number() over (
            partition by is_tried, people_rating is null, arm, quadrant, round_even(old_rating, 0)
            order by shuffled, concept, sample_id
        ) as turn
    from rated
    qualify turn <= $n_rows
    order by is_tried desc, people_rating is null, turn, shuffled, concept, sample_id
    limit $n_rows
)
select p.* exclude (shuffled, turn), substr(s.output, 1, 240) as excerpt
from page p
join samples s on s.sample_id = p.sample_id
order by p.is_tried desc, p.people_rating is null, p.turn, p.shuffled, p.concept, p.sample_id;

-- name: pairs
-- Chosen pairs (concept and sample with a unit separator between) as the judge on screen, another judge and people rated them.
-- The other judge's explanation is that of its first vote with a rating; its reason, that of its first vote without one.
with chosen as (
    select split_part(pair, chr(31), 1) as concept, split_part(pair, chr(31), 2) as sample_id
    from (select unnest($chosen::text[]) as pair)
),
said as (
    select
        concept, sample_id,
        arg_min(explanation, vote) filter (rating is not null) as explanation,
        arg_min(unscored_reason, vote) filter (rating is null) as unscored_reason
    from judgments
    semi join chosen using (concept, sample_id)
    where judge_id = $tried
    group by concept, sample_id
)
select
    p.concept, p.sample_id, p.arm, known_kind($run_id, p.negative_kind) as negative_kind, c.quadrant,
    j.mean_rating as old_rating, t.mean_rating as new_rating,
    coalesce(h.override_rating, h.audit_rating) as people_rating, h.override_rating is not null as is_override,
    said.concept is not null as is_tried, said.explanation, said.unscored_reason, substr(s.output, 1, 240) as excerpt
from pairs p
semi join chosen using (concept, sample_id)
join run_concepts c on c.run_id = p.run_id and c.concept = p.concept
join samples s on s.sample_id = p.sample_id
left join ratings_by_judge($judge_id) j on j.concept = p.concept and j.sample_id = p.sample_id
left join ratings_by_judge($tried) t on t.concept = p.concept and t.sample_id = p.sample_id
left join ratings_by_people($run_id) h on h.concept = p.concept and h.sample_id = p.sample_id
left join said on said.concept = p.concept and said.sample_id = p.sample_id
where p.run_id = $run_id;

-- name: judge
-- What decides a judge's answers.
select judge_id, backend, model, rubric, rubric_hash, parameters ->> 'base_url' as base_url, is_baseline
from judges
where judge_id = $judge_id;

-- name: readers
-- Judges of the study that read a rubric, the latest first.
select judge_id, backend, model, rubric, rubric_hash, parameters ->> 'base_url' as base_url, is_baseline
from judges
where not is_baseline
order by created_at desc, judge_id;

-- name: tried_by
-- The latest judge with these settings, what it has cost in this study, and how many of the chosen pairs it has voted on.
select
    j.judge_id,
    coalesce((select sum(cost_usd) from judgments where judge_id = j.judge_id), 0)
        + coalesce((select sum(cost_usd) from topics where judge_id = j.judge_id), 0) as spent_usd,
    (
        select count(distinct (g.concept, g.sample_id)) from judgments g
        where g.judge_id = j.judge_id and list_contains($chosen::text[], g.concept || chr(31) || g.sample_id)
    ) as n_answered
from judges j
where
    j.backend || ':' || j.model = $judge and j.rubric_hash = $rubric_hash
    and coalesce(j.parameters ->> 'base_url', '') = $base_url
order by j.created_at desc, j.judge_id
limit 1;
