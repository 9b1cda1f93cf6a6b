"""What others reported of the lenses of an imported run: shown apart, as theirs, for nothing of it was measured here."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import duckdb
from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from db import query
from engine.terminal import visible

Reported = dict[str, dict[str, float]]
"""Values by concept and then by the name of their column."""


def load_reported(cursor: duckdb.DuckDBPyConnection, run_id: str) -> Reported:
    """What was reported of each concept's lens; empty for a run of our own."""
    found: Reported = {}
    for concept, name, value in cursor.execute(query("artifacts.reported"), {"run_id": run_id}).fetchall():
        found.setdefault(concept, {})[name] = value
    return found


def reported_table(concepts: Sequence[Mapping[str, Any]]) -> Group | None:
    """The reported values of a report's concepts with their plain mean; None where there are none."""
    rows = [(one["concept"], one["quadrant"], one["reported"]) for one in concepts if one["reported"]]
    if not rows:
        return None
    names = sorted({name for *_, values in rows for name in values})
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("")
    for name in names:
        table.add_column(visible(name), justify="right", no_wrap=True)
    means = [fmean(values[name] for *_, values in rows if name in values) for name in names]
    table.add_row("mean", *map(_number, means), style="bold", end_section=True)
    for concept, quadrant, values in rows:
        label = Text(visible(f"{quadrant or '–'} {concept}"), no_wrap=True, overflow="ellipsis")
        table.add_row(label, *(_number(values.get(name)) for name in names))
    return Group(Text("\nReported, not ours: how it was measured is not known here\n", style="italic"), table)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
