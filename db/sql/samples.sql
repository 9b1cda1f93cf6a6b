-- name: index_rows
-- Every pair of a run that has an output, with all that lists filter and sort by but what people said; `place` is the run's
-- order. Only of concepts at these positions, and what topics and lenses say is joined only where it is asked for.
select
    p.concept, p.sample_id, p.arm, known_kind($run_id, p.negative_kind) as negative_kind, coalesce(c.quadrant, 'none') as quadrant,
    k.pack_layer, k.origin, j.mean_rating as judge_rating, j.spread as judge_spread,
    j.concept is not null as is_asked, coalesce(f.form_loop, 'none') as form_loop, coalesce(f.form_study, 'none') as form_study, f.n_chars, f.tail_loop_share,
    if(is_imported($run_id), null, s.finish_reason) as finish_reason, q.template,
    t.topic_match, l.fires,
    c.position::bigint << 32 | p.position as place
from pairs p
join run_concepts c on c.run_id = p.run_id and c.concept = p.concept
join runs r on r.run_id = p.run_id
left join concepts k on k.pack_hash = r.pack_hash and k.concept = p.concept
join samples s on s.sample_id = p.sample_id
join prompts q on q.sample_id = p.sample_id
left join forms f on f.sample_id = p.sample_id
left join ratings_by_judge($judge_id) j on j.concept = p.concept and j.sample_id = p.sample_id
left join (
    select sample_id, arg_min(coalesce(topic_match, 'other'), vote) filter (topic is not null) as topic_match
    from topics
    where $with_topics and judge_id = $judge_id
    group by sample_id
) t on t.sample_id = p.sample_id
left join (
    select z.concept, x.sample_id, x.fires
    from lens_scores x
    join lenses z on z.lens_id = x.lens_id
    where x.repeat = 0 and x.lens_id in (select unnest($lens_ids::text[]))
) l on l.concept = p.concept and l.sample_id = p.sample_id
where p.run_id = $run_id and c.position between $first and $last;

-- name: last_position
-- The position of a run's last concept, null where it has none.
select max(position) from run_concepts where run_id = $run_id;

-- name: n_pairs
-- Pairs of all runs, which the database knows without counting.
select count(*) from pairs;

-- name: people
-- What people said of a run's pairs, as it is in force, of those that they said anything of after a certain rating.
select c.concept, c.sample_id, p.override_rating, p.audit_rating
from (
    select distinct concept, sample_id from ratings where run_id = $run_id and order_number > $last_rating
) c
left join ratings_by_people($run_id) p on p.concept = c.concept and p.sample_id = c.sample_id;

-- name: rated_since
-- Pairs of a run that people said anything of after a certain rating.
select distinct concept, sample_id from ratings where run_id = $run_id and order_number > $last_rating;

-- name: place
-- Where a pair stands in its run, as in `index_rows`; found by the sample, as in `pair`.
with of_sample as materialized (
    from pairs where sample_id = $sample_id
)
select c.position::bigint << 32 | p.position
from of_sample p
join run_concepts c on c.run_id = p.run_id and c.concept = p.concept
where p.run_id = $run_id and p.concept = $concept;

-- name: last_vote
-- Where the last vote on relevance stands in its table (-1: there is none), how many there are, and how many of them after a place.
select coalesce(max(rowid), -1), count(*), count(*) filter (rowid > $since) from judgments;

-- name: voted_on
-- Samples that a judge has voted on since the vote that stands at a place of the table.
select distinct sample_id from judgments where judge_id = $judge_id and rowid > $last_vote;

-- name: votes
-- What a judge says of the pairs of some samples; a list of these is looked up at once, where a join would read all votes.
select concept, sample_id, mean_rating as judge_rating, spread as judge_spread
from judge_ratings
where judge_id = $judge_id and sample_id in $sample_ids;

-- name: matching
-- Samples of the run whose output or prompt has the text, in any case.
select s.sample_id
from samples s
join prompts q on q.sample_id = s.sample_id
where q.run_id = $run_id and (contains(lower(s.output), lower($text)) or contains(lower(q.prompt), lower($text)));

-- name: attach_held
-- In memory: what is held stands in a database of its own, whose tables are compressed once it is checked.
attach ':memory:' as held (compress);

-- name: use_held
-- In memory: names mean what is held.
use held;

