-- name: run
-- What a lens pack tells of the run that it was made from: run, pack and subject model, the latter null before it was loaded.
select
    r.run_id, r.name, r.created_at, r.config, r.model, r.model_fingerprint, r.template_set, r.template_hash, r.versions,
    p.name as pack_name, p.version as pack_version, p.pack_hash, m.dtype, m.chat, m.n_layers
from runs r
join packs p on p.pack_hash = r.pack_hash
left join subjects m on m.run_id = r.run_id
where r.run_id = $run_id;

-- name: lenses
-- The lenses of a run, measured or not, one of each concept, family, layers, phase, mode and pool: validated as the run's settings
-- say where any is (else one of which nobody wrote how, then any other), then the latest. The same rule as of `findings.lenses`.
with validated as (
    select
        m.lens_id,
        case
            when ends_with(m.method, concat(
                '; validation ', r.config ->> '$.validation', ' ', r.config ->> '$.folds', ' × ', r.config ->> '$.repeats', ' by ',
                r.config ->> '$.group_by'
            )) then 0
            when contains(m.method, '; validation ') then 2
            else 1
        end as otherwise
    from lens_measures m
    join runs r on r.run_id = $run_id
    where m.measure = 'f1'
)
select l.*, c.label, c.pack_layer
from lens_results l
left join validated v on v.lens_id = l.lens_id
join runs r on r.run_id = l.run_id
join concepts c on c.pack_hash = r.pack_hash and c.concept = l.concept
left join run_concepts k on k.run_id = l.run_id and k.concept = l.concept
where l.run_id = $run_id
qualify row_number() over (
    partition by l.concept, l.family, l.layers, l.phase, l.mode, l.pool
    order by coalesce(v.otherwise, 1), l.trained_at desc, l.lens_id
) = 1
order by k.position, l.concept, l.layers;

-- name: scored_pairs
-- What lenses said out of fold of the pairs that they were trained on, and a fingerprint of these: sample, arm and text.
select
    s.lens_id,
    list(s.probability order by s.sample_id) as probabilities,
    list((p.arm = 'positive')::integer order by s.sample_id) as arms,
    md5(string_agg(s.sample_id || ' ' || p.arm || ' ' || md5(t.output), chr(10) order by s.sample_id)) as pairs_hash
from lens_scores s
join lenses l on l.lens_id = s.lens_id
join pairs p on p.run_id = l.run_id and p.concept = l.concept and p.sample_id = s.sample_id
join samples t on t.sample_id = s.sample_id
where l.run_id = $run_id and s.repeat = 0 and s.lens_id in (select unnest($lens_ids))
group by s.lens_id;
