-- name: batches_to_generate
-- Prompts of every batch that lacks a sample: a batch always runs whole, since its rows share their last bits.
select q.batch, q.sample_id, q.prompt_concept, q.template, q.prompt, q.seed
from prompts q
where
    q.run_id = $run_id
    and q.batch in (
        select p.batch from prompts p anti join samples s on s.sample_id = p.sample_id where p.run_id = $run_id
    )
order by q.batch, q.sample_id;

-- name: samples_without_form
select s.sample_id, s.output
from samples s
join prompts q on q.sample_id = s.sample_id
anti join forms f on f.sample_id = s.sample_id
where q.run_id = $run_id
order by q.batch, s.sample_id;

-- name: samples_to_capture
-- Samples that lack one of the layers in this mode.
select s.sample_id, q.prompt, s.output_ids
from samples s
join prompts q on q.sample_id = s.sample_id
where
    q.run_id = $run_id
    and (
        select count(*) from activations a
        where a.sample_id = s.sample_id and a.mode = $mode and list_contains($layers, a.layer)
    ) < 2 * len($layers)
order by q.batch, s.sample_id;

-- name: pair_sets
-- A fingerprint of each concept's captured pairs at each layer: a lens is trained anew when they change.
select
    p.concept, a.layer, count(*) as n_pairs,
    md5(string_agg(p.sample_id || p.arm || (a.shard is null), ',' order by p.sample_id)) as pairs_hash
from pairs p
join activations a on a.sample_id = p.sample_id
where p.run_id = $run_id and a.phase = $phase and a.mode = $mode and list_contains($layers, a.layer)
group by p.concept, a.layer
order by p.concept, a.layer;

-- name: pairs_of_concepts
-- Pairs of several concepts whose samples were captured at one layer.
select p.concept, p.sample_id, p.arm, p.negative_kind
from pairs p
join activations a on a.sample_id = p.sample_id
where
    p.run_id = $run_id and p.concept in (select unnest($concepts)) and a.layer = $layer and a.phase = $phase
    and a.mode = $mode
order by p.concept, p.sample_id;

-- name: samples_of_concepts
-- The samples of several concepts' pairs that were captured at one layer; shard and row are null where there is no activation.
select s.sample_id, q.template, q.prompt_concept, s.output, f.form_study, a.shard, a.shard_row
from samples s
join prompts q on q.sample_id = s.sample_id
join activations a on a.sample_id = s.sample_id
left join forms f on f.sample_id = s.sample_id
where
    a.layer = $layer and a.phase = $phase and a.mode = $mode
    and s.sample_id in (select p.sample_id from pairs p where p.run_id = $run_id and p.concept in (select unnest($concepts)))
order by s.sample_id;

-- name: lens_ids
-- A run's lenses, what they read, and whether there was enough to fit them on, so that each has a file.
select lens_id, layers, reason is null as is_fitted from lenses where run_id = $run_id;

-- name: totals
-- How much of each stage there is to do, and how much is done.
select
    (select count(*) from prompts q where q.run_id = $run_id) as n_prompts,
    (select count(*) from samples s join prompts q on q.sample_id = s.sample_id where q.run_id = $run_id) as n_samples,
    (select count(*) from pairs p where p.run_id = $run_id) as n_pairs;

-- name: record_progress
insert into progress (run_id, stage, n_done, n_total, seconds, message, updated_at)
values ($run_id, $stage, $n_done, $n_total, $seconds, $message, $updated_at)
on conflict (run_id, stage) do update set
    n_done = excluded.n_done, n_total = excluded.n_total, seconds = excluded.seconds,
    message = excluded.message, updated_at = excluded.updated_at;

-- name: latest_run
select run_id, config from runs order by created_at desc limit 1;

-- name: run
select run_id, config from runs where run_id = $run_id;

-- name: subject
-- What the run's subject model was when it was first loaded.
select chat, dtype, device, n_layers, width, context from subjects where run_id = $run_id;

-- name: width
-- Features of the run's activations.
select width from subjects where run_id = $run_id;

-- name: generated
-- How many of the run's samples have a text, their mean length in tokens, and that of their prompts.
select count(*) as n_samples, avg(len(s.output_ids)) as mean_output_tokens, avg(s.n_prompt_tokens) as mean_prompt_tokens
from samples s
join prompts q on q.sample_id = s.sample_id
where q.run_id = $run_id;

-- name: generation_rate
-- Output tokens a second of a model in this study, the median over its batches: a pause between two commands is one gap of many.
with batches as (
    select q.run_id, q.batch, max(s.generated_at) as finished_at, sum(len(s.output_ids)) as n_tokens
    from samples s
    join prompts q on q.sample_id = s.sample_id
    join runs r on r.run_id = q.run_id
    where r.model_fingerprint = $model_fingerprint
    group by q.run_id, q.batch
),
timed as (
    select n_tokens, epoch(finished_at - lag(finished_at) over (partition by run_id order by finished_at)) as seconds
    from batches
)
select median(n_tokens / seconds) as tokens_per_second, count(*) as n_batches
from timed
where seconds > 0;

-- name: shards
-- The files that hold the run's activations in a mode.
select distinct a.shard
from activations a
join prompts q on q.sample_id = a.sample_id
where q.run_id = $run_id and a.mode = $mode and a.shard is not null
order by a.shard;

-- name: forget_shards
-- Activations whose file is lost are pending again.
delete from activations where list_contains($shards, shard);

-- name: tensors_of_shards
-- What each file is said to hold: layers and phases.
select distinct a.shard, a.layer, a.phase
from activations a
join prompts q on q.sample_id = a.sample_id
where q.run_id = $run_id and a.mode = $mode and a.shard is not null;

-- name: samples_at_places
-- The samples whose activations at a layer are said to be in a file; files and layers go together.
select distinct a.sample_id
from activations a
join (select unnest($shards::text[]) as shard, unnest($layers::integer[]) as layer) place using (shard, layer)
order by a.sample_id;

-- name: forget_places
-- Activations at a layer that their file lacks are pending again; files and layers go together.
delete from activations a
using (select unnest($shards::text[]) as shard, unnest($layers::integer[]) as layer) place
where a.shard = place.shard and a.layer = place.layer;

-- name: captured_layers
select distinct a.layer
from activations a
join prompts q on q.sample_id = a.sample_id
where q.run_id = $run_id and a.mode = $mode
order by a.layer;
