"""What people say of samples. A rating is stored at once, under an id made when the sample was shown, so that a callback
that fires twice adds one row; an undoing is a row too."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from app.data.browsing import ask_if_held
from app.data.memory import load_last_rating, remembered
from app.data.rated import asker
from app.data.rows import read
from app.data.sayings import in_force, read_history
from db import connect, insert, query, transaction
from db.rows import RatingRow, RatingSource

_BESIDE_AT_MOST: Final = 5_000


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
class _Override:
    concept: str
    sample_id: str
    override_rating: int
    reviewer: str
    reason: str | None
    rated_at: datetime
    audit_rating: float | None


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


def load_corrections(folder: Path, run_id: str, judge_id: str, *, n_rows: int) -> tuple[Correction, ...]:
    """The latest overrides in force, the last one first."""

    def latest() -> tuple[Correction, ...]:
        found = read(folder, "ratings.latest_overrides", _Override, run_id=run_id, n_rows=n_rows)
        pairs = [(one.concept, one.sample_id) for one in found]
        texts = _beside(folder, "ratings.corrected_texts", pairs, ("run_concepts", "pairs", "samples"), run_id=run_id)
        votes = _beside(folder, "ratings.corrected_votes", pairs, ("judgments",), judge_id=judge_id)
        return tuple(
            _correction(one, *text, *(vote or (None,)))
            for one, text, vote in zip(found, texts, votes, strict=True)
            if text
        )

    return remembered(folder, ("corrections", run_id, judge_id, n_rows), latest, also=load_last_rating(folder))


def _beside(
    folder: Path, name: str, pairs: Sequence[tuple[str, str]], tables: tuple[str, ...], **of: str
) -> list[tuple[Any, ...]]:
    """What a query tells of each pair, asked only of those that came since a stage wrote to its tables; empty for none."""
    kept: dict[tuple[str, str], tuple[Any, ...]] = remembered(folder, (name, *of.values()), dict, of=tables)
    known = {pair: found for pair in pairs if (found := kept.get(pair)) is not None}
    new = [pair for pair in pairs if pair not in known]
    if new:
        with connect(folder) as cursor:
            samples = sorted({sample_id for _, sample_id in new})
            rows = cursor.execute(query(name), {**of, "sample_ids": samples}).fetchall()
        told = {(concept, sample_id): tuple(rest) for concept, sample_id, *rest in rows}
        known |= {pair: told.get(pair, ()) for pair in new}
        if len(kept) > _BESIDE_AT_MOST:
            kept.clear()
        kept |= known
    return [known[pair] for pair in pairs]


def _correction(one: _Override, arm: str, quadrant: str | None, excerpt: str, mean_rating: float | None) -> Correction:
    otherwise = mean_rating if one.audit_rating is None else one.audit_rating
    told = (one.override_rating, one.reviewer, one.reason, one.rated_at)
    return Correction(one.concept, one.sample_id, arm, quadrant, *told, bin_of(otherwise), excerpt)


def bin_of(rating: float | None) -> int | None:
    """The nearest of the five ratings; half a step goes to the even one, as in the database."""
    return None if rating is None else round(rating)


def load_correctors(folder: Path, run_id: str) -> Mapping[str, int]:
    """How many overrides of each reviewer are in force."""

    def counted() -> dict[str, int]:
        with connect(folder) as cursor:
            return dict(cursor.execute(query("ratings.correctors"), {"run_id": run_id}).fetchall())

    return remembered(folder, ("correctors", run_id), counted, also=load_last_rating(folder))


def load_n_audited(folder: Path, run_id: str) -> int:
    """How many pairs of a run have an audit rating in force, with an override or without."""

    def number() -> int:
        with connect(folder) as cursor:
            return int(cursor.execute(query("ratings.n_audited"), {"run_id": run_id}).fetchall()[0][0])

    return remembered(folder, ("n audited", run_id), number, also=load_last_rating(folder))


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
    with transaction(folder) as cursor:
        standing = in_force(read_history(cursor, run_id, concept, sample_id)).get("override")
        if standing is None or standing.rating_id != rating_id:
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
