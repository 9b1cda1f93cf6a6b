"""What ceilings and targets would be at other stabilities and cut-offs: as JSON in the report, and as a table for a terminal."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from engine.exchange.document.groups import groups
from engine.stats.ceiling_sensitivity import Assumption, Point, sweep_ceiling
from engine.stats.findings import Finding
from engine.terminal import visible

Json = Mapping[str, Any]
STABILITIES: Final = (0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
CUTS: Final = (2.0, 3.0, 4.0)
_SIGNS: Final[dict[Assumption, str]] = {"stability": "s", "k": "k"}


def sensitivity_json(finding: Finding) -> dict[str, Any]:
    """The propagation ceiling by stability and the label-noise ceiling by cut-off, each with the target that it would support.

    The finding's own settings are among the values, wherever they lie.
    """
    settings = finding.settings
    asked: dict[Assumption, list[float]] = {
        "stability": sorted({*STABILITIES, settings.stability}),
        "k": sorted({*CUTS, float(settings.k)}),
    }
    sweeps = (sweep_ceiling(finding, of, values) for of, values in asked.items())
    return {sweep.of: {"model": sweep.model, "points": list(map(_point, sweep.points))} for sweep in sweeps}


def _point(point: Point) -> dict[str, Any]:
    estimate, target = point.ceiling.estimate, point.target
    return {
        "at": point.x,
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "n": estimate.n,
        "method": estimate.method,
        "reason": estimate.reason,
        "floor": point.ceiling.floor,
        "target": {"value": target.value, "tier": target.tier, "reason": target.reason},
    }


def sensitivity_table(report: Json) -> Group:
    """Ceilings and targets by group and, where the report has theirs, by concept: a table an assumption, a column a value.

    Every second stability and the one that is set, so that a narrow terminal has room for all of them.
    """
    title = Text("F1 ceiling → target if that ceiling decided\n", style="italic")
    return Group(title, _table(report, "stability"), Text(""), _table(report, "k"), _LEGEND)


def _table(report: Json, of: Assumption) -> Table:
    chosen = report["settings"][of]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("")
    for point in _shown(report["overall"], of, chosen):
        mark = "*" if point["at"] == chosen else ""
        table.add_column(f"{_SIGNS[of]} {point['at']:g}{mark}", justify="right", no_wrap=True)
    for name, one in _rows(report):
        label = Text(visible(name), no_wrap=True, overflow="ellipsis")
        table.add_row(label, *map(_cell, _shown(one, of, chosen)), style="bold" if name == "overall" else None)
    return table


def _shown(one: Json, of: Assumption, chosen: float) -> list[Json]:
    left_out = set(STABILITIES[1::2]) - {chosen}
    return [point for point in one["sensitivity"][of]["points"] if point["at"] not in left_out]


_LEGEND: Final = Text(
    "\ns: stability of activations, by the propagation ceiling. k: ratings up to k count as off topic, by the label-noise "
    "ceiling. *: as set (--stability, --k). Of several concepts ceilings are their mean. – : unknown, or no tier is supported; "
    "intervals, n and reasons: --json.",
    style="dim",
)


def _rows(report: Json) -> Iterator[tuple[str, Json]]:
    yield from groups(report)
    for concept in report["concepts"]:
        if "sensitivity" in concept:
            yield f"{concept['quadrant'] or '–'} {concept['concept']}", concept


def _cell(point: Json) -> str:
    return f"{_number(point['value'])} → {_number(point['target']['value'])}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
