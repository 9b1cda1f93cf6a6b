-- name: counts
-- For each concept, arm and form: samples, the five rating counts of their verdicts, and by how much sum and sum of squares
-- of the verdicts differ from those of their bins, which is 0 where all are whole ratings. Form rule is 'study' or 'loop'.
select
    v.concept, v.arm,
    case when $form_rule = 'study' then f.form_study else f.form_loop end as form,
    count(*) as n_samples,
    count(*) filter (v.bin = 1) as n_1,
    count(*) filter (v.bin = 2) as n_2,
    count(*) filter (v.bin = 3) as n_3,
    count(*) filter (v.bin = 4) as n_4,
    count(*) filter (v.bin = 5) as n_5,
    -- Rounded, for the last digits of a sum depend on the order of its terms.
    coalesce(round(sum(v.verdict - v.bin), 9), 0) as off_total,
    coalesce(round(sum((v.verdict - v.bin) * (v.verdict + v.bin)), 9), 0) as off_squares
from verdicts($run_id, $judge_id) v
join samples s on s.sample_id = v.sample_id
left join forms f on f.sample_id = v.sample_id
where $concept is null or v.concept = $concept
group by all
order by all;

-- name: quadrants
-- The run's concepts in their order, with counts, quadrant and pack layer (null where the run's pack does not hold them). A pack
-- that was made of imported texts alone says that it counts no senses; its noughts are unknown, its layer too. A quadrant that
-- there is not, as a study of somebody else may name, is none.
select
    r.concept,
    case when r.quadrant in ('A', 'B', 'C', 'D') then r.quadrant end as quadrant,
    coalesce(r.quadrant_reason, case when r.quadrant not in ('A', 'B', 'C', 'D') then 'the study names one that there is not' end)
        as quadrant_reason,
    case when starts_with(p.senses_mean, 'not counted') then null else r.n_senses end as n_senses,
    r.n_siblings, r.sibling_count,
    case when starts_with(p.senses_mean, 'not counted') then null else c.pack_layer end as pack_layer
from run_concepts r
join runs u on u.run_id = r.run_id
join packs p on p.pack_hash = u.pack_hash
left join concepts c on c.pack_hash = u.pack_hash and c.concept = r.concept
where r.run_id = $run_id
order by r.position;

-- name: lenses
-- The measured lenses of a run, one row a concept, family, layers, phase and mode: in the pool of the run's settings where there
-- is one, then validated as the settings say where any is (else one of which nobody wrote how, then any other), then the latest,
-- where pairs were added. `unlike` is 0 for lenses of the phase, mode and pool of the settings, and grows with what differs, most
-- by the phase and least by the pool.
with settings as (
    select
        json_extract_string(config, '$.phase') as own_phase,
        json_extract_string(config, '$.mode') as own_mode,
        json_extract_string(config, '$.pool') as own_pool,
        concat(
            '; validation ', config ->> '$.validation', ' ', config ->> '$.folds', ' × ', config ->> '$.repeats', ' by ',
            config ->> '$.group_by'
        ) as own_validation
    from runs
    where run_id = $run_id
),
validated as (
    select
        lens_id,
        case when ends_with(method, own_validation) then 0 when contains(method, '; validation ') then 2 else 1 end as otherwise
    from lens_measures
    cross join settings
    where measure = 'f1'
)
select
    concept, family, layers, phase, mode, f1, f1_low, f1_high, "precision", recall, auc, average_precision,
    always_positive_f1, shuffled_f1, text_only_f1, length_only_f1, n_positive, n_negative, n_excluded, reason, lens_id,
    -- A run that was written before one of these was a setting has none to differ from.
    4 * coalesce(phase != own_phase, false)::integer + 2 * coalesce(mode != own_mode, false)::integer
    + coalesce(pool != own_pool, false)::integer as unlike
from lens_results
cross join settings
left join validated using (lens_id)
where run_id = $run_id and ($concept is null or concept = $concept)
qualify row_number() over (
    partition by concept, family, layers, phase, mode
    order by unlike, coalesce(otherwise, 1), trained_at desc, lens_id
) = 1
order by concept, family, phase, mode, len(layers), layers;

