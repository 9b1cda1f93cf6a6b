"""What a refinement or a quality filter did to each concept, from the study's comparisons: one JSON document, one table.

Refinements are summed over groups of siblings, which share their folds and are ranked against each other; filters over
concepts. What is not known on one side counts on neither.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from db import connect, query
from engine.stats.estimate import Estimate
from engine.stats.paired import compare_paired
from engine.terminal import counted, visible

Json = dict[str, Any]
Value = float | None
SEED = 0
"""Of the resamples that check an interval."""
REFINEMENT = {
    "top1": "top-1",
    "margin": "margin",
    "f1": "F1",
    "top1_kept": "top-1, kept",
}
FILTER = {"f1": "F1", "auc": "AUC"}
CHANGE = "Change: the paired mean difference, with its 95 % interval over the n of them."
LEGEND = (
    "n: groups of siblings. top-1: share of held-out positives of which a lens says more than its siblings' do. margin: its "
    f"lead over them, in log-odds. top-1, kept: with only the refinements that are kept. {CHANGE}"
)
FILTER_LEGEND = f"n: concepts. {CHANGE}"


def build_mitigation(study: Path, comparison_id: str) -> Json:
    """One comparison of the study as JSON; unknown is null with a reason."""
    with connect(study) as cursor:
        values = {"comparison_id": comparison_id}
        row = cursor.execute(query("refinement.comparison"), values).fetchone()
        assert row is not None
        results = cursor.execute(query("refinement.results"), values).fetchall()
    variant, family, layers, settings, compared_at = row
    told = json.loads(settings)
    concepts = _concepts(results)
    groups = told.get("groups")
    names = FILTER if groups is None else REFINEMENT
    kept = [one["kept"] for one in concepts.values() if one["kept"] is not None]
    return {
        "comparison": comparison_id,
        "variant": variant,
        "family": family,
        "layers": layers,
        "settings": told,
        "compared_at": compared_at.isoformat(),
        "measures": {name: asdict(compare_paired(*_sides(concepts, name, groups), seed=SEED)) for name in names},
        "n_concepts": len(concepts),
        "n_kept": sum(kept) if kept else None,
        "n_measured": sum(one["reason"] is None for one in concepts.values()),
        "rows": _rows_used(concepts),
        "reasons": _reasons(concepts),
        "concepts": concepts,
    }


def _concepts(results: Iterable[tuple[Any, ...]]) -> dict[str, Json]:
    concepts: dict[str, Json] = {}
    for concept, measure, before, after, n, kept, reason in results:
        one = concepts.setdefault(concept, {"kept": kept, "reason": None, "measures": {}})
        one["measures"][measure] = {"before": before, "after": after, "n": n}
        one["reason"] = one["reason"] or reason
    return concepts


def _sides(
    concepts: Mapping[str, Json], name: str, groups: Sequence[Sequence[str]] | None
) -> tuple[list[Value], list[Value]]:
    """Before and after of each concept, or of each group's mean over its measured concepts."""
    values = {concept: _both(one, name) for concept, one in concepts.items()}
    if groups is None:
        pairs = list(values.values())
    else:
        pairs = [_mean([values[concept] for concept in group if concept in values]) for group in groups]
    return [before for before, _ in pairs], [after for _, after in pairs]


def _both(one: Json, name: str) -> tuple[Value, Value]:
    found = one["measures"].get(name, {"before": None, "after": None})
    return found["before"], found["after"]


def _mean(pairs: Sequence[tuple[Value, Value]]) -> tuple[Value, Value]:
    known = np.array([pair for pair in pairs if None not in pair], dtype=np.float64)
    return (float(known[:, 0].mean()), float(known[:, 1].mean())) if len(known) else (None, None)


def _rows_used(concepts: Mapping[str, Json]) -> Json | None:
    """How many pairs the measured concepts have and how many a filter leaves to train on; None for what is no filter."""
    if not any("n_train" in one["measures"] for one in concepts.values()):
        return None
    counts = [one["measures"]["n_train"] for one in concepts.values() if one["reason"] is None]
    return {"all": int(sum(one["before"] for one in counts)), "kept": int(sum(one["after"] for one in counts))}


def _reasons(concepts: Mapping[str, Json]) -> dict[str, int]:
    """How many concepts each reason holds for, the commonest first."""
    counts: dict[str, int] = {}
    for one in concepts.values():
        if one["reason"]:
            counts[one["reason"]] = counts.get(one["reason"], 0) + 1
    return dict(sorted(counts.items(), key=lambda each: -each[1]))


def mitigation_table(found: Sequence[Json], *, caution: str | None = None) -> Group:
    """Comparisons for a terminal: a line a variant and measure, before, after and the paired difference."""
    is_filter = found[0]["rows"] is not None
    names = FILTER if is_filter else REFINEMENT
    first = found[0]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for title in ("filter" if is_filter else "pass", "measure"):
        table.add_column(title, no_wrap=True)
    for title in ("n", "before", "after", "change", "95 %", "rose", "fell"):
        table.add_column(title, justify="right", no_wrap=True)
    for one in found:
        for place, (name, title) in enumerate(names.items()):
            table.add_row(visible(one["variant"]) if place == 0 else "", title, *_cells(one["measures"][name]))
    where = f"{visible(first['family'])} lenses, layer {'+'.join(map(str, first['layers']))}"
    heading = Text(f"{'Quality filters' if is_filter else 'Sibling refinement'}: {where}\n", style="italic")
    legend = FILTER_LEGEND if is_filter else LEGEND
    told = Text("\n".join([legend, *(line for one in found for line in _told(one))]), style="dim")
    return Group(heading, table, Text(f"\n{caution}", style="yellow") if caution else Text(""), told)


def _cells(measure: Json) -> list[str]:
    before, after, difference = (Estimate(**measure[name]) for name in ("before", "after", "difference"))
    interval = "–" if difference.low is None else f"[{_signed(difference.low)}, {_signed(difference.high)}]"
    values = [_number(before.value), _number(after.value), _signed(difference.value), interval]
    return [str(measure["n"]), *values, str(measure["n_rose"]), str(measure["n_fell"])]


def _told(one: Json) -> Iterable[str]:
    if one["rows"] and one["rows"]["all"]:
        dropped = one["rows"]["all"] - one["rows"]["kept"]
        pairs = f"{dropped:,} of {one['rows']['all']:,} pairs of {counted(one['n_measured'], 'concept')}"
        yield f"{visible(one['variant'])}: {pairs} train no lens; all are scored."
    elif one["n_kept"] is not None:
        yield (
            f"{one['variant']}: kept for {one['n_kept']} of {one['n_measured']} concepts, where held-out ranking rises and "
            "F1 does not fall. In the last row the other folds decide for each fold, so that no pair decides what it measures."
        )
    for reason, n in one["reasons"].items():
        yield f"{visible(one['variant'])}: not for {n} of {one['n_concepts']} concepts: {visible(reason)}."


def _number(value: Value) -> str:
    return "–" if value is None else f"{value:.3f}".replace("-", "−")


def _signed(value: Value) -> str:
    return "–" if value is None else f"{value:+.3f}".replace("-", "−")
