"""A comparison as JSON and as tables for a terminal: the differences first, then each concept before and after."""

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from engine.exchange.comparison import Comparison, LensChoice, Measure, Pair, Setting, Side
from engine.exchange.told_comparisons import FALSE_FINDS, Summary, Told, is_changed, overview, side_names
from engine.stats.estimate import Estimate
from engine.stats.paired import PairedComparison
from engine.terminal import visible

Json = dict[str, Any]
TITLES: dict[str, str] = {
    "gap": "gap",
    "good": "good",
    "ceiling": "ceil",
    "f1": "F1",
    "auc": "AUC",
    "text_only_f1": "text",
}
CHANGE_TITLES: dict[Measure, str] = {
    "gap": "Change of the gap (rating points)",
    "good": "Change of the share of positives in good form",
    "ceiling": "Change of the label-noise ceiling",
    "f1": "Change of F1",
    "auc": "Change of AUC",
    "text_only_f1": "Change of the F1 of words alone",
}
MEANING: dict[Measure, str] = {
    "gap": "gap: mean rating of positives minus negatives. ",
    "good": "good: share of positives in good form. ",
    "ceiling": "ceil: the label-noise ceiling. ",
    "text_only_f1": "text: F1 of the words alone. ",
}
CHANGE = (
    "Change: mean over concepts that have both sides, with its 95 % interval over concepts; p: Wilcoxon, adjusted over "
    "all measures and sides that are told together."
)
CHANGED: dict[str, str] = {
    "splitting": (
        "Changed: the concepts that were split, which stand before as they were and after as the mean over their senses."
    ),
    "bucketing": "Changed: the concepts whose siblings bucketing changed.",
}


def comparison_tables(told: Told) -> Group:
    """The comparison for a terminal: what differs, by how much, concept by concept, and what was not compared."""
    comparison = told.comparison
    runs = dict.fromkeys((comparison.before.name, comparison.after.name))
    head = Text(f"Run {visible(' → '.join(runs))}\n", style="italic")
    return Group(
        head, _what_differs(comparison), _differences(told.summaries), Text(), _by_concept(comparison), _legend(told)
    )


def _what_differs(comparison: Comparison) -> Text:
    if not comparison.settings:
        return Text("No setting differs.\n")
    return Text("".join(f"{visible(_told(setting))}\n" for setting in comparison.settings))


def _told(setting: Setting) -> str:
    return f"{setting.name}: {_shown(setting.before)} → {_shown(setting.after)}"


def _shown(value: object) -> str:
    if isinstance(value, (list, tuple)) and len(value) > 3:
        return f"{len(value)} of them"
    text = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    return (text if len(text) <= 60 else f"…{text[-59:]}") or "none"


def _differences(summaries: Sequence[Summary]) -> Table:
    table = _table("measure")
    for name in ("before", "after", "change", "95 %", "n", "rose", "fell", "p"):
        table.add_column(name, justify="right", no_wrap=True)
    for summary in summaries:
        paired, among = summary.paired, "" if summary.among == "all" else f", {summary.among}"
        table.add_row(
            f"{TITLES[summary.measure]}{among}",
            _number(paired.before.value),
            _number(paired.after.value),
            _signed(paired.difference.value),
            _interval(paired.difference),
            str(paired.n),
            str(paired.n_rose),
            str(paired.n_fell),
            _p(summary.p),
        )
    return table


def _by_concept(comparison: Comparison) -> Table:
    table = _table("concept")
    for measure in comparison.pairs[0].measures:
        table.add_column(TITLES[measure], justify="right", no_wrap=True)
    for changed in (True, False):
        for pair in comparison.pairs:
            if is_changed(comparison, pair.match) == changed:
                cells = (f"{_number(one.value)} → {_number(other.value)}" for one, other in pair.measures.values())
                table.add_row(_label(pair), *cells, style="" if changed else "dim")
        table.add_section()
    return table


def _label(pair: Pair) -> Text:
    match = pair.match
    quadrant = match.quadrant_before or "–"
    if match.quadrant_after != match.quadrant_before:
        quadrant = f"{quadrant}→{match.quadrant_after or '–'}"
    senses = f" ({len(match.after)} senses)" if match.is_split else ""
    return Text(visible(f"{quadrant} {match.concept}{senses}"), no_wrap=True, overflow="ellipsis")