-- name: compress_held
-- In memory: compresses what was put in since, to a tenth.
checkpoint held;

-- name: keep_index
-- In memory: the rows of index_rows, with room for what people said; each stands for one pair.
create or replace table indexed as
select *, null::tinyint as override_rating, null::tinyint as audit_rating, 1::bigint as n,
    row_number() over () as row_id
from incoming
order by place;

-- name: keep_more
-- In memory: the rows of another part.
insert into indexed
select *, null, null, 1, (select coalesce(max(row_id), 0) from indexed) + row_number() over ()
from incoming
order by place;

-- name: keep_texts
-- In memory: which samples have a text that was searched for.
create or replace table found (text text, sample_id text);

-- name: keep_found
-- In memory: samples that have a text.
insert into found select $text, unnest($sample_ids::text[]);

-- name: forget_text
-- In memory: a search that is no longer kept.
delete from found where text = $text;

-- name: keep_people
-- In memory: what people said that is to be put in, and in which rows: pairs are looked for once, rows are found at once.
create or replace table news as
select i.rowid as row_at, p.*
from incoming_people p
join indexed i on i.concept = p.concept and i.sample_id = p.sample_id;

-- name: row_of
-- In memory: the row of a pair whose place is known. To look for the names in all rows takes four times as long.
select row_id, concept, sample_id from indexed where place = $place;

-- name: move_pair
-- In memory: takes a pair from those that it is alike to, and adds it to those that it will be alike to.
insert into cells by name
select t.* exclude (row_id) replace (
    if(is_after, $override_rating, override_rating) as override_rating, if(is_after, $audit_rating, audit_rating) as audit_rating,
    if(is_after, n, -n) as n
)
from traits('indexed') t, (select unnest([false, true]) as is_after)
where t.row_id = $row_id;

-- name: put_pair
-- In memory: puts in what people said of a pair.
update indexed set override_rating = $override_rating, audit_rating = $audit_rating where row_id = $row_id;

-- name: keep_said
-- In memory: the pairs of which people, or the judge, said something that is to be put in.
create or replace view said as
select i.* from indexed i where i.rowid in (select row_at from news);

-- name: keep_votes
-- In memory: what the judge said that is to be put in, and in which rows.
create or replace table news as
select i.rowid as row_at, v.*
from incoming_votes v
join indexed i on i.concept = v.concept and i.sample_id = v.sample_id;

-- name: put_votes
-- In memory: puts in what the judge said.
update indexed set judge_rating = v.judge_rating, judge_spread = v.judge_spread, is_asked = true
from news v
where indexed.rowid = v.row_at;

-- name: put_people
-- In memory: puts in what people said.
update indexed set override_rating = p.override_rating, audit_rating = p.audit_rating
from news p
where indexed.rowid = p.row_at;

-- name: keep_traits
-- In memory: of pairs all that is filtered by but concept and text. Columns are those of the pairs; of a spread no more is kept
-- than filters ask for.
create or replace macro traits(pairs) as table
select
    null::text as concept, null::text as sample_id, arm, negative_kind, quadrant, pack_layer, origin, judge_rating,
    if(judge_spread >= 1, 1, null)::double as judge_spread, null::boolean as is_asked, form_loop, form_study,
    null::bigint as n_chars,
    null::double as tail_loop_share, finish_reason, template, topic_match, fires, null::bigint as place, override_rating,
    audit_rating, n, row_id
from query_table(pairs);

-- name: keep_alike
-- In memory: pairs that are alike in their traits, counted.
create or replace macro alike(pairs) as table
select * replace (sum(n)::bigint as n, null::bigint as row_id) from traits(pairs) group by all;

-- name: keep_cells
-- In memory: all pairs by what they are alike in, so that counting them takes no look at each.
create or replace table cells as from alike('indexed');

-- name: move_cells
-- In memory: adds the pairs of which something was said to those they are alike to, or takes them from there (-1).
insert into cells select * replace (n * $sign as n) from alike('said');

-- name: fold_cells
-- In memory: puts together what was added to cells and taken from them.
create or replace table cells as from alike('cells') where n <> 0;

