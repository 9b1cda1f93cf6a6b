"""Shards that lack a layer which the study says they hold: its samples are left out there, and are pending for capture again.

Nothing is lost by that, for the vectors are gone already; and lenses are trained anew once they have been captured again.
"""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal

from rich.progress import Progress

from db import connect, query, transaction
from engine.stages.not_finite import NAMED
from engine.subject.shards import AGAIN, tensor_names

Place = tuple[str, int]
"""A shard and a layer."""


def leave_out_lacking(study: Path, run_id: str, *, mode: Literal["in_context", "output_only"], bar: Progress) -> None:
    """Forget activations at layers that their shard lacks, and say on stderr whose they were."""
    with connect(study) as cursor:
        values = {"run_id": run_id, "mode": mode}
        stored = cursor.execute(query("stages.tensors_of_shards"), values).fetchall()
    lacking = sorted(_lacking(study, stored))
    if not lacking:
        return
    places = {"shards": [shard for shard, _ in lacking], "layers": [layer for _, layer in lacking]}
    with transaction(study) as cursor:
        samples = [row[0] for row in cursor.execute(query("stages.samples_at_places"), places).fetchall()]
        cursor.execute(query("stages.forget_places"), places)
    if not bar.disable:
        bar.console.print(lacking_sentence(study, lacking, samples), markup=False, highlight=False, soft_wrap=True)


def _lacking(study: Path, stored: Sequence[tuple[str, int, str]]) -> set[Place]:
    """Where a tensor of (shard, layer, phase) is not there; a shard that cannot be read at all is told by who reads it."""
    names = {shard: tensor_names(study, shard) for shard in {shard for shard, _, _ in stored}}
    return {
        (shard, layer)
        for shard, layer, phase in stored
        if (there := names[shard]) is not None and not {f"{layer}.{phase}", f"{layer}.{phase}-last"} <= there
    }


def lacking_sentence(study: Path, lacking: Collection[Place], samples: Sequence[str]) -> str:
    """Say which shards lack which layers, how many samples that leaves out, and name the first."""
    told = [f"{study / shard} lacks layer {layer}" for shard, layer in list(lacking)[:NAMED]]
    more = f", and so do {len(lacking) - NAMED:,} more" if len(lacking) > NAMED else ""
    named = ", ".join(samples[:NAMED]) + (f" and {len(samples) - NAMED:,} more" if len(samples) > NAMED else "")
    are = "sample is" if len(samples) == 1 else "samples are"
    return f"{'; '.join(told)}{more}: {len(samples):,} {are} left out there: {named}. {AGAIN}"
