-- name: work
-- Grows with everything that the stages write, so that equal numbers mean nothing new but ratings of people.
-- Put beside each other by position, for as subqueries of one select they take twenty times as long to plan.
select * from (select count(*), max(created_at)::text from runs)
positional join (select count(*) from run_concepts)
positional join (select count(*) from pairs)
positional join (select count(*) from prompts)
positional join (select count(*) from samples)
positional join (select count(*) from forms)
positional join (select count(*) from judgments)
positional join (select count(*) from lenses)
positional join (select count(*) from learning_curves);

-- name: last_rating
-- The latest rating's number, 0 before the first.
select coalesce(max(order_number), 0) from ratings;

-- name: rated_since
-- Concepts of the run that people rated after a certain rating.
select distinct concept from ratings where run_id = $run_id and order_number > $last_rating;

-- name: concepts
-- Concepts of the run, in the order of their names.
select concept from run_concepts where run_id = $run_id order by concept;