-- name: lens_measures
-- Some measures of all lenses of a run.
select m.lens_id, m.measure, m.value, m.low, m.high, m.n, m.reason, m.method
from lens_measures m
join lenses l on l.lens_id = m.lens_id
where l.run_id = $run_id and list_contains($measures, m.measure);

-- name: lens_counts
-- How many lenses a run has of each family, by what they read.
select family, layers, count(*) as n_lenses
from lenses
where run_id = $run_id
group by family, layers
order by family, len(layers), layers;

-- name: runs
-- Runs of the study, newest first, each with its pairs, prompts and samples. One is shown unless another is asked for: the
-- newest that has a sample, else the newest.
with counted as (
    select
        r.run_id, r.name, r.created_at, r.model, r.config,
        (select count(*) from pairs p where p.run_id = r.run_id) as n_pairs,
        (select count(*) from prompts q where q.run_id = r.run_id) as n_prompts,
        (select count(*) from samples s join prompts q on q.sample_id = s.sample_id where q.run_id = r.run_id) as n_samples
    from runs r
)
select *, row_number() over (order by n_samples = 0, created_at desc, run_id) = 1 as is_default
from counted
order by created_at desc, run_id;

-- name: judges
-- Judges that were asked about pairs of the run. The first is shown unless another is asked for: one that rated at least half
-- as many pairs as any other goes before one that was only tried, a real one before a baseline, then who rated most pairs, then
-- the newest; one that rated none comes last.
with repeated as (
    select judge_id from judgments group by judge_id having max(vote) > 0
),
asked as (
    select g.judge_id, g.concept, g.sample_id, g.rating, g.cost_usd
    from judgments g
    semi join pairs p on p.run_id = $run_id and p.concept = g.concept and p.sample_id = g.sample_id
),
-- Telling a million pairs apart takes longer than all the rest; where a judge voted once a pair, its votes are its pairs.
counted as (
    select judge_id, count(*) as n_votes, sum(cost_usd) as cost_usd, count(rating) as n_rated
    from asked
    anti join repeated using (judge_id)
    group by judge_id
    union all
    select judge_id, sum(n_votes)::bigint, sum(cost_usd), count(*) filter (is_rated)
    from (
        select judge_id, count(*) as n_votes, sum(cost_usd) as cost_usd, count(rating) > 0 as is_rated
        from asked
        semi join repeated using (judge_id)
        group by judge_id, concept, sample_id
    )
    group by judge_id
),
judged as (
    select
        j.judge_id, j.backend, j.model, j.rubric, j.is_baseline, c.n_votes, c.cost_usd, c.n_rated, j.rubric_hash, j.parameters,
        j.created_at
    from counted c
    join judges j on j.judge_id = c.judge_id
)
select judge_id, backend, model, rubric, is_baseline, n_votes, cost_usd, n_rated, rubric_hash, parameters
from judged
order by
    n_rated = 0, 2 * n_rated < (select max(n_rated) from judged), is_baseline, n_rated desc, created_at desc, judge_id;

-- name: stage_counts
-- What one run has: concepts, samples with form, samples captured, lenses, ratings by people.
select
    (select count(*) from run_concepts where run_id = $run_id) as n_concepts,
    (select count(*) from forms f join prompts q on q.sample_id = f.sample_id where q.run_id = $run_id) as n_forms,
    (
        select count(distinct a.sample_id) from activations a
        join prompts q on q.sample_id = a.sample_id where q.run_id = $run_id
    ) as n_captured,
    (select count(*) from lenses where run_id = $run_id) as n_lenses,
    (select count(*) from ratings where run_id = $run_id and undoes is null) as n_ratings;

-- name: progress
-- Stages of a run as last reported, in the order in which they were begun.
select stage, n_done, n_total, seconds
from progress
where run_id = $run_id
order by updated_at;
