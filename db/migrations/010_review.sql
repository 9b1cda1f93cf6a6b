-- What reviewers do with a pair beside rating it, and what each of them says of it by now.

create sequence mark_order start 1;

-- Only added to: a flag is in force until a later row of the pair takes it back, a skip until its reviewer rates the pair.
create table marks (
    mark_id text primary key,                   -- made by the screen before it is sent: a repeated send changes nothing
    order_number bigint not null default nextval('mark_order'),
    run_id text not null,
    concept text not null,
    sample_id text not null,
    reviewer text not null check (reviewer <> ''),
    kind text not null check (kind in ('flag', 'unflag', 'skip', 'adjudicated')),
    note text,
    marked_at timestamp not null,
    foreign key (run_id, concept, sample_id) references pairs (run_id, concept, sample_id)
);

-- Rows of which an odd number of undos follow in their chain, for an undo may itself be undone.
create view undone_ratings as
with recursive chain (root, latest) as (
    select undoes, rating_id from ratings where undoes is not null
    union all
    select c.root, u.rating_id
    from chain c
    join (select undoes, rating_id from ratings where undoes is not null) u on u.undoes = c.latest
)
select root as rating_id from chain group by root having count(*) % 2 = 1;

-- The latest word of each reviewer on a pair that is not undone, whatever others said after it.
create view ratings_by_reviewer as
select
    run_id, concept, sample_id, source, reviewer,
    arg_max(rating, order_number) as rating,
    arg_max(rating_id, order_number) as rating_id,
    arg_max(blind, order_number) as blind,
    arg_max(inclusion_probability, order_number) as inclusion_probability,
    arg_max(rated_at, order_number) as rated_at,
    max(order_number) as order_number
from ratings
where undoes is null and rating_id not in (select rating_id from undone_ratings)
group by run_id, concept, sample_id, source, reviewer;

create view flags_in_force as
select run_id, concept, sample_id, reviewer, note, marked_at, order_number
from marks
where kind in ('flag', 'unflag')
qualify row_number() over (partition by run_id, concept, sample_id order by order_number desc) = 1 and kind = 'flag';
