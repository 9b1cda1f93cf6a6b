"""Pairs to try a rubric on, how two judges and people rated them, and the judges that can be asked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.data.memory import load_last_rating, remembered
from app.data.rows import fetch, read
from db import connect

PairKey = tuple[str, str]
"""concept, sample"""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pair that a rubric can be tried on; `is_tried` where the judge that is asked about has rated it already."""

    concept: str
    sample_id: str
    arm: str
    negative_kind: str | None
    quadrant: str | None
    old_rating: float | None
    people_rating: int | None
    is_tried: bool
    excerpt: str

    @property
    def key(self) -> PairKey:
        """The pair."""
        return self.concept, self.sample_id


@dataclass(frozen=True, slots=True)
class TriedPair:
    """A chosen pair with the old, the new and people's rating; `is_tried` tells whether the new judge voted on it."""

    concept: str
    sample_id: str
    arm: str
    negative_kind: str | None
    quadrant: str | None
    old_rating: float | None
    new_rating: float | None
    people_rating: int | None
    is_override: bool
    is_tried: bool
    explanation: str | None
    unscored_reason: str | None
    excerpt: str

    @property
    def key(self) -> PairKey:
        """The pair."""
        return self.concept, self.sample_id


@dataclass(frozen=True, slots=True)
class LabJudge:
    """A judge's settings; `base_url` is that of a server other than Anthropic's."""

    judge_id: str
    backend: str
    model: str
    rubric: str
    rubric_hash: str
    base_url: str | None
    is_baseline: bool

    @property
    def setting(self) -> str:
        """What `--judge` takes."""
        return f"{self.backend}:{self.model}"


@dataclass(frozen=True, slots=True)
class TrialCell(LabJudge):
    """A judge, and on how many pairs of a concept that people rated it gave one rating and people another."""

    created_at: datetime
    concept: str
    rating: int
    people_rating: int
    n_pairs: int


@dataclass(frozen=True, slots=True)
class TriedBy:
    """The judge that a rubric was tried with, what it has cost, and how many of the chosen pairs it has voted on."""

    judge_id: str
    spent_usd: float
    n_answered: int


def load_pool(
    folder: Path,
    run_id: str,
    judge_id: str,
    *,
    tried: str = "",
    concept: str | None = None,
    arm: str | None = None,
    quadrants: Sequence[str] | None = None,
    n_rows: int,
) -> tuple[Candidate, ...]:
    """The first pairs of the lab's fixed order that pass the filters; None passes everything."""
    asked = {"concept": concept, "arm": arm, "quadrants": list(quadrants) if quadrants else None, "n_rows": n_rows}

    def pool() -> tuple[Candidate, ...]:
        chosen = {"run_id": run_id, "judge_id": judge_id, "tried": tried, **asked}
        rated = read(folder, "rubric_lab.pool", Candidate, only_rated=True, **chosen)
        # Those come first, so that all others are looked for only where they are too few.
        if len(rated) >= n_rows:
            return rated
        return read(folder, "rubric_lab.pool", Candidate, only_rated=False, **chosen)

    if tried:
        # A trial has just written, and what it wrote comes first.
        return pool()
    key = ("rubric lab's pool", run_id, judge_id, concept, arm, tuple(quadrants or ()), n_rows)
    return remembered(folder, key, pool, also=_about(load_last_rating(folder)))


def _about(last_rating: int) -> int:
    """The number, to five binary digits: where people rated many, one more moves no choice that is worth a second."""
    step = max(0, last_rating.bit_length() - 5)
    return last_rating >> step << step


def load_tried(
    folder: Path, run_id: str, judge_id: str, *, tried: str, chosen: Sequence[PairKey]
) -> tuple[TriedPair, ...]:
    """The chosen pairs in their order, as the judge on screen, the tried one and people rated them."""
    if not chosen:
        return ()
    found = read(
        folder,
        "rubric_lab.pairs",
        TriedPair,
        run_id=run_id,
        judge_id=judge_id,
        tried=tried,
        chosen=_joined(chosen),
        sample_ids=sorted({sample_id for _, sample_id in chosen}),
    )
    by_key = {pair.key: pair for pair in found}
    return tuple(by_key[key] for key in chosen if key in by_key)


def load_lab_judges(folder: Path, judge_id: str) -> tuple[LabJudge | None, tuple[LabJudge, ...]]:
    """The judge of this id, and all of the study that read a rubric and have answered, the latest first."""
    with connect(folder) as cursor:
        on_screen = fetch(cursor, "rubric_lab.judge", LabJudge, judge_id=judge_id)
        return (on_screen[0] if on_screen else None), fetch(cursor, "rubric_lab.readers", LabJudge)


def load_tried_by(
    folder: Path, *, judge: str, base_url: str | None, rubric_hash: str, chosen: Sequence[PairKey]
) -> TriedBy | None:
    """The judge that was asked with this rubric, None where none was."""
    values = {"judge": judge, "base_url": base_url or "", "rubric_hash": rubric_hash, "chosen": _joined(chosen)}
    found = read(folder, "rubric_lab.tried_by", TriedBy, **values)
    return found[0] if found else None


def load_trial_cells(folder: Path, run_id: str) -> tuple[TrialCell, ...]:
    """What every judge that reads a rubric has said of a run's pairs that people rated, the latest judge first."""
    return read(folder, "rubric_lab.trials", TrialCell, run_id=run_id)


def _joined(pairs: Iterable[PairKey]) -> list[str]:
    return ["\x1f".join(pair) for pair in pairs]
