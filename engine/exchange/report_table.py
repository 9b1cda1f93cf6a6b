"""The report for a terminal."""

from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from engine.exchange.reported import reported_table
from engine.stats.estimate import Estimate
from engine.stats.findings import NO_LAYER
from engine.stats.gap_clusters import UNSEEN_BELOW
from engine.terminal import visible

Json = dict[str, Any]
COLUMNS = ("pairs", "pos", "neg", "gap", "95 % of gap", "good", "ceil", "ask", "F1", "base")


def report_table(report: Json) -> Group:
    """The report for a terminal: a line a quadrant, a pack layer where there are several, and a concept; what goes with F1.

    From 80 columns on only names are ever shortened.

    Concepts stand by quadrant, those without one last, and within it by gap, the largest first and the unknown last.
    """
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0, header_style="bold")
    table.add_column("")
    for name in COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    overall = report["overall"]
    table.add_row(_label(f"overall{_mark(overall)}"), *_cells(overall), style="bold", end_section=True)
    for name, finding in report["quadrants"].items():
        table.add_row(_label(f"quadrant {name}{_mark(finding)}"), *_cells(finding))
    table.add_section()
    for name, finding in report["pack_layers"].items() if len(report["pack_layers"]) > 1 else ():
        table.add_row(_label(f"{_layer_name(name)}{_mark(finding)}"), *_cells(finding))
    table.add_section()
    for concept in sorted(report["concepts"], key=_place):
        lens = {**concept["lens"], "mean_f1": concept["lens"]["f1"]}
        label = _label(f"{concept['quadrant'] or '–'} {concept['concept']}")
        table.add_row(label, *_cells({**concept, "lens": lens}))
    title = Text("Relevance gap, ceiling and measured F1\n", style="italic")
    caution = [Text(f"\nCaution: {report['caution']}", style="yellow")] if report["caution"] else []
    beside: tuple[RenderableType | None, ...] = (_goes_with_f1(report), reported_table(report["concepts"]))
    return Group(title, table, *caution, _legend(report), *(one for one in beside if one is not None))


def _place(concept: Json) -> tuple[bool, str, bool, float]:
    quadrant, gap = concept["quadrant"], concept["gap"]
    return quadrant is None, quadrant or "", gap is None, -(gap or 0.0)


def _layer_name(name: str) -> str:
    return "no pack layer" if name == NO_LAYER else f"layer {name}"


def _mark(finding: Json) -> str:
    return "*" if finding["gap_weak"] else ""


def _label(text: str) -> Text:
    return Text(visible(text), no_wrap=True, overflow="ellipsis")


def _legend(report: Json) -> Text:
    judge = report["judge"]
    name = visible(f"{judge['backend']} ({judge['model']})") if judge else "none yet"
    caution = " – a baseline, no language model" if judge and judge["is_baseline"] else ""
    family, layer = visible(report["lens"]["family"]), report["lens"]["layer"]
    lens = (
        "F1: no lens has been trained." if layer is None else f"F1: measured out of fold, {family} lens, layer {layer}."
    )
    gap = _gap_note(report["overall"])
    groups = (report["overall"], *report["quadrants"].values(), *report["pack_layers"].values())
    few = (
        f" *: under {UNSEEN_BELOW} concepts, which may lack a rare kind that fails." if any(map(_mark, groups)) else ""
    )
    return Text(
        f"\npos, neg: mean rating of the arms. good: share of positives in good form. ceil: the label-noise "
        f"ceiling, of several concepts their mean. ask: recommended target. {lens} base: F1 of always saying "
        f"yes.{few}{gap}\nJudge: {name}{caution}.",
        style="dim",
    )


def _goes_with_f1(report: Json) -> Text | None:
    """What each predictor's correlation with the F1 supports, a sentence each; None without a measured lens."""
    if report["lens"]["layer"] is None:
        return None
    told = "".join(f"\n  – {visible(one['says'])}" for one in report["correlations"])
    return Text.assemble(("\nWhat goes with F1, by Spearman's rank correlation ρ", "italic"), told)


def _gap_note(overall: Json) -> str:
    """Why the overall gap, or its interval, is unknown; nothing where it is not."""
    told = (overall[f"gap{part}"] for part in ("", "_low", "_high", "_n", "_reason", "_method"))
    gap = Estimate(*told)
    unknown = "is unknown" if gap.value is None else "has no interval"
    return f"\nThe overall gap {unknown}: {visible(gap.why_no_interval)}." if gap.why_no_interval else ""


def _cells(finding: Json) -> list[str]:
    lens, low, high = finding["lens"], finding["gap_low"], finding["gap_high"]
    return [
        f"{finding['n_positive'] + finding['n_negative']:,}",
        _number(finding["positive_mean"]),
        _number(finding["negative_mean"]),
        _number(finding["gap"]),
        "–" if low is None else f"[{_number(low)}, {_number(high)}]",
        _number(finding["form"]["positive"]["good"]),
        _number(finding["ceilings"]["label_noise"]["value"]),
        _number(finding["target"]["value"]),
        _number(lens.get("mean_f1")),
        _number(lens.get("always_positive_f1")),
    ]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}".replace("-", "−")
