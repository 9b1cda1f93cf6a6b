"""When a reviewer looked at the overview last, what has come since, and what waits for a person."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast, get_args

from app.data import review
from app.data.browsing import ask_if_held
from app.data.memory import load_change, load_last_rating, remembered, unchanged
from app.data.review import Desk
from app.data.rows import fetch
from db import connect, insert, query, transaction
from db.rows import FormRule, VisitGapRow, VisitRow
from engine.stats.estimate import Estimate
from engine.stats.findings import Findings

STUDY: Final = "study"
PAUSE: Final = timedelta(minutes=5)
"""A look this soon after another one is not kept: charts are drawn anew with every click."""


@dataclass(frozen=True, slots=True)
class Visit:
    """How a study stood when a reviewer last saw it."""

    visit_id: str
    seen_at: datetime
    judge_id: str
    form_rule: str
    last_rating: int


@dataclass(frozen=True, slots=True)
class Gap:
    """The gap of the study or a quadrant as it was."""

    grain: str
    gap: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class News:
    """What came after a visit: ratings in force by person, and what the stages and reviewers wrote."""

    visit: Visit
    ratings: Mapping[str, int]
    gaps: tuple[Gap, ...]
    n_samples: int
    n_judgments: int
    n_lenses: int
    n_flags: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many pairs wait for a person, by what they wait for; `n_drawn` counts the audit's."""

    has_plan: bool
    n_drawn: int
    n_to_audit: int
    n_disagreed: int
    n_flagged: int
    n_spread: int
    n_unscored: int


def load_news(folder: Path, run_id: str, judge_id: str, reviewer: str) -> News | None:
    """What came since the reviewer's last visit; None where there was none."""
    with connect(folder) as cursor:
        who: dict[str, Any] = {"run_id": run_id, "reviewer": reviewer}
        found = fetch(cursor, "visits.before", Visit, **who, now=_now())
        if not found:
            return None
        visit, since = found[0], {"run_id": run_id, "last_rating": found[0].last_rating}
        ratings = dict(cursor.execute(query("visits.ratings_since"), since).fetchall())
        gaps = fetch(cursor, "visits.gaps", Gap, visit_id=visit.visit_id)
        mark = cursor.execute(query("visits.last_mark")).fetchone()

    def work() -> tuple[int, ...]:
        values = {"run_id": run_id, "judge_id": judge_id, "since": visit.seen_at}
        with connect(folder) as cursor:
            return tuple(cursor.execute(query("visits.work_since"), values).fetchone() or (0, 0, 0, 0))

    written = remembered(folder, ("written since", run_id, judge_id, visit.visit_id), work, also=mark)
    return News(visit, ratings, gaps, *written)


def keep_visit(folder: Path, run_id: str, judge_id: str, reviewer: str, findings: Findings, *, form_rule: str) -> bool:
    """Store that the reviewer saw these findings now; False where they looked just before."""
    now = _now()
    with connect(folder) as cursor:
        who = {"run_id": run_id, "reviewer": reviewer}
        (last,) = cursor.execute(query("visits.last_look"), who).fetchone() or (None,)
        if last is not None and now - last < PAUSE:
            return False
        change = load_change(folder)
    visit_id = hashlib.sha256(repr((run_id, reviewer, now)).encode()).hexdigest()[:16]
    rule = cast(FormRule, form_rule)
    row = VisitRow(visit_id, run_id, reviewer, judge_id, rule, change.last_rating, now)
    gaps = {STUDY: findings.overall.best_gap} | {q: f.best_gap for q, f in findings.quadrants.items()}
    with transaction(folder) as cursor:
        insert(cursor, [row])
        insert(cursor, [found for grain, gap in gaps.items() if (found := _gap_row(visit_id, grain, gap))])
    return True


def load_waiting(folder: Path, run_id: str, judge_id: str, reviewer: str) -> Waiting:
    """What waits for a person; of the audit, what this reviewer may be given."""
    return unchanged(
        folder, ("waiting", run_id, judge_id, reviewer), lambda: _count(folder, run_id, judge_id, reviewer)
    )


def _count(folder: Path, run_id: str, judge_id: str, reviewer: str) -> Waiting:
    def standing(queue: review.Queue) -> review.Standing:
        return review.load_standing(Desk(folder, run_id, judge_id, reviewer, queue))

    planned = review.has_plan(folder, run_id)
    audit = standing("audit") if planned else review.Standing(0, 0, 0)
    last = load_last_rating(folder)
    unsaid = ("unsaid", run_id, judge_id)
    n_unscored, n_spread = remembered(folder, unsaid, lambda: _count_unsaid(folder, run_id, judge_id), also=last)
    return Waiting(
        has_plan=planned,
        n_drawn=audit.n_all,
        n_to_audit=audit.n_left,
        n_disagreed=standing("adjudicate").n_left if last > 0 else 0,
        n_flagged=standing("flagged").n_left,
        n_spread=n_spread,
        n_unscored=n_unscored,
    )


def _count_unsaid(folder: Path, run_id: str, judge_id: str) -> tuple[int, int]:
    """Pairs that no person has rated: those without any rating of the judge, and those whose votes spread.

    Told from the pairs in memory where they are: the file takes a quarter of a second for a million.
    """
    held = ask_if_held(folder, run_id, judge_id, "samples.unsaid")
    if held is not None:
        ((n_unscored, n_spread),) = held[1]
        return n_unscored, n_spread
    values = {"run_id": run_id, "judge_id": judge_id}
    with connect(folder) as cursor:

        def number(name: str, *names: str) -> int:
            return int((cursor.execute(query(name), {n: values[n] for n in names}).fetchone() or (0,))[0])

        n_unscored = number("visits.unscored", "run_id", "judge_id")
        is_asked_again = number("visits.is_asked_again", "judge_id")
        return n_unscored, number("visits.spread", "run_id", "judge_id") if is_asked_again else 0


def _gap_row(visit_id: str, grain: str, gap: Estimate) -> VisitGapRow | None:
    if gap.value is None or grain not in _GRAINS:
        return None
    low, high = (None, None) if gap.low is None or gap.high is None else (gap.low, gap.high)
    return VisitGapRow(visit_id, grain, gap.value, low, high)  # type: ignore[arg-type]


_GRAINS: Final = get_args(VisitGapRow.__annotations__["grain"])


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
