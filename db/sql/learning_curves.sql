-- name: ids
select curve_id from learning_curves where run_id = $run_id;

-- name: of_run
-- The latest curve of each concept, in the run's order, of lenses that are alike: those of the family (the run's first, if
-- none is named) where it has any, else those that were measured last.
with alike as (
    select family, layers, phase, mode, pool
    from learning_curves
    join runs using (run_id)
    where run_id = $run_id
    order by
        coalesce(family = coalesce($family, json_extract_string(config, '$.lenses[0]')), false) desc, measured_at desc, curve_id
    limit 1
)
select l.concept, family, layers, n_pairs, n_positive, n_groups, n_train, f1, covariance, reason
from learning_curves l
join alike using (family, layers, phase, mode, pool)
join run_concepts r on r.run_id = l.run_id and r.concept = l.concept
where l.run_id = $run_id
qualify row_number() over (partition by l.concept order by measured_at desc, curve_id) = 1
order by r.position;

-- name: count
select count(*) from learning_curves where run_id = $run_id;
