"""What `lensgap compare` tells as JSON, as tables, rows of a chart and a CSV file."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.widgets.markup import text
from engine.words import UNKNOWN, number, signed

Json = Mapping[str, Any]
MEASURES: Final = {
    "gap": "Relevance gap",
    "good": "Good positives",
    "ceiling": "F1 ceiling",
    "f1": "Lens F1",
    "text_only_f1": "F1 of the words alone",
    "auc": "AUC",
}


@dataclass(frozen=True, slots=True)
class Dumbbell:
    """A concept's value on both sides; only concepts that have both are drawn."""

    concept: str
    before: float
    after: float


def dumbbells(comparison: Json, measure: str) -> list[Dumbbell]:
    """Concepts with both values, the largest change first."""
    both = [(one["concept"], one["measures"].get(measure, {})) for one in comparison["concepts"]]
    known = [
        Dumbbell(name, values["before"], values["after"])
        for name, values in both
        if values.get("before") is not None and values.get("after") is not None
    ]
    return sorted(known, key=lambda one: -abs(one.after - one.before))


def settings_html(comparison: Json) -> str:
    """The settings that differ, as a table."""
    rows = "".join(
        f"<tr><th>{text(one['name'])}</th><td>{text(str(one['before']))}</td><td>{text(str(one['after']))}</td></tr>"
        for one in comparison["differ"]
    )
    return _table(("Setting", "Before", "After"), rows)


def measures_html(comparison: Json) -> str:
    """Each measure's mean on both sides and the paired difference, with intervals, n and the adjusted p."""
    return _table(
        ("Measure", "Before", "After", "Difference", "Concepts", "p, adjusted"),
        "".join(map(_measure, comparison["measures"])),
    )


def _measure(one: Json) -> str:
    among = "" if one["among"] == "all" else f"<br><span class='lg-muted'>{text(one['among'])} concepts</span>"
    name = f"<th>{MEASURES.get(one['measure'], text(one['measure']))}{among}</th>"
    cells = (_estimate(one["before"]), _estimate(one["after"]), _estimate(one["difference"], is_change=True))
    missing = f" ({one['n_missing']} missing)" if one["n_missing"] else ""
    p = number(one["adjusted_p"], digits=3) if one["adjusted_p"] is not None else UNKNOWN
    return f"<tr>{name}{''.join(cells)}<td>{one['n']}{missing}</td><td>{p}</td></tr>"


def _estimate(found: Json, *, is_change: bool = False) -> str:
    if found["value"] is None:
        return f'<td title="{text(str(found["reason"]))}">{UNKNOWN}</td>'
    value = signed(found["value"]) if is_change else number(found["value"])
    span = "" if found["low"] is None else f"[{number(found['low'])}, {number(found['high'])}]"
    return f'<td>{value} <span class="lg-muted">{span or "no interval"}</span></td>'


def concepts_html(comparison: Json, measure: str, *, at_most: int) -> str:
    """Concept by concept: both values, the difference, and of gaps its interval and p adjusted for false finds."""
    rows = [one for one in comparison["concepts"] if measure in one["measures"]]
    rows.sort(key=lambda one: -abs(one["measures"][measure]["difference"] or 0))
    return _table(
        ("Concept", "Before", "After", "Difference", "n", "p, adjusted"),
        "".join(_concept(one, measure) for one in rows[:at_most]),
    )


def _concept(one: Json, measure: str) -> str:
    values, test = one["measures"][measure], one["gap_test"] if measure == "gap" else None
    low = test["low"] if test else None
    span = "" if low is None or test is None else f"[{number(low)}, {number(test['high'])}]"
    p = UNKNOWN if test is None or test["adjusted_p"] is None else number(test["adjusted_p"], digits=3)
    change = signed(values["difference"])
    return (
        f"<tr><th>{text(one['concept'])}</th><td>{number(values['before'])}</td><td>{number(values['after'])}</td>"
        f'<td title="{text(str(values["reason"] or ""))}">{change} <span class="lg-muted">{span}</span></td>'
        f"<td>{values['n_before']} / {values['n_after']}</td><td>{p}</td></tr>"
    )


def _table(columns: Sequence[str], rows: str) -> str:
    head = "".join(f"<th>{name}</th>" for name in columns)
    return f'<div class="lg-scroll"><table class="lg-table"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def comparison_csv(comparisons: Sequence[Json]) -> str:
    """One row a side, concept and measure. Texts that a spreadsheet would take for a formula begin with an apostrophe."""
    written = io.StringIO()
    writer = csv.writer(written)
    names = ("before", "after", "difference", "n_before", "n_after", "reason")
    writer.writerow(("run_before", "run_after", "judge_before", "judge_after", "concept", "measure", *names))
    for one in comparisons:
        sides = [one["before"]["run"], one["after"]["run"]]
        judges = [(one[side]["judge"] or {}).get("judge_id", "") for side in ("before", "after")]
        for concept in one["concepts"]:
            for measure, values in concept["measures"].items():
                cells = (*sides, *judges, concept["concept"], measure, *(values[name] for name in names))
                writer.writerow([_safe(cell) for cell in cells])
    return written.getvalue()


def _safe(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
