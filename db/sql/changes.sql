-- name: work
-- Grows with everything that the stages write, so that equal numbers mean nothing new but ratings of people.
select
    (select count(*) from runs), (select count(*) from run_concepts), (select count(*) from pairs),
    (select count(*) from prompts), (select count(*) from samples), (select count(*) from forms),
    (select count(*) from judgments), (select count(*) from lenses), (select max(created_at)::text from runs);

-- name: last_rating
-- The latest rating's number, 0 before the first.
select coalesce(max(order_number), 0) from ratings;

-- name: rated_since
-- Concepts of the run that people rated after a certain rating.
select distinct concept from ratings where run_id = $run_id and order_number > $last_rating;
