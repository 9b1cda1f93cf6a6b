"""Show how far a stage is: a bar with rate and ETA on stderr, and a row in the study that the dashboard reads.

A log file has no bars until the command ends, so it gets a line for every tenth of a stage, but no two within a second.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

import duckdb
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from db import query
from engine.terminal import dollars

_APART_S: Final = 1.0
"""Between two lines of a log."""


class RateColumn(ProgressColumn):
    """Finished items per second."""

    def render(self, task: Task) -> Text:
        """The rate, or nothing before it is known."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.1f}/s" if speed else "", style="dim")


class StageProgress:
    """Progress of one stage of one run; `advance` moves the bar, `record` writes the row."""

    def __init__(self, bar: Progress, run_id: str, stage: str, *, n_done: int, n_total: int) -> None:
        self._bar, self._run_id, self._stage = bar, run_id, stage
        self._n_done, self._n_total, self._started = n_done, n_total, time.monotonic()
        self._cost_usd = 0.0
        self._n_tenths, self._logged = self._tenths(), self._started
        self._task = bar.add_task(stage, total=n_total, completed=n_done, note="")

    def advance(self, n: int, *, cost_usd: float | None = 0.0) -> None:
        """Count n more finished items, and what they cost in US dollars where that is known."""
        self._n_done += n
        self._cost_usd += cost_usd or 0.0
        note = dollars(self._cost_usd) if self._cost_usd else ""
        self._bar.update(self._task, completed=min(self._n_done, self._n_total), note=note)
        is_log = not self._bar.console.is_terminal and not self._bar.disable
        if is_log and self._tenths() > self._n_tenths and time.monotonic() - self._logged >= _APART_S:
            self._n_tenths, self._logged = self._tenths(), time.monotonic()
            self._log(note)

    def _tenths(self) -> int:
        return 10 * min(self._n_done, self._n_total) // self._n_total if self._n_total else 10

    def _log(self, note: str) -> None:
        n_done, seconds = min(self._n_done, self._n_total), time.monotonic() - self._started
        told = f"{self._stage} {n_done}/{self._n_total} after {seconds:.0f} s {note}".rstrip()
        self._bar.console.print(told, markup=False, highlight=False)

    def record(self, cursor: duckdb.DuckDBPyConnection, *, message: str | None = None) -> None:
        """Write the state of the stage, in the transaction of the rows that it speaks of."""
        cursor.execute(
            query("stages.record_progress"),
            {
                "run_id": self._run_id,
                "stage": self._stage,
                "n_done": min(self._n_done, self._n_total),
                "n_total": self._n_total,
                "seconds": time.monotonic() - self._started,
                "message": message,
                "updated_at": now(),
            },
        )


@contextmanager
def progress_bars(*, quiet: bool = False) -> Iterator[Progress]:
    """A set of bars on stderr; plain lines are not mixed in, data goes to stdout."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<9}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        RateColumn(),
        TextColumn("{task.fields[note]}", style="yellow"),
        TimeElapsedColumn(),
        TextColumn("left", style="dim"),
        TimeRemainingColumn(),
    )
    console = Console(file=sys.stderr)
    with Progress(*columns, console=console, disable=quiet, refresh_per_second=4) as bar:
        yield bar


def now() -> datetime:
    """The time in UTC without a zone, as the database stores it."""
    return datetime.now(UTC).replace(tzinfo=None)