-- name: keep_rated
-- In memory: the rows with their verdicts. Rating 0 stands for none, 'none' for what is not known. Of cells, each row stands for `n`
-- pairs. Where a text is searched for, only pairs that have it are there: to ask of each pair whether it does takes as long as
-- all the rest.
create or replace macro rated(form_rule, in_cells, text_is) as table
select
    concept, sample_id, arm, negative_kind, quadrant, pack_layer, origin, judge_rating, judge_spread, n_chars,
    tail_loop_share, finish_reason, template, place, n, row_id,
    if(form_rule = 'study', form_study, form_loop) as form,
    coalesce(override_rating, audit_rating, 0)::integer as human,
    coalesce(override_rating, audit_rating, judge_rating) as verdict,
    coalesce(round_even(verdict, 0)::integer, 0) as bin,
    coalesce(round_even(judge_rating, 0)::integer, 0) as judge_bin,
    case
        when override_rating is not null then 'override'
        when audit_rating is not null then 'audit'
        when judge_rating is not null then 'judge'
    end as verdict_source,
    coalesce(human > 0 and abs(judge_rating - human) >= 2, false) as person_differs,
    coalesce(judge_spread >= 1, false) as votes_differ,
    coalesce(topic_match, 'none') as topic,
    case fires when true then 'on' when false then 'off' else 'none' end as activation
from (
    from query_table(if(in_cells, 'cells', 'indexed')) where text_is is null
    union all
    select i.*
    from indexed i
    semi join (select f.sample_id from found f where f.text = text_is) f on f.sample_id = i.sample_id
    where text_is is not null
);

-- name: keep_filtered
-- In memory: what `rated` tells, and in `failing` a bit for each filter that a row does not pass; a filter that is null passes
-- everything.
create or replace macro filtered(
    in_cells, form_rule, quadrants, arm_is, kinds, forms, ratings, source_is, people, judged, differs, topics, fires_is, finish,
    templates, layers, concept_is, origin_is, text_is
) as table
select
    v.*,
    (not coalesce(quadrants is null or list_contains(quadrants::text[], quadrant), false))::integer
    + 2 * (not coalesce(arm_is is null or arm = arm_is, false))::integer
    + 4 * (not coalesce(kinds is null or list_contains(kinds::text[], negative_kind), false))::integer
    + 8 * (not coalesce(forms is null or list_contains(forms::text[], form), false))::integer
    + 16 * (not coalesce(ratings is null or list_contains(ratings::integer[], bin), false))::integer
    + 32 * (not coalesce(source_is is null or verdict_source = source_is, false))::integer
    + 64 * (not coalesce(people is null or list_contains(people::integer[], human), false))::integer
    + 128 * (not (
        differs is null or differs = 'person' and person_differs or differs = 'votes' and votes_differ
    ))::integer
    + 256 * (not coalesce(topics is null or list_contains(topics::text[], topic), false))::integer
    + 512 * (not coalesce(fires_is is null or fires_is = activation, false))::integer
    + 1024 * (not coalesce(finish is null or finish = finish_reason, false))::integer
    + 2048 * (not coalesce(templates is null or list_contains(templates::text[], template), false))::integer
    + 4096 * (not coalesce(layers is null or list_contains(layers::integer[], pack_layer), false))::integer
    + 8192 * (not coalesce(concept_is is null or concept = concept_is, false))::integer
    + 16384 * (not coalesce(origin_is is null or origin = origin_is, false))::integer
    + 32768 * (not coalesce(judged is null or list_contains(judged::integer[], judge_bin), false))::integer as failing
from rated(form_rule, in_cells, text_is) v;

-- name: page
-- In memory: one page of the pairs that pass the filters, sorted.
with page as (
    select *, row_number() over () as row_order
    from (
        select row_id
        from filtered(
            false, $form_rule, $quadrants, $arm, $kinds, $forms, $ratings, $source, $people, $judged, $differs, $topics, $fires,
            $finish, $templates, $layers, $concept, $origin, $text
        )
        where failing = 0 and ($concept is null or concept = $concept)
        order by
            case $sort when 'lowest' then verdict when 'highest' then -verdict end nulls last,
            case $sort when 'loop' then -tail_loop_share when 'longest' then -n_chars when 'shortest' then n_chars
                when 'unsure' then -judge_spread end
                nulls last,
            place
        limit $n_rows offset $n_skipped
    )
)
select
    f.concept, f.sample_id, f.arm, f.negative_kind, nullif(f.quadrant, 'none') as quadrant, nullif(f.form, 'none') as form,
    nullif(f.bin, 0) as bin, f.verdict, f.verdict_source, f.judge_rating, f.n_chars
