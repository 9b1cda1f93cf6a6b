"""Pack layers, quadrants or runs of different concepts, compared by their concepts' means."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, Literal

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from engine.errors import ConfigError
from engine.exchange.report import build_report
from engine.stats.findings import NO_LAYER
from engine.stats.unmatched import compare_groups
from engine.terminal import visible

Json = dict[str, Any]
Grouping = Literal["pack-layer", "quadrant", "run"]
BOUNDS: Final = {
    "gap": (-4.0, 4.0),
    "good": (0.0, 1.0),
    "ceiling": (0.0, 1.0),
    "f1": (0.0, 1.0),
    "text_only_f1": (0.0, 1.0),
}
RATED: Final = frozenset({"gap", "ceiling"})
"""Measures that rest on a judge's ratings."""
TITLES: Final = {"gap": "gap", "good": "good", "ceiling": "ceil", "f1": "F1", "text_only_f1": "text"}
_LEGEND: Final = (
    "Change: mean of the second group minus that of the first, with its 95 % interval, Welch's t over concepts; p: Welch's t, "
    "adjusted over all rows. n: concepts of both. The groups hold different concepts, so a difference may be theirs and not "
    "that of what names the groups. gap: mean rating of positives minus negatives. good: share of positives in good form. "
    "ceil: the label-noise ceiling. text: F1 of the words alone."
)


def build_group_comparison(study: Path, *, runs: Sequence[str], by: Grouping) -> Json:
    """Compare the groups into which the concepts of runs (by default the latest with samples) fall.

    Runs hold different concepts, for one that counts twice would seem to be two. Where judges differ, gaps and ceilings are left
    out. ConfigError where there are no two groups, or where runs share a concept.
    """
    reports = [build_report(study, run_id=run) for run in dict.fromkeys(runs)] or [build_report(study)]
    concepts = [(_group(one, report["run"], by), one) for report in reports for one in report["concepts"]]
    _require_different([one["concept"] for _, one in concepts])
    names = sorted({name for name, _ in concepts if name}) if by != "run" else [one["run"] for one in reports]
    if len(names) < 2:
        groups = f"{'one' if names else 'no'} {by.replace('-', ' ')}"
        raise ConfigError(
            f"The concepts lie in {groups}, so there is nothing to compare.", hint="Name more runs, or another --by."
        )
    judges = {one["judge"]["id"]: one["judge"] for one in reports if one["judge"]}
    values = {
        measure: {name: [_value(one, measure) for own, one in concepts if own == name] for name in names}
        for measure in BOUNDS
        if len(judges) < 2 or measure not in RATED
    }
    told = [one for one in compare_groups(values, bounds=BOUNDS) if one.mean_first.n or one.mean_second.n]
    return {
        "by": by,
        "runs": [report["run"] for report in reports],
        "judges": list(judges.values()),
        "lenses": [report["lens"] for report in reports],
        "differences": [asdict(one) for one in told],
    }


def _require_different(concepts: Sequence[str]) -> None:
    if shared := next((one for one, n in Counter(concepts).items() if n > 1), None):
        raise ConfigError(
            f'The concept "{shared}" is in more than one of the runs.', hint="To match concepts: lensgap compare runs."
        )


def _group(concept: Json, run: str, by: Grouping) -> str | None:
    if by == "run":
        return run
    if by == "quadrant":
        return None if concept["quadrant"] is None else f"quadrant {concept['quadrant']}"
    layer = concept["pack_layer"]
    return None if layer in (None, NO_LAYER) else f"layer {layer}"


def _value(concept: Json, measure: str) -> float | None:
    lens = concept["lens"]
    found: dict[str, float | None] = {
        "gap": concept["gap"],
        "good": concept["form"]["positive"]["good"],
        "ceiling": concept["ceilings"]["label_noise"]["value"],
        "f1": lens["f1"],
        "text_only_f1": lens["text_only_f1"],
    }
    return found[measure]


def group_table(found: Json) -> Group:
    """The comparison for a terminal: a line for every two groups of a measure."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for name in ("measure", "first", "second"):
        table.add_column(name, no_wrap=True)
    for name in ("first", "second", "change", "95 %", "n", "p"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in found["differences"]:
        table.add_row(*_cells(one))
    title = Text(f"By {found['by'].replace('-', ' ')}, run {', '.join(map(visible, found['runs']))}\n", style="italic")
    told = Text(f"\n{_LEGEND}\n{_judges(found['judges'])}", style="dim")
    return Group(title, table, told, *_reasons(found["differences"]))


def _cells(one: Json) -> list[str]:
    change, signed = one["difference"], "{:+.2f}"
    interval = (
        "–" if change["low"] is None else f"[{_number(change['low'], signed)}, {_number(change['high'], signed)}]"
    )
    return [
        TITLES[one["measure"]],
        visible(one["first"]),
        visible(one["second"]),
        _number(one["mean_first"]["value"]),
        _number(one["mean_second"]["value"]),
        _number(change["value"], signed),
        interval,
        f"{change['n']:,}",
        _number(one["p_adjusted"], "{:.3f}"),
    ]


def _reasons(differences: Iterable[Json]) -> list[Text]:
    """Why intervals or values are missing, each reason once."""
    told = dict.fromkeys(
        change["reason"] or change["method"].partition("no interval: ")[2]
        for change in (one["difference"] for one in differences)
        if change["low"] is None
    )
    return [Text(f"  – {visible(reason)}", style="dim") for reason in told]


def _judges(judges: Sequence[Json]) -> str:
    names = ", ".join(visible(f"{one['backend']} ({one['model']})") for one in judges)
    if len(judges) > 1:
        return f"Judges: {names}. Gaps and ceilings by different judges are not compared."
    return f"Judge: {names or 'none yet'}."


def _number(value: float | None, form: str = "{:.2f}") -> str:
    return "–" if value is None else form.format(value).replace("-", "−")
