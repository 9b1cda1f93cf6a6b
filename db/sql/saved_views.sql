-- name: list
-- Lists that are kept for a run, by name.
select v.view_id, v.name, v.choices::text as choices, v.reviewer, v.saved_at
from saved_views v
anti join saved_view_removals r on r.view_id = v.view_id
where v.run_id = $run_id
order by lower(v.name), v.saved_at;
