"""How far the judges of a run agree with each other and with people, as one JSON document and as a readable table.

What people said is kept apart by how they came to say it: audit ratings are of drawn pairs and speak for the run, overrides
are of pairs that somebody came across, so agreement with them tells only how such pairs are judged. Audited pairs are weighted
by 1/π where the probabilities with which they were drawn differ.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from itertools import combinations
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from db import connect
from engine.exchange.ask import Ask, asking
from engine.exchange.audited_ratings import (
    AuditedRow,
    agree_by_arm,
    agree_weighted,
    load_audited_votes,
    with_people,
)
from engine.exchange.judge_names import judge_names
from engine.exchange.runs import find_run
from engine.stats.gap import WEAK_BELOW_CONCEPTS
from engine.terminal import visible

Json = dict[str, Any]
Compared = tuple[Json, Json, list[AuditedRow]]
"""first rater, second rater, and what they gave"""

SOURCES = {
    "audit": "people (audit of drawn pairs)",
    "override": "people (overrides of pairs they came across, no fair sample)",
}


def build_agreement(study: Path, *, run_id: str | None = None, ask: Ask | None = None) -> Json:
    """Agreement of every two judges of a run (the newest with samples by default) and of each judge with people.

    Where there is nothing to compare, `reason` says what to do. StudyMissing when the study holds no such run.
    """
    with connect(study) as cursor:
        run = find_run(cursor, study, run_id)
        ask = ask or asking(cursor)
        judges = load_judges(ask, run)
        compared = [*_between_judges(ask, run, judges), *_with_people(ask, run, judges)]
    return {
        "run": run,
        "judges": judges,
        "comparisons": [{"first": first, "second": second} | _agreements(rows) for first, second, rows in compared],
        "reason": None if compared else _why_nothing(judges),
    }


def load_judges(ask: Ask, run: str) -> list[Json]:
    """The judges of a run, the one that is shown first before the others."""
    return [_judge(row) for row in ask("findings.judges", {"run_id": run})]


def _judge(row: tuple[Any, ...]) -> Json:
    names = (
        "id",
        "backend",
        "model",
        "rubric",
        "is_baseline",
        "n_votes",
        "cost_usd",
        "n_rated",
        "rubric_hash",
        "parameters",
    )
    return {"kind": "judge"} | dict(zip(names, row, strict=True))


def _between_judges(ask: Ask, run: str, judges: list[Json]) -> list[Compared]:
    return [
        (a, b, _evenly(ask("agreement.between_judges", {"run_id": run, "first": a["id"], "second": b["id"]})))
        for a, b in combinations(judges, 2)
    ]


def _with_people(ask: Ask, run: str, judges: list[Json]) -> list[Compared]:
    """One comparison for a judge and each source that has rated a pair which the judge rated too."""
    audited = load_audited_votes(ask, run)
    overridden: dict[str, list[tuple[Any, ...]]] = {}
    for concept, judge_id, *row in ask("agreement.with_overrides", {"run_id": run, "concept": None}):
        overridden.setdefault(judge_id, []).append((concept, *row))
    compared = []
    for judge in judges:
        rows = {
            "audit": with_people(audited.get(judge["id"], [])),
            "override": _evenly(overridden.get(judge["id"], [])),
        }
        compared += [(judge, {"kind": "people", "source": source}, cells) for source, cells in rows.items() if cells]
    return compared


def _evenly(rows: Iterable[tuple[Any, ...]]) -> list[AuditedRow]:
    """Rows of pairs that nobody drew: each counts once."""
    return [(concept, arm, first, second, 1.0, n) for concept, arm, first, second, n in rows]


def _agreements(rows: list[AuditedRow]) -> Json:
    """Agreement in each arm and over both."""
    arms = agree_by_arm(rows)
    return {
        "arms": {arm: asdict(found) for arm, found in arms.items()},
        "overall": asdict(agree_weighted(rows)),
    }


def _why_nothing(judges: list[Json]) -> str:
    if not judges:
        return "No judge has rated anything in this run yet. Have one do it with: lensgap judge"
    return (
        "One judge alone has rated this run, and no person. Ask a second one with: lensgap judge --judge …, or rate samples "
        "in the dashboard with: lensgap serve"
    )


COLUMNS = {
    "kappa": "kappa",
    "alpha": "alpha",
    "spearman": "Spearman",
    "within_one": "within 1",
    "bias": "bias",
}


def agreement_table(found: Json) -> Group:
    """Agreement for a terminal: a block a comparison, a line an arm, each value above its interval."""
    title = Text(f"Agreement of ratings in run {visible(found['run'])}\n", style="italic")
    if found["reason"]:
        return Group(title, Text(found["reason"], style="dim"))
    blocks: list[RenderableType] = [title]
    names = judge_names(found["judges"])
    for comparison in found["comparisons"]:
        blocks += _block(comparison, names)
    return Group(*blocks, _legend(found))


def _block(comparison: Json, names: Mapping[str, str]) -> list[RenderableType]:
    raters = f"first:  {_name(comparison['first'], names)}\nsecond: {_name(comparison['second'], names)}"
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0, header_style="bold")
    table.add_column("", min_width=9)
    table.add_column("pairs", justify="right", no_wrap=True, min_width=6)
    for name in COLUMNS.values():
        table.add_column(name, justify="right", no_wrap=True, min_width=11)
    rows = [*comparison["arms"].items(), ("overall", comparison["overall"])]
    for arm, agreement in rows:
        mark = "*" if agreement["weak"] and agreement["n"] else ""
        table.add_row(f"{arm}{mark}", f"{agreement['n']:,}", *(_cell(agreement[name]) for name in COLUMNS))
    told = Text("".join(f"  – {line}\n" for line in _reasons(rows)), style="dim")
    return [Text(raters, style="bold"), table, told]


def _reasons(rows: Iterable[tuple[str, Json]]) -> list[str]:
    """Why values or their intervals are unknown, each reason once with the arms and measures that it holds for."""
    arms: dict[str, dict[str, None]] = {}
    measures: dict[str, dict[str, None]] = {}
    for arm, agreement in rows:
        for name, title in COLUMNS.items():
            if reason := _reason(agreement[name]):
                arms.setdefault(reason, {})[arm] = None
                measures.setdefault(reason, {})[title] = None
    return [f"{', '.join(names)} ({', '.join(measures[reason])}): {reason}" for reason, names in arms.items()]


def _reason(estimate: Json) -> str | None:
    """Why there is no value, or no interval; None where there are both."""
    without = estimate["method"].partition("; ")[2]
    return estimate["reason"] or without or None


def _name(rater: Json, names: Mapping[str, str]) -> str:
    if rater["kind"] == "people":
        return SOURCES[rater["source"]]
    return f"{visible(rater['id'])} {names[rater['id']]}"


def _cell(estimate: Json) -> str:
    if estimate["value"] is None:
        return "–"
    interval = (
        "\nno interval" if estimate["low"] is None else f"\n{_number(estimate['low'])}…{_number(estimate['high'])}"
    )
    return f"{_number(estimate['value'])}{interval}"


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-0.00", "0.00").replace("-", "−")


def _legend(found: Json) -> Text:
    agreements = [a for c in found["comparisons"] for a in (*c["arms"].values(), c["overall"])]
    weak = any(agreement["weak"] and agreement["n"] for agreement in agreements)
    few = f" *: under {WEAK_BELOW_CONCEPTS} concepts, which hardly show how unlike concepts are." if weak else ""
    return Text(
        "kappa: quadratic weights. alpha: Krippendorff's, ordinal. within 1: share of pairs at most one rating apart. "
        "bias: mean of first minus second. Spearman and bias are of ratings as given, the others of whole ones. Below each its "
        "95 % interval, Student's t over concepts. Read the arms: taken together they tend to look more alike, because the arms "
        f"differ, which inflates them. Audited pairs are weighted by 1/π where they were drawn with different π.{few}",
        style="dim",
    )