def _legend(told: Told) -> Text:
    comparison = told.comparison
    meaning = "".join(MEANING.get(measure, "") for measure in comparison.pairs[0].measures)
    lines = [f"{meaning}{CHANGE}", *filter(None, [CHANGED.get(comparison.kind)])]
    lines += [f"{name}: {_sides_told(side)}" for name, side in _sides(comparison)]
    if tested := _tests_told(told):
        lines.append(tested)
    if comparison.unmatched:
        first = [f"{concept} ({reason})" for concept, reason in list(comparison.unmatched.items())[:5]]
        more = f" and {len(comparison.unmatched) - 5} more" if len(comparison.unmatched) > 5 else ""
        lines.append(f"Not compared: {'; '.join(first)}{more}.")
    return Text("\n".join(["", *map(visible, lines)]), style="dim")


def _tests_told(told: Told) -> str | None:
    """How many concepts changed in each measure, each tested by itself."""
    tested = {measure: [test for test in tests if test.p is not None] for measure, tests in told.tests.items()}
    said = [
        f"{TITLES[measure]} of {sum(test.is_found for test in tests)} of {len(tests)}"
        for measure, tests in tested.items()
        if tests
    ]
    if not said:
        return None
    return (
        f"Concepts that changed, each tested by itself: {', '.join(said)}; at most {FALSE_FINDS:.0%} of those of a measure are "
        "expected to be false finds (Benjamini and Hochberg)."
    )


def overview_table(comparisons: Sequence[Comparison]) -> Group:
    """All other sides against the first, measure by measure; p adjusted over all rows."""
    table = _table("measure")
    for name in ("side", "before", "after", "change", "95 %", "n", "p"):
        table.add_column(name, justify="left" if name == "side" else "right", no_wrap=True, overflow="ellipsis")
    changes = overview(comparisons)
    for measure in dict.fromkeys(change.measure for change in changes):
        for change in (change for change in changes if change.measure == measure):
            table.add_row(TITLES[measure], Text(visible(change.side)), *_cells(change.paired), _p(change.p))
        table.add_section()
    caution = "The first side is not the same in all rows: judge and lenses are those that each two sides share.\n"
    differ = [Text.assemble((visible(side_names(one)[1]), "bold"), ": ", _settings_told(one)) for one in comparisons]
    alike = len({(one.before.judge, one.before.lens) for one in comparisons}) == 1
    said = Text("" if alike else caution, style="yellow")
    title = Text(f"All against {visible(side_names(comparisons[0])[0])}", style="italic")
    return Group(title, *differ, Text(), table, said)


def _settings_told(comparison: Comparison) -> str:
    return visible("; ".join(map(_told, comparison.settings))) or "no setting differs"


def _cells(paired: PairedComparison) -> tuple[str, ...]:
    values = _number(paired.before.value), _number(paired.after.value), _signed(paired.difference.value)
    return *values, _interval(paired.difference), str(paired.n)


def _sides(comparison: Comparison) -> tuple[tuple[str, Side], tuple[str, Side]]:
    return ("Before", comparison.before), ("After", comparison.after)


def _sides_told(side: Side) -> str:
    caution = " (a baseline, no language model)" if side.judge and side.judge.is_baseline else ""
    judge = f"judge {side.judge.name}{caution}; " if side.judge else ""
    return f"{judge}{_lens(side.lens)}."


def _lens(lens: LensChoice | None) -> str:
    if lens is None:
        return "no lens has been trained"
    return f"{lens.family} lenses at layer {lens.layer}, {lens.phase} phase, {lens.mode}, {lens.pool} pool"


def _table(first: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column(first)
    return table


def _interval(estimate: Estimate) -> str:
    return "–" if estimate.low is None else f"[{_signed(estimate.low)}, {_signed(estimate.high)}]"


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.2f}".replace("-", "−")


def _p(value: float | None) -> str:
    return "–" if value is None else "<0.001" if value < 0.0005 else f"{value:.3f}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}".replace("-", "−")
