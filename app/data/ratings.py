"""What people say of samples. A rating is stored at once, under an id made when the sample was shown, so that a callback
that fires twice adds one row; an undoing is a row too."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from app.data.browsing import ask_if_held
from app.data.memory import load_last_rating, remembered
from app.data.rated import asker
from app.data.rows import fetch, read
from db import connect, insert, query, transaction
from db.rows import RatingRow, RatingSource


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


@dataclass(frozen=True, slots=True)
class Correction:
    """A pair whose verdict is an override; `judge_bin` is the rating that would stand without it."""

    concept: str
    sample_id: str
    arm: str
    quadrant: str | None
    override_rating: int
    reviewer: str
    reason: str | None
    rated_at: datetime
    judge_bin: int | None
    excerpt: str


@dataclass(frozen=True, slots=True)
class Moved:
    """By how much overrides move the counts of an arm and form of a concept: five counts, and what sums lie off their bins."""

    concept: str
    arm: str
    form: str | None
    n_1: int
    n_2: int
    n_3: int
    n_4: int
    n_5: int
    off_total: float
    off_squares: float

    @property
    def counts(self) -> tuple[int, int, int, int, int]:
        """Of the ratings 1 to 5."""
        return self.n_1, self.n_2, self.n_3, self.n_4, self.n_5


@dataclass(frozen=True, slots=True)
class _InForce:
    rating_id: str
    reviewer: str


def load_history(folder: Path, run_id: str, *, concept: str, sample_id: str) -> tuple[Saying, ...]:
    """All that people said of a pair, oldest first."""
    return read(folder, "ratings.history", Saying, run_id=run_id, concept=concept, sample_id=sample_id)


def load_corrections(folder: Path, run_id: str, judge_id: str, *, n_rows: int) -> tuple[Correction, ...]:
    """The latest overrides in force, the last one first."""
    asked = {"run_id": run_id, "judge_id": judge_id, "n_rows": n_rows}

    def latest() -> tuple[Correction, ...]:
        with connect(folder) as cursor:
            among = {"run_id": run_id, "n_rows": n_rows}
            samples = {
                sample_id for (sample_id,) in cursor.execute(query("ratings.corrected_samples"), among).fetchall()
            }
            if not samples:
                return ()
            return fetch(cursor, "ratings.corrections", Correction, **asked, sample_ids=sorted(samples))

    return remembered(folder, ("corrections", *asked.values()), latest, also=load_last_rating(folder))


def load_correctors(folder: Path, run_id: str) -> Mapping[str, int]:
    """How many overrides of each reviewer are in force."""

    def counted() -> dict[str, int]:
        with connect(folder) as cursor:
            return dict(cursor.execute(query("ratings.correctors"), {"run_id": run_id}).fetchall())

    return remembered(folder, ("correctors", run_id), counted, also=load_last_rating(folder))


def load_moved(folder: Path, run_id: str, judge_id: str, *, form_rule: str) -> tuple[Moved, ...]:
    """By how much all overrides in force move the counts that findings are computed from.

    Told from the pairs in memory where they are: the file takes a tenth of a second for each concept that was rated since.
    """
    held = ask_if_held(folder, run_id, judge_id, "samples.corrected", form_rule=form_rule)
    if held is not None:
        return tuple(Moved(*row) for row in held[1])
    asked = {"run_id": run_id, "judge_id": judge_id, "form_rule": form_rule, "concept": None}
    return tuple(Moved(*row) for row in asker(folder)("ratings.corrected", asked))


def add_override(
    folder: Path,
    run_id: str,
    *,
    concept: str,
    sample_id: str,
    rating: int,
    reviewer: str,
    reason: str | None,
    rating_id: str,
) -> bool:
    """Store an override; False when one with that id is stored already."""
    row = rating_row(run_id, concept, sample_id, reviewer, rating_id=rating_id, rating=rating, reason=reason)
    with transaction(folder) as cursor:
        return insert(cursor, [row]) == 1


def undo_override(folder: Path, run_id: str, *, concept: str, sample_id: str, reviewer: str, rating_id: str) -> bool:
    """Take back the override in force; False when there is none or the undoing is stored already.

    `rating_id` names the override to undo, so that pressing twice never undoes an older one too.
    """
    pair = {"run_id": run_id, "concept": concept, "sample_id": sample_id}
    with transaction(folder) as cursor:
        standing = fetch(cursor, "ratings.in_force", _InForce, **pair)
        if not standing or standing[0].rating_id != rating_id:
            return False
        row = undoing_row(run_id, concept, sample_id, reviewer, undoes=rating_id)
        return insert(cursor, [row]) == 1


def new_rating_id() -> str:
    """An id for a rating that is about to be given."""
    return uuid.uuid4().hex


def rating_row(
    run_id: str,
    concept: str,
    sample_id: str,
    reviewer: str,
    *,
    rating_id: str,
    rating: int | None,
    source: RatingSource = "override",
    reason: str | None = None,
    undoes: str | None = None,
    inclusion_probability: float | None = None,
    blind: bool = False,
) -> RatingRow:
    """A rating that is given now."""
    return RatingRow(
        rating_id=rating_id,
        run_id=run_id,
        concept=concept,
        sample_id=sample_id,
        reviewer=reviewer,
        source=source,
        rating=rating,
        undoes=undoes,
        inclusion_probability=inclusion_probability,
        blind=blind,
        reason=reason or None,
        rated_at=datetime.now(UTC).replace(tzinfo=None),
    )


def undoing_row(
    run_id: str, concept: str, sample_id: str, reviewer: str, *, undoes: str, source: RatingSource = "override"
) -> RatingRow:
    """The undoing of a rating, under an id that follows from its own: it is undone once."""
    return rating_row(
        run_id, concept, sample_id, reviewer, rating_id=f"undo-{undoes}", rating=None, source=source, undoes=undoes
    )
