"""What `lensgap compare` tells as JSON, as tables, rows of a chart and a CSV file."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.charts.table import harmless
from app.viewmodels.runs import HIDDEN, setting_hint
from app.widgets.markup import text
from engine.words import CEILING, GAP, GOOD, LENS, UNKNOWN, count, number, signed

Json = Mapping[str, Any]
MEASURES: Final = {
    "gap": "Relevance gap",
    "good": "Good positives",
    "ceiling": "F1 ceiling",
    "f1": "Lens F1",
    "text_only_f1": "F1 of the words alone",
    "auc": "AUC",
}
HINTS: Final = {
    "gap": GAP,
    "good": GOOD,
    "ceiling": CEILING,
    "f1": LENS,
    "text_only_f1": "F1 of a classifier that sees only the words of the text, no activations, on the same folds.",
    "auc": "Chance that a lens ranks a positive above a negative: 0.5 is guessing, 1 is perfect.",
}
_CLEAR: Final = 0.05
_P_MEASURES: Final = (
    "How likely chance alone is to give such a difference, by Wilcoxon's test, adjusted for false discoveries over "
    "all measures and sides on this screen. Small values mean a clear difference."
)
_P_CONCEPTS: Final = (
    "How likely chance alone is to give such a difference in this concept's gap, adjusted for false discoveries "
    "over all concepts and sides on this screen. Other measures are not tested for each concept."
)


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


def by_people(before: int, after: int, *, is_one_run: bool) -> str:
    """On how many pairs of each side people's ratings stand in place of the judge's."""
    if not before and not after:
        return "No pair has a rating by people."
    each = f"{_pairs(before)} of the first side and {_pairs(after)} of the other"
    sides = f"{_pairs(before)} of both sides" if is_one_run else each
    return f"People's ratings count in place of the judge's on {sides}."


def _pairs(n: int) -> str:
    return count(n, "pair") if n else "none"


def answer(comparison: Json) -> tuple[str, str]:
    """What differs clearly between the two sides, in a few words and a sentence."""
    tested = [one for one in comparison["measures"] if one["adjusted_p"] is not None]
    clear = [one for one in tested if one["adjusted_p"] < _CLEAR]
    if not tested:
        return "Cannot tell", "too few concepts are measured on both sides."
    if not clear:
        return "No clear difference", f"chance alone may explain all of them (adjusted p of {_CLEAR:g} or more)."
    said = (
        f"{MEASURES.get(one['measure'], str(one['measure']))} {signed(one['difference']['value'])}"
        f"{_among(one, ' on {} concepts')}"
        for one in clear
    )
    return "Clearly different", f"{'; '.join(said)} (adjusted p under {_CLEAR:g})."


def _among(one: Json, words: str) -> str:
    """Which concepts a measure is over, where it is not all."""
    return "" if one["among"] == "all" else words.format(one["among"])


def settings_html(comparison: Json) -> str:
    """The settings that differ, as a table."""
    rows = "".join(
        f'<tr><th title="{text(setting_hint(str(one["name"])))}">{text(str(one["name"]))}</th>'
        f"<td>{text(_setting(one['before']))}</td><td>{text(_setting(one['after']))}</td></tr>"
        for one in comparison["differ"]
    )
    return _table((("Setting", "Settings with equal values are left out."), ("Before", ""), ("After", "")), rows)


def _setting(value: object) -> str:
    """A setting's value in words; a judge's parameters one by one, without what may not be for every eye."""
    try:
        told = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return str(value)
    if not isinstance(told, dict):
        return str(value)
    return ", ".join(f"{name} {_setting(each)}" for name, each in told.items() if name not in HIDDEN)


def measures_html(comparison: Json) -> str:
    """Each measure's mean on both sides and the paired difference, with intervals, n and the adjusted p."""
    columns = (
        ("Measure", "What is compared. Hover over a name for an explanation."),
        ("Before", "Mean over the concepts measured on both sides, with its 95 % interval."),
        ("After", "Mean over the same concepts, with its 95 % interval."),
        ("Difference", "Mean of after minus before, concept by concept, with its 95 % interval over concepts."),
        ("Concepts", "Concepts measured on both sides. Missing ones are measured on one side only."),
        ("p, adjusted", _P_MEASURES),
    )
    return _table(columns, "".join(map(_measure, comparison["measures"])))


def _measure(one: Json) -> str:
    among = text(_among(one, "{} concepts"))
    among = f"<br><span class='lg-muted'>{among}</span>" if among else ""
    called, hint = MEASURES.get(one["measure"], str(one["measure"])), HINTS.get(one["measure"], "")
    name = f'<th title="{text(hint)}">{text(called)}{among}</th>'
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
    columns = (
        ("Concept", "The largest differences first."),
        ("Before", HINTS.get(measure, "")),
        ("After", HINTS.get(measure, "")),
        ("Difference", "After minus before; for gaps, with the 95 % interval."),
        ("n", "Ratings, texts or pairs behind the value, before / after."),
        ("p, adjusted", _P_CONCEPTS),
    )
    return _table(columns, "".join(_concept(one, measure) for one in rows[:at_most]))


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


def _table(columns: Sequence[tuple[str, str]], rows: str) -> str:
    head = "".join(f'<th title="{text(hint)}">{name}</th>' for name, hint in columns)
    return (
        f'<div class="lg-scroll" tabindex="0"><table class="lg-table"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


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
                writer.writerow(map(harmless, cells))
    return written.getvalue()
