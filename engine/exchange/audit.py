"""What the ratings of an audit license to say of a run, as one JSON document."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple

import duckdb

from db import connect, query
from engine.errors import AuditError
from engine.exchange.ask import Ask, asking
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
    ask: Ask | None = None,
) -> Json:
    """Estimate means and gap of a run, overall and by quadrant, and how many more ratings bring the gap to ± half_width.

    `ask` answers in place of the study's file (see `engine.exchange.ask`).
    """
    # Borrowed for each question, so that a run which writes waits for the shortest time.
    with connect(study) as cursor:
        run = find_run(cursor, study, run_id)
    with connect(study) as cursor:
        judge = find_judge(cursor, run, judge_id)
    if ask is None:
        with connect(study) as cursor:
            audited = load_audited(asking(cursor), run=run, judge=judge)
    else:
        audited = load_audited(ask, run=run, judge=judge)
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


def load_audited(ask: Ask, *, run: str, judge: Json) -> Audited:
    """Read what the estimator needs of a run and a judge that `find_judge` has found."""
    strata: dict[StratumKey, list[tuple[Any, ...]]] = {}
    for _, quadrant, arm, *counts in ask("audit.strata", {"run_id": run, "judge_id": judge["id"], "concept": None}):
        strata.setdefault((quadrant, arm), []).append(tuple(counts))
    together = {key: _together(rows) for key, rows in sorted(strata.items(), key=_in_order)}
    return Audited(
        run=run,
        judge=judge,
        arms={key: one.arm for key, one in together.items()},
        probabilities={key: one.probability for key, one in together.items() if one.probability is not None},
        n_undrawn_audits=sum(one.n_undrawn_audits for one in together.values()),
        n_late_overrides=sum(one.n_late_overrides for one in together.values()),
    )


_Alike = tuple[float | None, float, float | None]
"""What audited pairs have in common: ratings of the judge and of people, and probability."""


class _Stratum(NamedTuple):
    """An arm of one quadrant, its probability in force, and ratings that the estimate has no use for."""

    arm: AuditArm
    probability: float | None
    n_undrawn_audits: int
    n_late_overrides: int


def _in_order(stratum: tuple[StratumKey, Any]) -> tuple[str, int]:
    """Quadrants in turn, their positives first."""
    (quadrant, arm), _ = stratum
    return quadrant, ARMS.index(arm)


def _together(rows: Sequence[tuple[Any, ...]]) -> _Stratum:
    """A stratum from the rows of its concepts (`audit.strata` from `n_known` on); their order decides nothing."""
    *counts, drawn, probabilities, undrawn, late, cells = zip(*rows, strict=True)
    n_known, known_total, known_squares, n_rest, n_scored, judge_total, judge_squares = map(math.fsum, counts)
    n_drawn = [n for n in drawn if n is not None]
    alike = Counter[_Alike]()
    for judge, human, probability, n in chain.from_iterable(cells):
        alike[judge, human, probability] += n
    return _Stratum(
        AuditArm(
            n_known=int(n_known),
            known_total=known_total,
            known_squares=known_squares,
            n_rest=int(n_rest),
            n_scored=int(n_scored),
            judge_total=round(judge_total, 9),
            judge_squares=round(judge_squares, 9),
            n_drawn=sum(n_drawn) if n_drawn else None,
            audited=tuple(AuditCell(*cell, n) for cell, n in sorted(alike.items(), key=_of_cell)),
        ),
        max((one for one in probabilities if one is not None), default=None),
        sum(undrawn),
        sum(late),
    )


def _of_cell(cell: tuple[_Alike, int]) -> tuple[Any, ...]:
    (judge, human, probability), _ = cell
    return judge is None, judge or 0.0, human, probability is None, probability or 0.0


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
