-- name: run
-- What a report tells of its run; the import's column is null where a model of ours wrote the texts.
select
    r.name, r.created_at, r.config, r.model, r.model_fingerprint, r.template_set, r.seed, r.versions,
    p.name as pack, p.version, p.source, p.senses_mean, p.n_concepts, i.source as imported_from
from runs r
join packs p on p.pack_hash = r.pack_hash
left join imports i on i.run_id = r.run_id
where r.run_id = $run_id;

-- name: people
-- What people rated in a run, by how they came to it: pairs whose rating is in force, and how many people have rated.
with reviewers as (
    select source, count(distinct reviewer) as n_reviewers
    from ratings
    where run_id = $run_id and undoes is null
    group by source
)
select f.source, count(*) as n_pairs, any_value(r.n_reviewers) as n_reviewers
from ratings_in_force f
join reviewers r on r.source = f.source
where f.run_id = $run_id
group by f.source
order by f.source;

-- name: examples
-- Positives of each quadrant in good and in another form, $n_each of either: those with the smallest hash of their ids, one a concept
-- before a second one of any, so that nobody picks them and the same study shows the same ones.
with positives as (
    select
        v.concept, v.sample_id, c.quadrant, v.verdict, v.verdict_source,
        case when $form_rule = 'study' then f.form_study else f.form_loop end as form,
        md5(v.concept || v.sample_id) as place
    from verdicts($run_id, $judge_id) v
    join run_concepts c on c.run_id = v.run_id and c.concept = v.concept
    join forms f on f.sample_id = v.sample_id
    where v.arm = 'positive'
),
turns as (
    select *, row_number() over (partition by quadrant, form = 'good', concept order by place) as turn
    from positives
),
chosen as (
    select *
    from turns
    qualify row_number() over (partition by quadrant, form = 'good' order by turn, place) <= $n_each
)
select
    c.quadrant, c.form, c.concept, q.prompt, s.output, c.verdict, c.verdict_source, g.explanation, g.unscored_reason
from chosen c
join samples s on s.sample_id = c.sample_id
join prompts q on q.sample_id = c.sample_id
left join judgments g
    on g.judge_id = $judge_id and g.concept = c.concept and g.sample_id = c.sample_id and g.vote = 0
order by c.quadrant nulls last, c.form <> 'good', c.turn, c.place;
