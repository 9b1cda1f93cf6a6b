"""What the ratings of an audit license to say of a run, as one JSON document."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import duckdb

from db import connect, query
from engine.errors import AuditError
from engine.exchange.runs import find_run
from engine.stats.audit import TARGETS, find_audited
from engine.stats.audit_arm import AuditArm, AuditCell
from engine.stats.audit_mean import Target
from engine.stats.audit_plan import Stratum, StratumKey, allocate_for, arm_spreads, describe_strata
from engine.stats.findings import ARMS, Arm

Json = dict[str, Any]
WISHED_HALF_WIDTH: Final = 0.2
"""Half-width of the gap's interval for which missing ratings are told unless another is asked for."""


@dataclass(frozen=True, slots=True)
class Audited:
    """What the database knows of the audit of a run's judge: arms by stratum, and the probabilities in force."""

    run: str
    judge: Json
    arms: Mapping[StratumKey, AuditArm]
    probabilities: Mapping[StratumKey, float]
    n_undrawn_audits: int
    n_late_overrides: int

    @property
    def n_rated(self) -> int:
        """Drawn pairs that are rated."""
        return sum(arm.n_audited for arm in self.arms.values())

    @property
    def n_drawn(self) -> int:
        """Pairs that the plans in force have drawn."""
        return sum(_drawn(arm) for arm in self.arms.values())


def build_estimate(
    study: Path,
    *,
    run_id: str | None = None,
    judge_id: str | None = None,
    half_width: float = WISHED_HALF_WIDTH,
    confidence: float = 0.95,
) -> Json:
    """Estimate means and gap of a run, overall and by quadrant, and how many more ratings bring the gap to ± half_width."""
    # Borrowed for each question, so that a run which writes waits for the shortest time.
    with connect(study) as cursor:
        run = find_run(cursor, study, run_id)
    with connect(study) as cursor:
        judge = find_judge(cursor, run, judge_id)
    with connect(study) as cursor:
        audited = load_audited(cursor, run=run, judge=judge)
    quadrants = sorted({quadrant for quadrant, _ in audited.arms} - {"none"})
    overall = _finding(audited, None, confidence)
    return {
        "run": audited.run,
        "judge": audited.judge,
        "confidence": confidence,
        "n_drawn": audited.n_drawn,
        "n_rated": audited.n_rated,
        "n_known": sum(arm.n_known for arm in audited.arms.values()),
        "n_undrawn_audits": audited.n_undrawn_audits,
        "n_late_overrides": audited.n_late_overrides,
        "overall": overall,
        "quadrants": {quadrant: _finding(audited, quadrant, confidence) for quadrant in quadrants},
        "more_ratings": {"half_width": half_width}
        | {target: _more(audited, half_width, target, overall["gap"][target]) for target in TARGETS},
    }


def load_audited(cursor: duckdb.DuckDBPyConnection, *, run: str, judge: Json) -> Audited:
    """Read what the estimator needs of a run and a judge that `find_judge` has found."""
    strata = cursor.execute(query("audit.strata"), {"run_id": run, "judge_id": judge["id"]}).fetchall()
    return Audited(
        run=run,
        judge=judge,
        arms={(row[0], row[1]): _arm(row) for row in strata},
        probabilities={(row[0], row[1]): row[10] for row in strata if row[10] is not None},
        n_undrawn_audits=sum(row[11] for row in strata),
        n_late_overrides=sum(row[12] for row in strata),
    )


def _arm(row: tuple[Any, ...]) -> AuditArm:
    """An arm of one quadrant, from a row of `audit.strata`."""
    n_known, known_total, known_squares, n_rest, n_scored, judge_total, judge_squares, n_drawn = row[2:10]
    return AuditArm(
        n_known=n_known,
        known_total=float(known_total),
        known_squares=float(known_squares),
        n_rest=n_rest,
        n_scored=n_scored,
        judge_total=judge_total,
        judge_squares=judge_squares,
        n_drawn=n_drawn,
        audited=tuple(AuditCell(*cell) for cell in row[13]),
    )


def find_judge(cursor: duckdb.DuckDBPyConnection, run: str, judge_id: str | None) -> Json:
    """The judge that is asked for, by default the one that is shown first; AuditError where it has not been asked."""
    rows = cursor.execute(query("findings.judges"), {"run_id": run}).fetchall()
    found = next((row for row in rows if judge_id in (None, row[0])), None)
    if found is None:
        who = f"judge {judge_id}" if judge_id else "judge"
        raise AuditError(f"No {who} has been asked about run {run} yet.", hint="Have it judged with: lensgap judge")
    return {"id": found[0], "backend": found[1], "model": found[2], "is_baseline": found[4]}


def _finding(audited: Audited, quadrant: str | None, confidence: float) -> Json:
    """Estimates of one quadrant, or of all pairs."""
    arms: dict[Arm, AuditArm] = {
        name: AuditArm.merge(arm for key, arm in audited.arms.items() if key[1] == name and quadrant in (None, key[0]))
        for name in ARMS
    }
    found = find_audited(arms["positive"], arms["negative"], confidence=confidence)
    means = {"positive": found.positive, "negative": found.negative}
    return {
        "gap": {target: asdict(estimate) for target, estimate in found.gap.items()},
        "weak": found.weak,
        "arms": {
            name: {target: asdict(estimate) for target, estimate in means[name].items()}
            | {
                "judge_mean": arms[name].judge_mean,
                "judge_weight": found.judge_weights[name],
                "n_pairs": arms[name].n,
                "n_known": arms[name].n_known,
                "n_audited": arms[name].n_audited,
            }
            for name in ARMS
        },
    }


def _more(audited: Audited, half_width: float, target: Target, gap: Json) -> Json:
    """About how many more ratings bring the overall gap to ± half_width, drawn ones that are not rated yet among them."""
    if gap["low"] is not None and gap["high"] - gap["low"] <= 2 * half_width:
        return {"n": 0, "reason": None}
    strata = describe_strata(audited.arms, probabilities=audited.probabilities)
    found = allocate_for(strata, half_width, spreads=arm_spreads(audited.arms), target=target)
    if isinstance(found, str):
        return {"n": None, "reason": found}
    n_left = sum(stratum.n_rest for stratum in strata) - audited.n_rated
    # Chance may draw more pairs than a plan expects; those are no part of what a wider plan would add.
    n_more = round(audited.n_drawn - audited.n_rated + _added(audited, strata, found))
    return {"n": min(max(n_more, 1), n_left), "reason": None}


def _drawn(arm: AuditArm) -> int:
    return arm.n_audited if arm.n_drawn is None else arm.n_drawn


def _added(audited: Audited, strata: Sequence[Stratum], wider: Sequence[Stratum]) -> float:
    """How many pairs are drawn on average when probabilities grow so, beside those that are drawn already."""
    return sum(
        (new.n_rest - _drawn(audited.arms[new.quadrant, new.arm]))
        * (new.probability - old.probability)
        / (1 - old.probability)
        for old, new in zip(strata, wider, strict=True)
        if old.probability < 1
    )
