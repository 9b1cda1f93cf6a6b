"""Agreement on audited pairs and drift, for a terminal of eighty columns: a block for each two raters, a line a measure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from engine.exchange.judge_names import judge_names
from engine.stats.findings import ARMS
from engine.stats.gap import WEAK_BELOW_CONCEPTS
from engine.terminal import visible

Json = dict[str, Any]
MEASURES = {
    "kappa": "kappa",
    "alpha": "alpha",
    "spearman": "Spearman",
    "exact": "equal",
    "within_one": "within 1",
    "bias": "bias",
}
_POOLED = "inflated_by_pooling_arms"


def audit_agreement_table(found: Json) -> Group:
    """Agreement of each two raters in each arm, above what is told of drift."""
    title = Text(f"Agreement on audited pairs of run {visible(found['run'])}", style="italic")
    if found["reason"]:
        return Group(title, Text(f"\n{found['reason']}", style="dim"))
    names = judge_names(found["judges"])
    blocks: list[RenderableType] = [title]
    for comparison in found["comparisons"]:
        blocks += _comparison(comparison, names)
    for drift in found["drift"]:
        blocks += _drift(drift, names)
    for rubric in found["rubrics"]:
        blocks += _rubric(rubric)
    return Group(*blocks, _legend(found))


def _comparison(comparison: Json, names: Mapping[str, str]) -> Iterable[RenderableType]:
    raters = f"first:  {_name(comparison['first'], names)}\nsecond: {_name(comparison['second'], names)}"
    columns = comparison["arms"] | {"both, inflated": comparison[_POOLED]}
    yield Text(f"\n{raters}", style="bold")
    table = _table(("", *(f"{name}{_mark(one)}" for name, one in columns.items())))
    table.add_row("pairs", *(_pairs(one) for one in columns.values()))
    for measure, title in MEASURES.items():
        table.add_row(title, *(_interval(one[measure]) for one in columns.values()))
    yield table
    yield from (Text(f"  – {line}", style="dim") for line in _reasons(columns))
    counted = {arm: comparison["arms"][arm]["counts"] for arm in ARMS if comparison["arms"][arm]["n"]}
    yield Columns([_confusion(arm, counts) for arm, counts in counted.items()], padding=(0, 6))


def _confusion(arm: str, counts: Sequence[Sequence[int]]) -> Table:
    """How many pairs have which two ratings: a row a rating of the first, a column one of the second."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1), header_style="bold", title=arm)
    table.add_column("")
    for rating in range(1, 6):
        table.add_column(str(rating), justify="right")
    for rating, row in enumerate(counts, start=1):
        table.add_row(str(rating), *(f"{count:,}" if count else "·" for count in row))
    return table


def _drift(drift: Json, names: Mapping[str, str]) -> Iterable[RenderableType]:
    yield Text(f"\nDrift of {visible(drift['judge'])} {names[drift['judge']]}", style="bold")
    for axis, title in (("judged", "by when it judged"), ("rated", "by when people rated")):
        trends = drift[axis]
        yield Text("\n".join([f"{title}:", *(f"  {trend['sentence']}" for trend in trends["trends"])]))
        if trends["batches"]:
            yield _parts((batch["label"], batch["arms"]) for batch in trends["batches"])


def _rubric(rubric: Json) -> Iterable[RenderableType]:
    who = visible(f"{rubric['backend']}:{rubric['model']}")
    yield Text(f"\nVersions of the rubric of {who}, {rubric['n_pairs']:,} pairs rated with all", style="bold")
    yield Text("\n".join(f"  {trend['sentence']}" for trend in rubric["trends"]))
    yield _parts((visible(f"{one['rubric']} {one['rubric_hash'][:8]}"), one["arms"]) for one in rubric["versions"])


def _parts(parts: Iterable[tuple[str, Json]]) -> Table:
    """Pairs, bias and share within one step of each part in each arm."""
    table = _table(("", *(f"{arm[:3]} {name}" for arm in ARMS for name in ("n", "bias", "±1"))))
    for label, arms in parts:
        cells = [[f"{arms[arm]['n']:,}", _value(arms[arm]["bias"]), _value(arms[arm]["within_one"])] for arm in ARMS]
        table.add_row(label, *(cell for arm in cells for cell in arm))
    return table


def _table(columns: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1), header_style="bold")
    for place, name in enumerate(columns):
        table.add_column(name, justify="right" if place else "left", no_wrap=True)
    return table


def _name(rater: Json, names: Mapping[str, str]) -> str:
    if rater["kind"] == "judge":
        return f"{visible(rater['id'])} {names[rater['id']]}"
    return visible(rater["name"]) if rater["kind"] == "person" else str(rater["kind"])


def _mark(agreement: Json) -> str:
    return "*" if agreement["weak"] and agreement["n"] else ""


def _pairs(agreement: Json) -> str:
    n, effective = agreement["n"], agreement["n_effective"]
    return f"{n:,} (as {effective:,.0f})" if n - effective >= 0.5 else f"{n:,}"


def _reasons(columns: Mapping[str, Json]) -> list[str]:
    """Why values or intervals are unknown, each reason once with the columns and measures that it holds for."""
    told: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
    for name, agreement in columns.items():
        for measure, title in MEASURES.items():
            estimate = agreement[measure]
            if reason := estimate["reason"] or estimate["method"].partition("no interval: ")[2]:
                where, which = told.setdefault(reason, ({}, {}))
                where[name.partition(",")[0]] = which[title] = None
    return [f"{', '.join(where)} ({', '.join(which)}): {reason}" for reason, (where, which) in told.items()]


def _interval(estimate: Json) -> str:
    if estimate["low"] is None:
        return _value(estimate)
    return f"{_value(estimate)} [{_number(estimate['low'])}, {_number(estimate['high'])}]"


def _value(estimate: Json) -> str:
    return "–" if estimate["value"] is None else _number(estimate["value"])


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-0.00", "0.00").replace("-", "−")


def _legend(found: Json) -> Text:
    shown = [one for c in found["comparisons"] for one in (*c["arms"].values(), c[_POOLED])]
    few = (
        f" *: under {WEAK_BELOW_CONCEPTS} concepts, which hardly show how unlike concepts are."
        if any(map(_mark, shown))
        else ""
    )
    weighted = (
        "Pairs were drawn with different probabilities π and are weighted by 1/π; (as n): equal ones that would tell as much. "
        if found["is_weighted"]
        else "All pairs were drawn with one probability and count alike. "
    )
    return Text(
        f"\nOnly drawn pairs that somebody rated blind; overrides count nowhere. {weighted}kappa: quadratic weights. "
        "alpha: Krippendorff's, ordinal. equal, within 1 (±1): share of pairs. bias: mean of first minus second. Counts: a row "
        "a rating of the first, a column one of the second. 95 % intervals: Student's t over concepts. Both arms together "
        "look more alike than either, since the arms differ: read the arms. Drift: difference from the first to the last "
        f"pair within the arms, concepts left out one by one; p for bias and distance adjusted together.{few}",
        style="dim",
    )
