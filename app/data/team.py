"""Who reviews a run: what each person did, what lies before them, how far they agree, and when they worked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import pyarrow

from app.data.memory import load_last_rating, remembered
from app.data.rated import asker, load_n_plans
from app.data.review import load_disagreed
from app.data.rows import read
from db import connect, query
from engine.exchange.audited_ratings import AuditedRow, agree_weighted
from engine.stats.agreement import Agreement

LATEST: Final = 50
FEW_PAIRS: Final = 20
"""Below so many common pairs two people's agreement is marked weak."""
Key = tuple[str, str]
"""Concept and sample."""


@dataclass(frozen=True, slots=True)
class Reviewer:
    """What one person did in a run; counts are of ratings in force but `n_undone`, times are UTC."""

    reviewer: str
    last_seen: datetime
    n_audit: int
    n_override: int
    n_blind: int
    n_undone: int
    n_flags: int
    n_skips: int
    n_leased: int
    leased_until: datetime | None


@dataclass(frozen=True, slots=True)
class Day:
    """Ratings that a reviewer gave on a day."""

    day: datetime
    reviewer: str
    n: int


@dataclass(frozen=True, slots=True)
class Between:
    """How far people agree on audited pairs that both rated; both names are None where any two are taken together."""

    first: str | None
    second: str | None
    found: Agreement

    @property
    def weak(self) -> bool:
        """Whether it rests on too few pairs or concepts to be told from luck."""
        return self.found.weak or self.found.n < FEW_PAIRS


@dataclass(frozen=True, slots=True)
class Both:
    """A drawn pair with the ratings that two people gave it."""

    concept: str
    sample_id: str
    arm: str
    first_rating: int
    second_rating: int
    excerpt: str


@dataclass(frozen=True, slots=True)
class _Time:
    reviewer: str
    rated_at: datetime


def load_reviewers(folder: Path, run_id: str) -> tuple[Reviewer, ...]:
    """Everybody who did anything in a run, who rated most first."""
    now = datetime.now(UTC).replace(tzinfo=None)
    return read(folder, "team.reviewers", Reviewer, run_id=run_id, now=now)


def load_times(folder: Path, run_id: str) -> Mapping[str, Sequence[datetime]]:
    """When each reviewer gave their latest ratings."""

    def latest() -> dict[str, list[datetime]]:
        times: dict[str, list[datetime]] = {}
        for one in read(folder, "team.rating_times", _Time, run_id=run_id, n_rows=LATEST):
            times.setdefault(one.reviewer, []).append(one.rated_at)
        return times

    return remembered(folder, ("rating times", run_id), latest, also=load_last_rating(folder), of=())


def load_activity(folder: Path, run_id: str) -> tuple[Day, ...]:
    """Ratings a day and reviewer, oldest first."""

    def days() -> tuple[Day, ...]:
        return read(folder, "team.activity", Day, run_id=run_id)

    return remembered(folder, ("activity", run_id), days, also=load_last_rating(folder), of=())


def load_between(folder: Path, run_id: str) -> tuple[Between, ...]:
    """Agreement of every two people on pairs that both audited, of any two first where there are several."""
    if not _is_audited_twice(folder, run_id):
        return ()
    rows = asker(folder)("agreement.audited_between_people", {"run_id": run_id, "concept": None})
    return _between(tuple(rows))


def _is_audited_twice(folder: Path, run_id: str) -> bool:
    """Whether two people audited the same pair: else there is nothing to compare, which is told at once."""

    def found() -> bool:
        with connect(folder) as cursor:
            return cursor.execute(query("team.audited_twice"), {"run_id": run_id}).fetchone() is not None

    return remembered(folder, ("audited twice", run_id), found, also=load_last_rating(folder), of=())


def load_both(folder: Path, run_id: str, first: str, second: str) -> tuple[Both, ...]:
    """Drawn pairs that these two rated, widest apart first."""
    made = ("rated by both", run_id, first, second, load_n_plans(folder, run_id))

    def rated() -> tuple[Both, ...]:
        return read(folder, "team.both_rated", Both, run_id=run_id, first=first, second=second)

    both = remembered(folder, made, rated, also=load_last_rating(folder))
    known = frozenset(asker(folder)("review.known", {"run_id": run_id, "concept": None}))
    return tuple(one for one in both if (one.concept, one.sample_id) not in known)


def load_to_rate_blind(folder: Path, run_id: str, reviewer: str) -> frozenset[Key]:
    """Pairs that lie before a reviewer now and that they have not rated: what others said of them is none of theirs yet."""
    now = datetime.now(UTC).replace(tzinfo=None)
    with connect(folder) as cursor:
        asked = {"run_id": run_id, "reviewer": reviewer, "now": now}
        return frozenset(cursor.execute(query("team.to_rate_blind"), asked).fetchall())


def load_unsettled(folder: Path, run_id: str, judge_id: str, reviewer: str) -> frozenset[Key]:
    """Disagreements that the reviewer may be asked to settle, blind, and has not rated."""
    unsettled = frozenset(load_disagreed(folder, run_id, judge_id))
    with connect(folder) as cursor:
        own = cursor.execute(query("team.rated_by"), {"run_id": run_id, "reviewer": reviewer}).fetchall()
    return unsettled - frozenset(own)


def load_ratings(folder: Path, run_id: str) -> pyarrow.Table:
    """Every rating of a run, those that were taken back marked, in the order in which they were given."""
    with connect(folder) as cursor:
        return cursor.sql(query("team.ratings"), params={"run_id": run_id}).to_arrow_table()


@lru_cache(maxsize=8)
def _between(rows: tuple[tuple[Any, ...], ...]) -> tuple[Between, ...]:
    by_two: dict[tuple[str, str], list[AuditedRow]] = {}
    for concept, arm, first, second, *rest in rows:
        by_two.setdefault((first, second), []).append((concept, arm, *rest))
    every = [row for two in by_two.values() for row in two]
    together = [Between(None, None, _agree(every, are_ordered=False))] if len(by_two) > 1 else []
    each = [Between(*two, _agree(own, are_ordered=True)) for two, own in by_two.items()]
    return (*together, *sorted(each, key=lambda one: -one.found.n))


def _agree(rows: Sequence[AuditedRow], *, are_ordered: bool) -> Agreement:
    return agree_weighted(rows, are_ordered=are_ordered)
