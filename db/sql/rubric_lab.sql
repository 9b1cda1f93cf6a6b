-- name: pool
-- Pairs of a run whose text is not blank, in an order that is the same every time: those that a certain judge has rated already,
-- those that people rated, then all others; within these the first of every arm, quadrant and rating before the second of any.
-- The others come no earlier for being left out (`only_rated`), and without a look at every pair the rest is soon found.
with people as materialized (
    select concept, sample_id, coalesce(override_rating, audit_rating) as rating from ratings_by_people($run_id)
),
tried as materialized (
    select distinct concept, sample_id from judgments where judge_id = $tried
),
found as materialized (
    select concept, sample_id from people
    union
    select concept, sample_id from tried
    union
    select concept, sample_id from pairs where not $only_rated and run_id = $run_id
),
asked as materialized (
    select p.concept, p.sample_id, p.arm, p.negative_kind, c.quadrant, f.n_chars
    from pairs p
    semi join found u on u.concept = p.concept and u.sample_id = p.sample_id
    join run_concepts c on c.run_id = p.run_id and c.concept = p.concept
    left join forms f on f.sample_id = p.sample_id
    where
        p.run_id = $run_id
        and ($concept is null or p.concept = $concept)
        and ($arm is null or p.arm = $arm)
        and ($quadrants is null or list_contains($quadrants::text[], coalesce(c.quadrant, 'none')))
),
-- A text of which characters were counted is not blank. So few others are read; as a group's, or the texts of all samples are.
doubtful as (
    select s.sample_id, bool_or(trim(s.output, e' \t\n\r\f\x0b') <> '') as is_written
    from samples s
    semi join (from asked where coalesce(n_chars, 0) = 0) a on a.sample_id = s.sample_id
    group by s.sample_id
),
written as (
    select * from asked where n_chars > 0
    union all
    select * from asked semi join (from doubtful where is_written) using (sample_id)
),
judged as (
    select j.concept, j.sample_id, j.mean_rating
    from ratings_by_judge($judge_id) j
    semi join asked a on a.concept = j.concept and a.sample_id = j.sample_id
),
rated as (
    select
        w.concept, w.sample_id, w.arm, known_kind($run_id, w.negative_kind) as negative_kind, w.quadrant,
        j.mean_rating as old_rating, h.rating as people_rating, t.concept is not null as is_tried,
        hash(w.concept, w.sample_id) as shuffled
    from written w
    left join judged j on j.concept = w.concept and j.sample_id = w.sample_id
    left join people h on h.concept = w.concept and h.sample_id = w.sample_id
    left join tried t on t.concept = w.concept and t.sample_id = w.sample_id
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
-- The other judge's explanation is that of its first vote with a rating; its reason, that of its first vote without one. Rows are
-- found by the samples, which are indexed.
with voted as materialized (
    from judgments where sample_id in $sample_ids
),
of_samples as materialized (
    from pairs where sample_id in $sample_ids
),
written as materialized (
    select sample_id, substr(output, 1, 240) as excerpt from samples where sample_id in $sample_ids
),
chosen as (
    select split_part(pair, chr(31), 1) as concept, split_part(pair, chr(31), 2) as sample_id
    from (select unnest($chosen::text[]) as pair)
),
said as (
    select
        concept, sample_id,
        arg_min(explanation, vote) filter (rating is not null) as explanation,
        arg_min(unscored_reason, vote) filter (rating is null) as unscored_reason
    from voted
    semi join chosen using (concept, sample_id)
    where judge_id = $tried
    group by concept, sample_id
),
judged as (
    select judge_id, concept, sample_id, avg(coalesce(expected_rating, rating)) as mean_rating
    from voted
    semi join chosen using (concept, sample_id)
    where judge_id in ($judge_id, $tried)
    group by judge_id, concept, sample_id
)
select
    p.concept, p.sample_id, p.arm, known_kind($run_id, p.negative_kind) as negative_kind, c.quadrant,
    j.mean_rating as old_rating, t.mean_rating as new_rating,
    coalesce(h.override_rating, h.audit_rating) as people_rating, h.override_rating is not null as is_override,
    said.concept is not null as is_tried, said.explanation, said.unscored_reason, s.excerpt
from of_samples p
semi join chosen using (concept, sample_id)
join run_concepts c on c.run_id = p.run_id and c.concept = p.concept
join written s on s.sample_id = p.sample_id
left join judged j on j.judge_id = $judge_id and j.concept = p.concept and j.sample_id = p.sample_id
left join judged t on t.judge_id = $tried and t.concept = p.concept and t.sample_id = p.sample_id
left join ratings_by_people($run_id) h on h.concept = p.concept and h.sample_id = p.sample_id
left join said on said.concept = p.concept and said.sample_id = p.sample_id
where p.run_id = $run_id;

-- name: judge
-- What decides a judge's answers.
select judge_id, backend, model, rubric, rubric_hash, parameters ->> 'base_url' as base_url, is_baseline
from judges
where judge_id = $judge_id;

-- name: readers
-- Judges of the study that read a rubric and have answered, the latest first: one that never did may have a wrong address.
select judge_id, backend, model, rubric, rubric_hash, parameters ->> 'base_url' as base_url, is_baseline
from judges
where not is_baseline and judge_id in (select judge_id from judgments where rating is not null)
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

-- name: trials
-- Judges that read a rubric, the latest first: on how many pairs of a run that people rated, by concept, each gave which rating
-- where people gave which. Mean votes are rounded; a vote without a rating counts in none.
with people as materialized (
    select concept, sample_id, coalesce(override_rating, audit_rating) as rating from ratings_by_people($run_id)
),
voted as (
    select j.judge_id, j.concept, j.sample_id, avg(coalesce(j.expected_rating, j.rating)) as mean_rating
    from judgments j
    semi join people p on p.concept = j.concept and p.sample_id = j.sample_id
    group by j.judge_id, j.concept, j.sample_id
)
select
    j.judge_id, j.backend, j.model, j.rubric, j.rubric_hash, j.parameters ->> 'base_url' as base_url, j.is_baseline,
    j.created_at, v.concept, round_even(v.mean_rating, 0)::int as rating, p.rating as people_rating, count(*)::int as n_pairs
from judges j
join voted v on v.judge_id = j.judge_id
join people p on p.concept = v.concept and p.sample_id = v.sample_id
where not j.is_baseline and v.mean_rating is not null
group by all
order by j.created_at desc, j.judge_id, v.concept, rating, people_rating;