from page p
join rated($form_rule, false, null) f on f.row_id = p.row_id
order by p.row_order;

-- name: first
-- In memory: one page of the pairs that pass the filters, in the run's order, in which they stand there: looking ends with the
-- page, where to order them would take a look at all. Not where a text is searched for, whose join keeps no order.
select
    concept, sample_id, arm, negative_kind, nullif(quadrant, 'none') as quadrant, nullif(form, 'none') as form,
    nullif(bin, 0) as bin, verdict, verdict_source, judge_rating, n_chars
from filtered(
    false, $form_rule, $quadrants, $arm, $kinds, $forms, $ratings, $source, $people, $judged, $differs, $topics, $fires,
    $finish, $templates, $layers, $concept, $origin, $text
)
where failing = 0 and ($concept is null or concept = $concept)
limit $n_rows offset $n_skipped;

-- name: listed
-- In memory: the pairs that pass the filters, in the run's order and at most so many, with what is in force of each.
select concept, sample_id, arm, nullif(form, 'none') as form, verdict, verdict_source
from filtered(
    false, $form_rule, $quadrants, $arm, $kinds, $forms, $ratings, $source, $people, $judged, $differs, $topics, $fires,
    $finish, $templates, $layers, $concept, $origin, $text
)
where failing = 0 and ($only is null or list_contains($only::text[], concept || ':' || sample_id))
order by place
limit $n_rows;

-- name: choices
-- What a run's own lists of filters hold: its templates, its pack layers, and terms that it studies several senses of.
select 'template' as filter, template as value from prompts where run_id = $run_id group by all
union all
select distinct 'layer', k.pack_layer::text
from run_concepts c
join runs r on r.run_id = c.run_id
join concepts k on k.pack_hash = r.pack_hash and k.concept = c.concept
where c.run_id = $run_id
union all
select 'origin', k.origin
from run_concepts c
join runs r on r.run_id = c.run_id
join concepts k on k.pack_hash = r.pack_hash and k.concept = c.concept
where c.run_id = $run_id and k.origin is not null
group by k.origin
order by all;

-- name: facets
-- In memory: for each value of each filter but the concept, how many pairs pass all the other filters.
with near as materialized (
    select *
    from filtered(
        $in_cells, $form_rule, $quadrants, $arm, $kinds, $forms, $ratings, $source, $people, $judged, $differs, $topics, $fires,
        $finish, $templates, $layers, $concept, $origin, $text
    )
    where bit_count(failing) <= 1 and ($concept is null or concept = $concept)
)
select 'all' as filter, '' as value, sum(n)::bigint as n from near where failing = 0
union all select 'quadrant', quadrant, sum(n)::bigint from near where (failing & ~1) = 0 group by all
union all select 'arm', arm, sum(n)::bigint from near where (failing & ~2) = 0 group by all
union all select 'kind', negative_kind, sum(n)::bigint from near where (failing & ~4) = 0 group by all
union all select 'form', form, sum(n)::bigint from near where (failing & ~8) = 0 group by all
union all select 'rating', bin::text, sum(n)::bigint from near where (failing & ~16) = 0 group by all
union all select 'by', verdict_source, sum(n)::bigint from near where (failing & ~32) = 0 group by all
union all select 'person', human::text, sum(n)::bigint from near where (failing & ~64) = 0 group by all
union all select 'differ', 'person', sum(n)::bigint from near where (failing & ~128) = 0 and person_differs
union all select 'differ', 'votes', sum(n)::bigint from near where (failing & ~128) = 0 and votes_differ
union all select 'topic', topic, sum(n)::bigint from near where (failing & ~256) = 0 group by all
union all select 'fires', activation, sum(n)::bigint from near where (failing & ~512) = 0 group by all
union all select 'finish', finish_reason, sum(n)::bigint from near where (failing & ~1024) = 0 group by all
union all select 'template', template, sum(n)::bigint from near where (failing & ~2048) = 0 group by all
union all select 'layer', pack_layer::text, sum(n)::bigint from near where (failing & ~4096) = 0 group by all
union all select 'judged', judge_bin::text, sum(n)::bigint from near where (failing & ~32768) = 0 group by all;

