-- name: concept
-- A concept of the run: its definition and counts.
select c.concept, c.definition, c.aliases, c.parents, c.pack_layer, r.quadrant, r.quadrant_reason, r.n_senses,
    r.n_siblings, r.sibling_count, p.senses_mean, p.name as pack
from run_concepts r
join runs u on u.run_id = r.run_id
join concepts c on c.pack_hash = u.pack_hash and c.concept = r.concept
join packs p on p.pack_hash = u.pack_hash
where r.run_id = $run_id and r.concept = $concept;

-- name: senses
-- The meanings that the pack lists for a concept.
select s.sense_id, s.definition, s.aliases
from senses s
join runs u on u.pack_hash = s.pack_hash
where u.run_id = $run_id and s.concept = $concept
order by s.position;

-- name: siblings
-- Siblings of a concept, those that the run studies too first.
select s.sibling, r.concept is not null as in_run
from siblings s
join runs u on u.pack_hash = s.pack_hash
left join run_concepts r on r.run_id = u.run_id and r.concept = s.sibling
where u.run_id = $run_id and s.concept = $concept
order by in_run desc, s.sibling;

-- name: progress
-- How far each stage of the run is, latest first.
select stage, n_done, n_total, seconds, message, updated_at
from progress
where run_id = $run_id
order by updated_at desc;
