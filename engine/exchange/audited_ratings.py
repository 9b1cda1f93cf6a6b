"""Agreement on audited pairs alone: drawn at random and rated blind, so that it speaks for all pairs of a run."""

from collections.abc import Iterable
from dataclasses import dataclass

import duckdb

from db import query
from engine.stats.agreement import Agreement, Cell, agree
from engine.stats.findings import ARMS, Arm

AuditedRow = tuple[str, str, float, float, float, int]
"""concept, arm, first rating, second rating, probability with which the pair was drawn, number of pairs"""


@dataclass(frozen=True, slots=True)
class Draws:
    """The resamples of concepts that intervals come from."""

    seed: int = 0
    n: int = 1000


def agreement_of_judge(
    cursor: duckdb.DuckDBPyConnection, run: str, judge: str, *, draws: Draws
) -> dict[Arm, Agreement]:
    """How far a judge agrees with people in each arm; arms without an audited pair are left out."""
    values = {"run_id": run, "judge_id": judge}
    rows = cursor.execute(query("agreement.audited_with_people"), values).fetchall()
    found = agree_by_arm(rows, draws=draws)
    return {arm: agreement for arm, agreement in found.items() if agreement.n}


def agree_by_arm(rows: Iterable[AuditedRow], *, are_ordered: bool = True, draws: Draws) -> dict[Arm, Agreement]:
    """Agreement in each arm, each pair weighted by how many it stands for."""
    rows = list(rows)
    return {arm: agree_weighted([r for r in rows if r[1] == arm], are_ordered=are_ordered, draws=draws) for arm in ARMS}


def agree_weighted(rows: Iterable[AuditedRow], *, are_ordered: bool = True, draws: Draws) -> Agreement:
    """Agreement over rows of any arm, weighted by 1/π where π differs."""
    cells: list[Cell] = []
    weights = []
    for concept, _, first, second, probability, n in rows:
        cells.append((concept, first, second, n))
        weights.append(1.0 / probability)
    return agree(cells, weights=weights, are_ordered=are_ordered, seed=draws.seed, n_resamples=draws.n)
