-- name: lenses
-- The lenses of a run in one phase, mode and pool, one of each concept, family and layers, with F1 and AUC: of the settings, whose
-- lenses' ids are given, where any of that family and layers are; else the latest.
with own as (select unnest($lens_ids::text[]) as lens_id)
select
    lens_results.lens_id, concept, family, layers, f1, f1_low, f1_high, auc, n_positive + n_negative as n, reason
from lens_results
left join own on own.lens_id = lens_results.lens_id
where run_id = $run_id and phase = $phase and mode = $mode and pool = $pool
qualify
    ((own.lens_id is not null) or not bool_or(own.lens_id is not null) over (partition by family, layers))
    and row_number() over (
        partition by concept, family, layers order by own.lens_id is null, trained_at desc, lens_results.lens_id
    ) = 1
order by family, concept, len(layers), layers;

-- name: scores
-- What lenses decided of their pairs out of fold, a row a lens and round of cross-validation, all lists in one order.
select
    s.lens_id, s.repeat, list(s.sample_id order by s.sample_id) as sample_ids,
    list(p.arm = 'positive' order by s.sample_id) as arms, list(s.fold order by s.sample_id) as folds,
    list(s.fires order by s.sample_id) as fires
from lens_scores s
join lenses l on l.lens_id = s.lens_id
join pairs p on p.run_id = l.run_id and p.concept = l.concept and p.sample_id = s.sample_id
where s.lens_id in (select unnest($lens_ids))
group by s.lens_id, s.repeat
order by s.lens_id, s.repeat;
