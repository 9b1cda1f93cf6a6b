"""What ceilings and targets would be if stability or cut-off were others: a table each, beside the ceilings."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from engine.exchange.document.groups import group_cell, groups
from engine.exchange.document.model import Cell, Column, Row, Table, estimated
from engine.stats.ceiling_sensitivity import Assumption
from engine.words import CEILINGS, number

Json = Mapping[str, Any]
_TITLES: Final[dict[Assumption, str]] = {"stability": "If stability were", "k": "If the cut-off were"}
_SIGNS: Final[dict[Assumption, str]] = {"stability": "s", "k": "k"}
_RULES: Final[dict[Assumption, str]] = {
    "stability": (
        "Stability s: how far activations stay on topic when the text does not; at 1 they are always on topic."
    ),
    "k": "Cut-off k: ratings up to k count as off topic.",
}


def sensitivity_tables(report: Json) -> Iterator[Table]:
    """A table for each assumption whose ceiling is known somewhere: a row a group, a column a value."""
    found = list(groups(report))
    for of in _TITLES:
        if any(point["value"] is not None for _, one in found for point in one["sensitivity"][of]["points"]):
            yield _table(report, found, of)


def _table(report: Json, found: Sequence[tuple[str, Json]], of: Assumption) -> Table:
    sweep = report["overall"]["sensitivity"][of]
    model = CEILINGS[sweep["model"]].lower()
    columns = [Column("group", align="words")]
    columns += [Column(_heading(point["at"], report["settings"][of], of)) for point in sweep["points"]]
    rows = [
        Row((group_cell(name), *(_cell(point) for point in one["sensitivity"][of]["points"])), strong=name == "overall")
        for name, one in found
    ]
    rule = f"{_RULES[of]} Below each ceiling: its interval → the target that it would support if it decided."
    return Table(f"{_TITLES[of]} another: the {model} ceiling", tuple(columns), tuple(rows), rule=rule)


def _heading(value: float, chosen: float, of: Assumption) -> str:
    return f"{_SIGNS[of]} {value:g}{' (as set)' if value == chosen else ''}"


def _cell(point: Json) -> Cell:
    cell = estimated(point)
    if point["value"] is None:
        return cell
    target = point["target"]["value"]
    bracket = "no interval" if point["low"] is None else f"[{number(point['low'])}, {number(point['high'])}]"
    return Cell(cell.value, f"{bracket} → {number(target) if target else 'no target'}", cell.why, cell.order)
