"""The shape of every long stage: pending rows in, new rows out.

What is pending is asked of the database (an anti-join), so that a stage can be killed anywhere and run again. Rows are
written in whole batches at least every few seconds; no connection is held while a batch is worked on.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Final, Generic, TypeVar

import duckdb
from rich.progress import Progress

from db import connect, insert, transaction
from db.rows import Row
from engine.stages.progress import StageProgress

WRITE_EVERY_S = 4.0
"""Whoever looks at the study meanwhile waits a quarter of a second for each writing: one process at a time has the database."""
AT_LENGTH: Final = 2.5
"""So many times as long are the pauses of work that lasts: nobody watches each of its steps."""
_LASTS_S: Final = 40.0
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Stage(Generic[Item]):
    """`pending` gives batches in an order that never changes; `work` turns one batch into rows, parents before children.

    `check` sees all that is pending before any of it is worked on, and raises the error that the work would end in.
    `last_word` is asked when all is done, and what it says is told on stderr.
    """

    name: str
    pending: Callable[[duckdb.DuckDBPyConnection], list[list[Item]]]
    work: Callable[[list[Item]], Sequence[Row]]
    n_total: Callable[[duckdb.DuckDBPyConnection], int]
    check: Callable[[list[list[Item]]], None] | None = None
    last_word: Callable[[], str | None] | None = None


@dataclass(slots=True)
class Pace:
    """When rows are due: every few seconds, of work that has lasted for a minute and more less often."""

    begun: float = field(default_factory=time.monotonic)
    written: float = field(default_factory=time.monotonic)

    def is_due(self) -> bool:
        """Whether what has come since is to be written now."""
        now = time.monotonic()
        return now - self.written >= WRITE_EVERY_S * min(AT_LENGTH, max(1.0, (now - self.begun) / _LASTS_S))

    def rest(self) -> None:
        """Begin the next pause, for what has come is being written."""
        self.written = time.monotonic()


def run_stage(study: Path, run_id: str, stage: Stage[Item], bar: Progress) -> int:
    """Work off all that is pending; returns how many items that were."""
    with connect(study) as cursor:
        batches, n_total = stage.pending(cursor), stage.n_total(cursor)
    if batches and stage.check:
        stage.check(batches)
    n_pending = sum(map(len, batches))
    progress = StageProgress(bar, run_id, stage.name, n_done=max(0, n_total - n_pending), n_total=n_total)
    rows: list[Row] = []
    pace = Pace()
    for position, batch in enumerate(batches, start=1):
        rows.extend(stage.work(batch))
        progress.advance(len(batch))
        if position == len(batches) or pace.is_due():
            write_rows(study, rows, progress)
            rows = []
            pace.rest()
    if stage.last_word and (said := stage.last_word()) and not bar.disable:
        bar.console.print(said, markup=False, highlight=False, soft_wrap=True)
    return n_pending


def write_rows(study: Path, rows: Sequence[Row], progress: StageProgress | None = None) -> None:
    """Add rows of several classes in one transaction, class by class in the order of their first appearance."""
    kinds = {type(row): position for position, row in reversed(list(enumerate(rows)))}
    ordered = sorted(rows, key=lambda row: kinds[type(row)])
    with transaction(study) as cursor:
        for _, group in groupby(ordered, key=type):
            insert(cursor, list(group))
        if progress:
            progress.record(cursor)


def in_batches(items: Sequence[Item], size: int) -> list[list[Item]]:
    """Cut a sequence into lists of that size."""
    return [list(items[start : start + size]) for start in range(0, len(items), size)]
