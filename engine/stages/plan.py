"""Write down every prompt and pair of a run before a token is generated."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from db import connect
from db.rows import PairRow, PromptRow, Row
from engine.prompts.plan import PlannedPair, PlannedSample, Planner, collector_paused
from engine.stages.generate import count
from engine.stages.select import PreparedRun
from engine.stages.stage import write_rows

WRITE_AT_ONCE = 50_000
"""Rows in one transaction: half a second, and a plan of millions takes hardly more memory to write than to make."""


def plan(study: Path, prepared: PreparedRun, concepts: Sequence[str]) -> tuple[PlannedPair, ...]:
    """Plan the pairs of these concepts and store them; planning again changes nothing."""
    with collector_paused():
        pairs = Planner(prepared.pack, prepared.templates, prepared.config, run_id=prepared.run_id).plan(concepts)
        _write(study, prepared, pairs)
    return pairs


def _write(study: Path, prepared: PreparedRun, pairs: Sequence[PlannedPair]) -> None:
    with connect(study) as cursor:
        is_written = count(cursor, prepared.run_id, "n_pairs") == len(pairs)
    # Prompts are written before the pairs that need them, so the last pair stands for all.
    if is_written:
        return
    for rows in (_prompt_rows(prepared, pairs), _pair_rows(prepared.run_id, pairs)):
        while part := list(islice(rows, WRITE_AT_ONCE)):
            write_rows(study, part)


def _prompt_rows(prepared: PreparedRun, pairs: Sequence[PlannedPair]) -> Iterator[Row]:
    """Prompts of like length share a batch, so that little is padded."""
    samples: dict[str, PlannedSample] = {pair.sample.sample_id: pair.sample for pair in pairs}
    by_length = sorted(samples.values(), key=lambda sample: (len(sample.prompt), sample.sample_id))
    for position, sample in enumerate(by_length):
        yield PromptRow(
            sample_id=sample.sample_id,
            run_id=prepared.run_id,
            prompt_concept=sample.prompt_concept,
            template=sample.template,
            draw=sample.draw,
            prompt=sample.prompt,
            batch=position // prepared.config.batch_size,
            seed=sample.seed,
        )


def _pair_rows(run_id: str, pairs: Sequence[PlannedPair]) -> Iterator[Row]:
    for position, pair in enumerate(pairs):
        yield PairRow(run_id, pair.concept, pair.sample.sample_id, pair.arm, pair.negative_kind, pair.u, position)
