"""Plans which pairs of a run people rate blind, to audit its judge.

A plan is stored, for the probability with which a pair was drawn is part of what its rating means. Reading, planning and storing
happen in one transaction, so that two plans at once do not both start from the same state.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import duckdb

from db import connect, insert, query, transaction
from db.rows import AuditPlanRow, AuditStratumRow
from db.rows import Stratum as StratumName
from engine.errors import AuditError
from engine.exchange.ask import asking
from engine.exchange.audit import Audited, find_judge, load_audited
from engine.exchange.runs import find_run
from engine.stats.audit import TARGETS
from engine.stats.audit_mean import Target
from engine.stats.audit_plan import (
    FLOOR,
    Stratum,
    allocate,
    allocate_for,
    arm_spreads,
    describe_strata,
    expected_half_width,
    expected_ratings,
)
from engine.stats.findings import Arm
from engine.terminal import counted

Json = dict[str, Any]
WIDEST = 4.0
"""Between the lowest and the highest mean of an arm."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What an audit is to reach: so many ratings in all, or so narrow an interval of the gap; exactly one of them."""

    n_ratings: int | None = None
    half_width: float | None = None
    target: Target = "samples"
    floor: float = FLOOR

    def __post_init__(self) -> None:
        if (self.n_ratings is None) == (self.half_width is None):
            raise AuditError("Plan an audit by number of ratings or by half-width of the interval, not by both.")
        if not FLOOR <= self.floor <= 1:
            raise AuditError(
                f"Every pair is drawn with a probability of {FLOOR} to 1, so the floor cannot be {self.floor:g}."
            )
        if (self.n_ratings or self.half_width or 0) <= 0:
            raise AuditError("The number of ratings, or the half-width, must be above 0.")
        if self.half_width is not None and not self.half_width < WIDEST:
            raise AuditError(
                f"Gaps lie within ± {WIDEST:g}, so a half-width of {self.half_width:g} says nothing of one."
            )


def build_plan(
    study: Path, wish: Wish | None, *, run_id: str | None = None, judge_id: str | None = None, store: bool = True
) -> Json:
    """Plan an audit and store it; without a wish, tell the plan in force.

    AuditError where there is nothing to plan, or the wish cannot be had; StudyMissing when the study holds no such run.
    """
    writes = wish is not None and store
    opened: AbstractContextManager[duckdb.DuckDBPyConnection] = transaction(study) if writes else connect(study)
    with opened as cursor:
        run = find_run(cursor, study, run_id)
        audited = load_audited(asking(cursor), run=run, judge=find_judge(cursor, run, judge_id))
        strata, spreads = describe_strata(audited.arms, probabilities=audited.probabilities), arm_spreads(audited.arms)
        if wish is not None:
            strata = _wished(strata, wish, spreads)
            if writes:
                _store(cursor, audited, wish, strata)
                audited = load_audited(asking(cursor), run=run, judge=audited.judge)
        elif not audited.probabilities:
            raise AuditError("No audit of this run is planned yet.", hint="Plan one with --ratings or --half-width.")
        to_rate = cursor.execute(query("audit.to_rate"), {"run_id": audited.run}).fetchall()
    return {
        "run": audited.run,
        "judge": audited.judge,
        "stored": writes or wish is None,
        "n_ratings_expected": round(expected_ratings(strata), 1),
        "n_drawn": audited.n_drawn,
        "n_rated": audited.n_rated,
        "half_width_expected": {
            target: expected_half_width(strata, spreads=spreads, target=target) for target in TARGETS
        },
        "strata": [_stratum(stratum, audited) for stratum in strata],
        "to_rate": [
            {"concept": concept, "sample_id": sample_id, "inclusion_probability": probability}
            for concept, sample_id, probability in to_rate
        ],
    }


def _wished(strata: Sequence[Stratum], wish: Wish, spreads: Mapping[Arm, float]) -> list[Stratum]:
    """The strata with the probabilities that the wish asks for."""
    if not any(stratum.n_rest for stratum in strata):
        raise AuditError("There are no pairs to audit: the run has no outputs, or people have overridden all of them.")
    least = expected_ratings(allocate(strata, 0, floor=wish.floor))
    if wish.n_ratings is not None:
        n_rest = sum(stratum.n_rest for stratum in strata)
        if wish.n_ratings < least - 0.5:
            raise AuditError(
                f"An audit of this run takes at least {least:,.0f} ratings, since none of its {n_rest:,} pairs is drawn with a "
                f"probability below {wish.floor:g}, nor below that of an earlier plan.",
                hint=f"Use --ratings {least:.0f} or more.",
            )
        if wish.n_ratings > n_rest:
            raise AuditError(
                f"The run has {counted(n_rest, 'pair')} to audit, so {wish.n_ratings:,} ratings are not possible.",
                hint=f"Use --ratings {n_rest} to have all of them rated.",
            )
        return allocate(strata, wish.n_ratings, floor=wish.floor)
    found = allocate_for(strata, wish.half_width or 0.0, spreads=spreads, target=wish.target, floor=wish.floor)
    if isinstance(found, str):
        raise AuditError(f"No audit brings the gap to ± {wish.half_width:g}: {found}.")
    return found


def _store(cursor: duckdb.DuckDBPyConnection, audited: Audited, wish: Wish, strata: Sequence[Stratum]) -> None:
    """Write the plan down; one of the same probabilities for the same judge is there already."""
    drawn = [stratum for stratum in strata if stratum.probability]
    decided = [(stratum.quadrant, stratum.arm, stratum.probability) for stratum in drawn]
    content = json.dumps([audited.run, audited.judge["id"], decided])
    plan_id = hashlib.sha256(content.encode()).hexdigest()[:16]
    now = datetime.now(UTC).replace(tzinfo=None)
    plan = AuditPlanRow(plan_id, audited.run, audited.judge["id"], wish.n_ratings, wish.half_width, wish.target, now)
    insert(cursor, [plan])
    insert(
        cursor,
        [
            AuditStratumRow(plan_id, cast(StratumName, s.quadrant), s.arm, s.probability, s.variance, s.learnt_from)
            for s in drawn
        ],
    )


def _stratum(stratum: Stratum, audited: Audited) -> Json:
    arm = audited.arms[stratum.quadrant, stratum.arm]
    return {
        "quadrant": stratum.quadrant,
        "arm": stratum.arm,
        "n_pairs": stratum.n,
        "n_known": stratum.n_known,
        "inclusion_probability": stratum.probability,
        "n_ratings_expected": round(stratum.n_rest * stratum.probability, 1),
        "n_drawn": arm.n_drawn,
        "n_rated": arm.n_audited,
        "residual_deviation": stratum.variance**0.5,
        "learnt_from": stratum.learnt_from,
    }
