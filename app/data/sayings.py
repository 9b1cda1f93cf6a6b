"""All that people said of pairs: what of it was taken back, and what is in force.

Views of the schema tell the same of a whole study. For a pair that takes them three times as long to plan as all its rows take to
be read, and a rating has it asked on every open screen.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from db import query


@dataclass(frozen=True, slots=True)
class Saying:
    """One entry of a pair's history; an undoing has no rating."""

    rating_id: str
    reviewer: str
    source: str
    rating: int | None
    reason: str | None
    rated_at: datetime
    undoes: str | None
    is_undone: bool

    @property
    def stands(self) -> bool:
        """Whether this is a rating that was not taken back."""
        return self.undoes is None and not self.is_undone


def read_history(cursor: duckdb.DuckDBPyConnection, run_id: str, concept: str, sample_id: str) -> tuple[Saying, ...]:
    """All that people said of a pair, oldest first."""
    return read_sayings(cursor, run_id, [sample_id]).get((concept, sample_id), ())


def read_sayings(
    cursor: duckdb.DuckDBPyConnection, run_id: str, sample_ids: Sequence[str]
) -> dict[tuple[str, str], tuple[Saying, ...]]:
    """The histories of the pairs of some samples, oldest first, by concept and sample; none of a pair that nobody rated."""
    asked = {"run_id": run_id, "sample_ids": list(sample_ids)}
    rows = cursor.execute(query("ratings.of_samples"), asked).fetchall()
    undone = _undone({rating_id: undoes for _, _, rating_id, *_, undoes in rows if undoes is not None})
    histories: dict[tuple[str, str], list[Saying]] = {}
    for concept, sample_id, rating_id, reviewer, source, rating, reason, rated_at, undoes in rows:
        saying = Saying(rating_id, reviewer, source, rating, reason, rated_at, undoes, rating_id in undone)
        histories.setdefault((concept, sample_id), []).append(saying)
    return {pair: tuple(history) for pair, history in histories.items()}


def in_force(history: Iterable[Saying]) -> dict[str, Saying]:
    """By its source, the latest rating that was not taken back."""
    return {saying.source: saying for saying in history if saying.stands}


def by_reviewer(history: Iterable[Saying], source: str) -> dict[str, Saying]:
    """The latest rating of each reviewer from a source that was not taken back, whatever others said after it."""
    return {saying.reviewer: saying for saying in history if saying.source == source and saying.stands}


def _undone(undoings: Mapping[str, str]) -> set[str]:
    """What was taken back for good, of undoings by what they undo: an undoing may itself be undone."""
    by = {undoes: rating_id for rating_id, undoes in undoings.items()}
    undone = set()
    for first in by:
        n, latest = 0, first
        while (later := by.get(latest)) is not None:
            n, latest = n + 1, later
        if n % 2:
            undone.add(first)
    return undone
