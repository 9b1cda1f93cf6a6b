-- name: history
-- All that people said of a pair, oldest first; an undoing names what it undid.
select
    r.rating_id, r.reviewer, r.source, r.rating, r.reason, r.rated_at, r.undoes,
    r.rating_id in (select rating_id from undone_ratings) as is_undone
from ratings r
where r.run_id = $run_id and r.concept = $concept and r.sample_id = $sample_id
order by r.order_number;

-- name: in_force
-- The override that decides a pair's verdict, if any: its id and reviewer.
select r.rating_id, r.reviewer
from ratings r
where
    r.run_id = $run_id and r.concept = $concept and r.sample_id = $sample_id and r.source = 'override'
    and r.undoes is null
    and r.rating_id not in (select rating_id from undone_ratings)
order by r.order_number desc
limit 1;

-- name: corrections
-- Every pair of the run whose verdict is an override, latest first, beside what would stand without it.
select
    v.concept, v.sample_id, v.arm, c.quadrant, v.override_rating, o.reviewer, r.reason, r.rated_at,
    coalesce(v.audit_rating, v.judge_rating) as otherwise, cast(round_even(otherwise, 0) as integer) as judge_bin,
    case when $form_rule = 'study' then f.form_study else f.form_loop end as form,
    substr(s.output, 1, 160) as excerpt
from verdicts($run_id, $judge_id) v
join ratings_in_force o
    on o.run_id = v.run_id and o.concept = v.concept and o.sample_id = v.sample_id and o.source = 'override'
join ratings r on r.order_number = o.order_number
join samples s on s.sample_id = v.sample_id
join run_concepts c on c.run_id = v.run_id and c.concept = v.concept
left join forms f on f.sample_id = v.sample_id
order by r.order_number desc;