-- name: few_facets
-- In memory: of `facets` what a list shows whose counts nobody asked for. To plan all of them takes four times as long.
with near as materialized (
    select *
    from filtered(
        $in_cells, $form_rule, $quadrants, $arm, $kinds, $forms, $ratings, $source, $people, $judged, $differs, $topics, $fires,
        $finish, $templates, $layers, $concept, $origin, $text
    )
    where bit_count(failing) <= 1 and ($concept is null or concept = $concept)
)
select 'all' as filter, '' as value, sum(n)::bigint as n from near where failing = 0
union all select 'quadrant', quadrant, sum(n)::bigint from near where (failing & ~1) = 0 group by all
union all select 'form', form, sum(n)::bigint from near where (failing & ~8) = 0 group by all;

-- name: concepts
-- In memory: how many pairs of each concept pass all filters but the concept's.
select concept as value, count(*) as n
from filtered(
    false, $form_rule, $quadrants, $arm, $kinds, $forms, $ratings, $source, $people, $judged, $differs, $topics, $fires,
    $finish, $templates, $layers, $concept, $origin, $text
)
where (failing & ~8192) = 0
group by concept;

-- name: counts
-- In memory: what `findings.counts` counts of some concepts.
select
    concept, arm, nullif(form, 'none') as form,
    count(*) as n_samples,
    count(*) filter (bin = 1) as n_1,
    count(*) filter (bin = 2) as n_2,
    count(*) filter (bin = 3) as n_3,
    count(*) filter (bin = 4) as n_4,
    count(*) filter (bin = 5) as n_5,
    coalesce(round(sum(verdict - bin), 9), 0) as off_total,
    coalesce(round(sum((verdict - bin) * (verdict + bin)), 9), 0) as off_squares
from rated($form_rule, false, $text)
where concept in $concepts
group by all
order by all;

-- name: unsaid
-- In memory: what `visits.unscored` and `visits.spread` count.
select
    count(*) filter (is_asked and judge_rating is null) as n_unscored,
    count(*) filter (judge_spread >= 1) as n_spread
from indexed
where override_rating is null and audit_rating is null and $text is null;

-- name: corrected
-- In memory: what `ratings.corrected` counts of the run.
with moved as (
    select
        concept, arm, nullif(if($form_rule = 'study', form_study, form_loop), 'none') as form, override_rating as bin,
        coalesce(audit_rating, judge_rating) as otherwise, cast(round_even(otherwise, 0) as integer) as other_bin
    from indexed
    where override_rating is not null and $text is null
)
select
    concept, arm, form,
    count(*) filter (bin = 1) - count(*) filter (other_bin = 1) as n_1,
    count(*) filter (bin = 2) - count(*) filter (other_bin = 2) as n_2,
    count(*) filter (bin = 3) - count(*) filter (other_bin = 3) as n_3,
    count(*) filter (bin = 4) - count(*) filter (other_bin = 4) as n_4,
    count(*) filter (bin = 5) - count(*) filter (other_bin = 5) as n_5,
    -coalesce(round(sum(otherwise - other_bin), 9), 0) as off_total,
    -coalesce(round(sum((otherwise - other_bin) * (otherwise + other_bin)), 9), 0) as off_squares
from moved
group by all
order by all;

-- name: excerpts
-- Texts of the pairs of a page: they weigh more than all the rest, so that only these are read.
select
    s.sample_id, q.prompt, q.prompt_concept,
    substr(s.output, greatest(1, strpos(lower(s.output), lower(coalesce($text, ''))) - 60)::bigint, 240) as excerpt
from samples s
join prompts q on q.sample_id = s.sample_id
where s.sample_id in $sample_ids and q.sample_id in $sample_ids;

-- name: pair
-- A pair's place in its run. Rows are found by the index on samples, which serves where the sample alone is asked for: hence first
-- all that is said of the sample, then what is said of the pair.
with of_sample as materialized (
    from pairs where sample_id = $sample_id
)
select arm, known_kind($run_id, negative_kind) as negative_kind
from of_sample
where run_id = $run_id and concept = $concept;

