"""Measure a run's learning curves, and show them as one JSON document and as a table."""

from pathlib import Path
from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from db import connect, query
from engine.config import read_stored_config
from engine.exchange.curves import curve_json, load_curves
from engine.exchange.runs import find_run
from engine.stages.curve import measure_curves
from engine.stats.learning_curve import mean_curve
from engine.terminal import visible

Json = dict[str, Any]
LEGEND = (
    "\nF1 now, twice: of lenses fitted on all pairs, and on twice as many, by the curve of best fit. end: where the curve leads. "
    "Intervals are 95 %. overall: the mean curve of the concepts."
)


def build_curves(study: Path, *, run_id: str | None = None, family: str | None = None) -> Json:
    """Measure what is pending of a run's curves, and return them all."""
    with connect(study) as cursor:
        run = find_run(cursor, study, run_id)
        row = cursor.execute(query("stages.run"), {"run_id": run}).fetchone()
    assert row is not None
    config = read_stored_config(row[1])
    chosen = family or config.lenses[0]
    measure_curves(study, run, config, family=chosen)
    with connect(study) as cursor:
        found = load_curves(cursor, run, family=chosen)
    return {
        "run": run,
        "family": chosen,
        "overall": curve_json(mean_curve(list(found.values()))),
        "concepts": {concept: curve_json(curve) for concept, curve in found.items()},
    }


def curve_table(found: Json) -> Group:
    """A line a concept; only names are ever shortened."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("")
    for name in ("pairs", "sizes", "F1 now", "twice", "95 %", "gain", "end", "95 %"):
        table.add_column(name, justify="right", no_wrap=True)
    named = {"overall": found["overall"], **found["concepts"]}
    for concept, curve in named.items():
        if curve:
            label = Text(visible(concept), no_wrap=True, overflow="ellipsis")
            table.add_row(label, *_cells(curve), end_section=concept == "overall" and curve is found["overall"])
    reasons = {one["asymptote"]["reason"] for one in named.values() if one} - {None}
    told = [Text(f"\n{visible(reason)}", style="dim") for reason in sorted(reasons)]
    title = Text(f"Learning curves of {visible(found['family'])} lenses, run {found['run']}\n", style="italic")
    return Group(title, table, *told, Text(LEGEND, style="dim"))


def _cells(curve: Json) -> list[str]:
    now, twice = curve["expected"] or ({"value": None}, {"value": None, "low": None})
    gain, end = curve["gain_of_twice"], curve["asymptote"]
    return [
        f"{curve['n_pairs']:,}",
        str(len(curve["points"])),
        _number(now["value"]),
        _number(twice["value"]),
        _interval(twice),
        "–" if gain is None else f"+{gain:.2f}",
        _number(end["value"]),
        _interval(end),
    ]


def _interval(estimate: Json) -> str:
    return "–" if estimate["low"] is None else f"[{_number(estimate['low'])}, {_number(estimate['high'])}]"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
