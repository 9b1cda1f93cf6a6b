"""An audit's plan and what it licenses, for a terminal."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from engine.stats.audit import TARGET_NAMES, TARGETS, WEAK_BELOW_AUDITED
from engine.terminal import counted, visible

Json = dict[str, Any]
GAP_TITLES = tuple(f"gap, {target}" for target in TARGETS)


def plan_table(plan: Json) -> Group:
    """A line a stratum: pairs, with which probability each is drawn, how many that are, and how many are rated."""
    names = ("pairs", "known", "π", "expected", "drawn", "rated", "deviation", "from")
    table = _table(names)
    for stratum in plan["strata"]:
        drawn = stratum["n_drawn"]
        table.add_row(
            _stratum_name(stratum),
            f"{stratum['n_pairs']:,}",
            f"{stratum['n_known']:,}",
            f"{stratum['inclusion_probability']:.3f}",
            f"{stratum['n_ratings_expected']:,.1f}",
            "–" if drawn is None else f"{drawn:,}",
            f"{stratum['n_rated']:,}",
            f"{stratum['residual_deviation']:.2f}",
            stratum["learnt_from"],
        )
    title = Text(f"Audit of run {visible(plan['run'])}, judge {_judge(plan)}\n", style="italic")
    return Group(title, table, Text(f"\n{_plan_summary(plan)}"), _legend(_PLAN_LEGEND))


_PLAN_LEGEND = (
    "known: overridden before the audit began, so not drawn. π: probability that a pair of the stratum is drawn. expected: "
    "how many that are on average. deviation: of what people are expected to say beyond the judge, learnt from the audit's "
    "ratings or, before there are two in an arm, from the judge's. A later plan only adds pairs."
)


def _plan_summary(plan: Json) -> str:
    widths = [
        f"± {width:.2f} for {TARGET_NAMES[target]}"
        for target, width in plan["half_width_expected"].items()
        if width is not None
    ]
    n_drawn, n_rated = counted(plan["n_drawn"], "pair is", "pairs are"), counted(plan["n_rated"], "is", "are")
    drawn = f"{n_drawn} drawn, of which {n_rated} rated."
    if not plan["stored"]:
        drawn = "Nothing was stored, so no pair is drawn by this plan."
    expected = f"About {plan['n_ratings_expected']:,.0f} ratings are planned in all"
    return f"{expected}; once they are there, expect the overall gap to {', '.join(widths) or 'stay unknown'}. {drawn}"


def estimate_table(found: Json) -> Group:
    """The gap of all pairs and of each quadrant, for both targets, above the means of the arms."""
    table = _table(("pairs", "known", "audited", "positive", "negative", "λ pos", "λ neg", *GAP_TITLES))
    rows = {"overall": found["overall"]} | {f"quadrant {name}": one for name, one in found["quadrants"].items()}
    for name, finding in rows.items():
        table.add_row(f"{name}{'*' if _is_weak(finding) else ''}", *_cells(finding))
    title = Text(f"What the audit of run {visible(found['run'])} says, judge {_judge(found)}\n", style="italic")
    told = Text("".join(f"  – {line}\n" for line in _reasons(rows)), style="dim")
    few = _FEW if any(map(_is_weak, rows.values())) else ""
    return Group(title, table, told, *_remarks(found), _legend(_ESTIMATE_LEGEND.format(found["confidence"]) + few))


def _is_weak(finding: Json) -> bool:
    """Whether there is an interval that is too narrow."""
    return finding["weak"] and any(estimate["low"] is not None for estimate in finding["gap"].values())


_FEW = f" *: under {WEAK_BELOW_AUDITED} audited pairs in an arm, so the intervals are a little too narrow."


_ESTIMATE_LEGEND = (
    "known: overridden before the audit began. audited: drawn at random and rated. λ: how far the judge's ratings count, 0 to 1. "
    "Intervals are of {:.0%}. Gap, samples: for these samples, what people would find had they rated every pair; gap, "
    "future: for future generations, what they would find in other samples of the same concepts. Neither speaks of others."
)


def _cells(finding: Json) -> list[str]:
    arms = finding["arms"]
    positive, negative = arms["positive"], arms["negative"]
    counts = [f"{positive[name] + negative[name]:,}" for name in ("n_pairs", "n_known", "n_audited")]
    means = [_number(arm["samples"]["value"]) for arm in (positive, negative)]
    weights = [_number(arm["judge_weight"]) for arm in (positive, negative)]
    return [*counts, *means, *weights, *(_interval(finding["gap"][target]) for target in TARGET_NAMES)]


def _interval(estimate: Json) -> str:
    if estimate["low"] is None:
        return _number(estimate["value"])
    return f"{_number(estimate['value'])} [{_number(estimate['low'])}, {_number(estimate['high'])}]"


def _reasons(rows: Mapping[str, Json]) -> Iterable[str]:
    """Why a gap, or its interval, is unknown."""
    for name, finding in rows.items():
        told = {
            estimate["reason"] or estimate["method"].partition("no interval: ")[2]
            for estimate in finding["gap"].values()
        }
        yield from (f"{name}: {reason}" for reason in sorted(told) if reason)


def _remarks(found: Json) -> list[RenderableType]:
    """What else a reader has to know, and how many ratings are missing."""
    lines = []
    if found["n_drawn"] > found["n_rated"]:
        lines.append(
            f"{found['n_rated']:,} of {found['n_drawn']:,} drawn pairs are rated; within a quadrant and arm these are taken "
            "to be like the others."
        )
    if found["n_late_overrides"]:
        late = counted(found["n_late_overrides"], "pair was", "pairs were")
        lines.append(
            f"{late} overridden after the audit began: counted as not rated, for the like of them in the audit were put "
            "right before."
        )
    if found["n_undrawn_audits"]:
        lines.append(
            f"{found['n_undrawn_audits']:,} audit ratings are of pairs that no plan has drawn, and are left out."
        )
    more = found["more_ratings"]
    lines += [
        f"For ± {more['half_width']:g} ({name}): {_missing(more[target])}." for target, name in TARGET_NAMES.items()
    ]
    return [Text(line) for line in lines]


def _missing(more: Json) -> str:
    if more["n"] is None:
        return str(more["reason"])
    return f"about {more['n']:,} more ratings" if more["n"] else "no more ratings are needed"


def _table(names: Iterable[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0, header_style="bold")
    table.add_column("", no_wrap=True)
    for name in names:
        table.add_column(name, justify="right")
    return table


def _stratum_name(stratum: Json) -> str:
    quadrant = "no quadrant" if stratum["quadrant"] == "none" else f"quadrant {stratum['quadrant']}"
    return f"{quadrant}, {stratum['arm']}"


def _judge(found: Json) -> str:
    judge = found["judge"]
    caution = ", a baseline" if judge["is_baseline"] else ""
    return visible(f"{judge['backend']} ({judge['model']}{caution})")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}".replace("-0.00", "0.00").replace("-", "−")


def _legend(text: str) -> Text:
    return Text(f"\n{text}", style="dim")
