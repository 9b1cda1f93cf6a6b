"""What became of the concepts of a run by one rule, as JSON and as a table."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from db import connect, query
from engine.lenses.graduation import Measured, Rule, is_held_back
from engine.stats.estimate import Estimate

Json = dict[str, Any]
STOPS = ("ceiling", "exhausted", "budget", "more")
_MEANING = {
    "ceiling": "the upper bound of the ceiling is below every tier",
    "exhausted": "no pairs are left to give",
    "budget": "all texts that the settings allow are used",
    "more": "take the next step",
}


def build_graduation(
    study: Path, run_id: str, rule_hash: str, *, rule: Rule | None = None, sources: Mapping[str, str] | None = None
) -> Json:
    """Every step of every concept by that rule, and how many concepts stopped at each step for which reason.

    With the `rule` itself it counts whom the train gap alone held back; `sources` say where each target is from.
    """
    with connect(study) as cursor:
        cursor.execute(query("graduation.measured_steps"), {"run_id": run_id, "rule_hash": rule_hash})
        names = [column[0] for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    for row in rows:
        row["is_held_back_by_train_gap"] = _is_held_back(row, rule) if rule else None
        row["target_from"] = (sources or {}).get(row["concept"])
    last = {row["concept"]: row for row in rows}
    return {
        "run": run_id,
        "rule": rule_hash,
        "n_concepts": len(last),
        "n_graduated": sum(row["decision"] == "graduated" for row in last.values()),
        "train_gap": rule.train_gap if rule else None,
        "n_held_back_by_train_gap": _n_held_back(last.values()) if rule else None,
        "steps": [_step(step, rows) for step in sorted({row["step"] for row in rows})],
        "concepts": list(last.values()),
        "taken": rows,
    }


def graduation_table(found: Json) -> Group:
    """How many concepts graduated at which tier at which step, and why the others stopped."""
    tiers = sorted({tier for step in found["steps"] for tier in step["graduated"]}, reverse=True)
    stops = [stop for stop in STOPS if any(step[stop] for step in found["steps"])]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0, header_style="bold")
    table.add_column("step")
    for name in ("concepts", "pairs", *(f"at {tier}" for tier in tiers), *stops):
        table.add_column(name, justify="right", no_wrap=True)
    for step in found["steps"]:
        graduated = [_count(step["graduated"].get(tier, 0)) for tier in tiers]
        others = [_count(step[stop]) for stop in stops]
        table.add_row(str(step["step"] + 1), f"{step['n_concepts']:,}", step["pairs"], *graduated, *others)
    title = Text(f"{found['n_graduated']:,} of {found['n_concepts']:,} concepts graduated{_held_back(found)}\n")
    title.stylize("italic")
    legend = ["\npairs: of a concept, both arms. at: graduated at that F1.", *(f"{x}: {_MEANING[x]}." for x in stops)]
    return Group(title, table, Text(" ".join(legend), style="dim"))


def _is_held_back(row: Json, rule: Rule) -> bool:
    """Whether the concept did not graduate because its F1 on training pairs is too much higher, and for nothing else."""
    if row["decision"] in ("graduated", "ceiling") or row["f1"] is None:
        return False
    f1 = Estimate(row["f1"], row["low"], row["high"], 0, None, "stored")
    return is_held_back(row["target"], Measured(f1, row["train_f1"], row["always_positive_f1"]), rule)


def _n_held_back(rows: Iterable[Json]) -> int:
    return sum(row["is_held_back_by_train_gap"] for row in rows)


def _held_back(found: Json) -> str:
    n = found["n_held_back_by_train_gap"]
    if not n:
        return ""
    allowed = f"--train-gap {found['train_gap']:.2f}"
    return f"; {n:,} with F1 enough did not, for it is higher on training pairs by more than {allowed}"


def _step(step: int, rows: list[Json]) -> Json:
    here = [row for row in rows if row["step"] == step]
    pairs = sorted({row["n_pairs"] for row in here})
    counted = Counter(row["decision"] for row in here)
    graduated = Counter(f"{row['reached']:.2f}" for row in here if row["reached"] is not None)
    return {
        "step": step,
        "n_concepts": len(here),
        "pairs": f"{pairs[0]}" if len(pairs) == 1 else f"{pairs[0]}–{pairs[-1]}",
        "graduated": dict(sorted(graduated.items(), reverse=True)),
        **{stop: counted[stop] for stop in STOPS},
    }


def _count(n: int) -> str:
    return f"{n:,}" if n else ""
