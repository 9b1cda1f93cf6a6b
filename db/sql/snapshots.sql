-- name: list
-- Snapshots of the study, latest first, without what they hold.
select s.snapshot_id, s.run_id, r.name as run_name, s.name, s.frozen_by, s.frozen_at, s.state, s.settings::text as settings,
    json_array_length(s.slides) as n_slides
from snapshots s
join runs r on r.run_id = s.run_id
order by s.frozen_at desc, s.snapshot_id;

-- name: slides
-- The pages of a snapshot as JSON.
select slides::text from snapshots where snapshot_id = $snapshot_id;

-- name: page
-- The report of a snapshot: deflated HTML in base 64.
select page from snapshots where snapshot_id = $snapshot_id;

-- name: notes
-- The latest note to each page of a snapshot.
select slide, arg_max(note, order_number) as note
from snapshot_notes
where snapshot_id = $snapshot_id
group by slide;
