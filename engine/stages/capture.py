"""Replay the samples through the subject model and store their residuals, keyed by sample.

A shard that is missing or damaged loses its rows before anything is pending, so that the same command captures it again.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

import duckdb
import numpy as np
from numpy.typing import NDArray

from db import connect, query, transaction
from db.rows import ActivationRow
from engine.stages.generate import count
from engine.stages.stage import Stage, in_batches
from engine.subject.capture import PHASES, Captured, Mode, Phase, Replay, capture
from engine.subject.encode import encode_prompt, opening_tokens
from engine.subject.load import Subject
from engine.subject.shards import ShardDtype, find_fault, write_shard

SHARD_SAMPLES = 128


@dataclass(frozen=True, slots=True)
class PendingSample:
    """A generated sample that lacks an activation."""

    sample_id: str
    prompt: str
    output_ids: list[int]


def capturing(
    study: Path,
    run_id: str,
    subject: Callable[[], Subject],
    *,
    layers: Sequence[int],
    mode: Mode,
    dtype: ShardDtype = "float16",
) -> Stage[PendingSample]:
    """The stage that captures these layers in this mode, one shard a batch."""

    def pending(cursor: duckdb.DuckDBPyConnection) -> list[list[PendingSample]]:
        values = {"run_id": run_id, "mode": mode, "layers": list(layers)}
        rows = cursor.execute(query("stages.samples_to_capture"), values).fetchall()
        return in_batches([PendingSample(*row) for row in rows], SHARD_SAMPLES)

    def work(batch: list[PendingSample]) -> Sequence[ActivationRow]:
        model = subject()
        captured = capture(model, [_replay(model, item, mode) for item in batch], layers=layers)
        ids = [item.sample_id for item in batch]
        return list(_store(study, ids, captured, layers=layers, mode=mode, dtype=dtype))

    return Stage("capture", pending, work, lambda cursor: count(cursor, run_id, "n_samples"))


def drop_lost_shards(study: Path, run_id: str, *, mode: Mode) -> dict[str, str]:
    """Forget the activations of shards that are missing or damaged; what was wrong, by shard."""
    values = {"run_id": run_id, "mode": mode}
    with connect(study) as cursor:
        shards = [row[0] for row in cursor.execute(query("stages.shards"), values).fetchall()]
    lost = {shard: fault for shard in shards if (fault := find_fault(study, shard))}
    if lost:
        with transaction(study) as cursor:
            cursor.execute(query("stages.forget_shards"), {"shards": list(lost)})
    return lost


def _replay(subject: Subject, item: PendingSample, mode: Mode) -> Replay:
    prefix = encode_prompt(subject, item.prompt) if mode == "in_context" else opening_tokens(subject)
    return Replay(tuple(prefix), tuple(item.output_ids), pool_prefix=mode == "in_context")


def _store(
    study: Path,
    ids: Sequence[str],
    captured: Sequence[Captured],
    *,
    layers: Sequence[int],
    mode: Mode,
    dtype: ShardDtype,
) -> Iterator[ActivationRow]:
    """Write the shard, then say where each vector is, or why there is none."""
    tensors, places = {}, {}
    for layer in layers:
        for phase in PHASES:
            found = [(i, vector) for i, one in enumerate(captured) if _is_usable(vector := one.vectors[layer, phase])]
            if found:
                tensors[f"{layer}.{phase}"] = np.stack([vector for _, vector in found])
                lasts = [captured[i].last[layer, phase] for i, _ in found]
                tensors[f"{layer}.{phase}-last"] = np.stack([vector for vector in lasts if vector is not None])
            places[layer, phase] = {i: row for row, (i, _) in enumerate(found)}
    shard = write_shard(study, f"{mode} {list(layers)}", tensors, sample_ids=ids, dtype=dtype) if tensors else None
    for (layer, phase), rows in places.items():
        for i, sample_id in enumerate(ids):
            if i in rows:
                yield ActivationRow(sample_id, layer, phase, mode, shard, rows[i], None)
            else:
                reason = _missing(captured[i].vectors[layer, phase], phase, mode)
                yield ActivationRow(sample_id, layer, phase, mode, None, None, reason)


def _is_usable(vector: NDArray[np.float32] | None) -> TypeGuard[NDArray[np.float32]]:
    return vector is not None and bool(np.isfinite(vector).all())


def _missing(vector: NDArray[np.float32] | None, phase: Phase, mode: Mode) -> str:
    if vector is not None:
        return "the activation is not finite"
    if phase == "output":
        return "the output has no tokens"
    return "captured without its prompt" if mode == "output_only" else "the prompt has no tokens"