-- name: written
-- A sample with its prompt and form; what an import does not know is null. One row, put together by position: with what is said
-- of the pair in one statement it takes longer to plan than all statements of a pair one by one.
select
    q.prompt, q.prompt_concept, q.template, s.output, if(i.is_imported, null, s.finish_reason) as finish_reason,
    if(i.is_imported, null, s.generated_at) as generated_at,
    case when $form_rule = 'study' then f.form_study else f.form_loop end as form,
    f.n_chars, f.n_words, f.tail_loop_share, f.repeated_4gram_share, f.distinct_2, f.zlib_ratio, f.first30_count
from (select output, finish_reason, generated_at from samples where sample_id = $sample_id) s
positional join (select prompt, prompt_concept, template from prompts where sample_id = $sample_id) q
positional join (from forms where sample_id = $sample_id) f
positional join (select count(*) > 0 as is_imported from imports where run_id = $run_id) i
where s.output is not null and q.prompt is not null;

-- name: judged
-- What a judge rates a pair; found by the sample, as in `pair`.
with rated as materialized (
    from judge_ratings where sample_id = $sample_id
)
select mean_rating as judge_rating, spread as judge_spread, n_votes, n_unscored
from rated
where judge_id = $judge_id and concept = $concept;

-- name: topics
-- What the judge took a sample to be about, vote by vote; found by the sample, as in `pair`.
with voted as materialized (
    from topics where sample_id = $sample_id
)
select vote, topic, topic_concept, topic_match, similarity, unscored_reason, raw_reply, n_chars_cut, cost_usd
from voted
where judge_id = $judge_id
order by vote;

-- name: judgments
-- What the judge said of a pair, vote by vote; found by the sample, as in `pair`.
with voted as materialized (
    from judgments where sample_id = $sample_id
)
select vote, rating, expected_rating, probabilities, explanation, unscored_reason, raw_reply, n_chars_cut, cost_usd
from voted
where judge_id = $judge_id and concept = $concept
order by vote;

-- name: scores
-- What each lens of the concept said of the sample when it had not been trained on it; found by the sample, as in `pair`.
with scored as materialized (
    from lens_scores where sample_id = $sample_id
)
select l.family, l.layers, l.phase, s.probability, s.fires, s.fold
from scored s
join lenses l on l.lens_id = s.lens_id
where s.repeat = 0 and l.run_id = $run_id and l.concept = $concept
order by l.family, len(l.layers), l.layers, l.phase;

-- name: neighbours
-- Samples about the same thing as this one, then those about its siblings, at most so many, itself among them: a part of each
-- text, where its activation is, and a pair that it can be opened as (one of the concept on screen where there is one).
with about as (
    select prompt_concept from prompts where sample_id = $sample_id
),
near as (
    select $concept as concept, 0 as distance
    union
    select prompt_concept, 0 from about
    union
    select s.sibling, 1
    from siblings s
    join runs r on r.pack_hash = s.pack_hash
    where r.run_id = $run_id and s.concept in (select prompt_concept from about)
),
chosen as (
    select q.sample_id, q.prompt_concept
    from prompts q
    join (select concept, min(distance) as distance from near group by concept) n on n.concept = q.prompt_concept
    semi join samples s on s.sample_id = q.sample_id
    where q.run_id = $run_id
    order by q.sample_id <> $sample_id, n.distance, hash(q.sample_id)
    limit $at_most
),
opened as (
    select
        p.sample_id,
        arg_min(p.concept, (p.concept <> $concept)::integer * 2 + (p.arm = 'negative')::integer) as concept
    from pairs p
    semi join chosen c on c.sample_id = p.sample_id
    where p.run_id = $run_id
    group by p.sample_id
)
select
    c.sample_id, o.concept, c.prompt_concept, substr(s.output, 1, $n_chars) as text,
    case when $form_rule = 'study' then f.form_study else f.form_loop end as form, a.shard, a.shard_row
from chosen c
join samples s on s.sample_id = c.sample_id
join opened o on o.sample_id = c.sample_id
left join forms f on f.sample_id = c.sample_id
left join activations a
    on a.sample_id = c.sample_id and a.layer = $layer and a.phase = 'output' and a.mode = $mode
order by c.sample_id;

-- name: captured
-- The deepest layer that holds this sample's output, in whichever mode; no row where nothing was captured.
select layer, mode
from activations
where sample_id = $sample_id and phase = 'output' and shard is not null
order by layer desc, mode
limit 1;
