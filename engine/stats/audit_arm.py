"""What is known of one arm when people audit a judge: counts and sums of what is known, and cells of audited pairs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from engine.stats.resampling import FloatArray


@dataclass(frozen=True, slots=True)
class AuditCell:
    """Audited pairs of the same ratings and probability; ``judge`` None is unscored, ``probability`` None was not logged.

    ValueError for a rating outside 1…5 or a probability outside 0…1.
    """

    judge: float | None
    human: float
    probability: float | None
    n: int = 1

    def __post_init__(self) -> None:
        if self.probability is not None and not 0.0 < self.probability <= 1.0:
            raise ValueError(f"a pair is drawn with a probability between 0 and 1, got {self.probability}")
        if self.n < 1 or not all(1.0 <= rating <= 5.0 for rating in (self.human, self.judge or 1.0)):
            raise ValueError(f"a cell holds pairs that are rated 1 to 5, got {self}")


@dataclass(frozen=True, slots=True)
class AuditArm:
    """One arm of a stratum or of several: what people made known, what the judge says of the rest, what was audited of it.

    Totals and squares are sums of ratings and of their squares. ``n_drawn`` counts pairs of the rest that a plan has drawn; None
    where no plan tells, so that those with an audit rating are taken for all that were drawn. ``n_unanswered`` counts those of
    strata of which nobody has rated one.
    """

    n_known: int = 0
    known_total: float = 0.0
    known_squares: float = 0.0
    n_rest: int = 0
    n_scored: int = 0
    judge_total: float = 0.0
    judge_squares: float = 0.0
    n_drawn: int | None = None
    audited: tuple[AuditCell, ...] = ()
    n_unanswered: int = 0

    @property
    def n(self) -> int:
        """Pairs, known or not."""
        return self.n_known + self.n_rest

    @property
    def n_audited(self) -> int:
        """Pairs of the rest that were drawn and rated."""
        return sum(cell.n for cell in self.audited)

    @property
    def judge_mean(self) -> float | None:
        """The judge's mean rating of the rest; None where it scored none."""
        return self.judge_total / self.n_scored if self.n_scored else None

    @property
    def is_complete(self) -> bool:
        """Whether people rated every pair."""
        return self.n_audited == self.n_rest and all(cell.probability == 1.0 for cell in self.audited)

    @classmethod
    def merge(cls, parts: Iterable[AuditArm]) -> AuditArm:
        """Return several strata as one, each audited pair with its own stratum's probability and share of answers."""
        weighed = [weigh_answers(part) for part in parts]
        return cls(
            n_known=sum(part.n_known for part in weighed),
            known_total=sum(part.known_total for part in weighed),
            known_squares=sum(part.known_squares for part in weighed),
            n_rest=sum(part.n_rest for part in weighed),
            n_scored=sum(part.n_scored for part in weighed),
            judge_total=sum(part.judge_total for part in weighed),
            judge_squares=sum(part.judge_squares for part in weighed),
            audited=tuple(cell for part in weighed for cell in part.audited),
            n_unanswered=sum(part.n_unanswered for part in weighed),
        )


@dataclass(frozen=True, slots=True, eq=False)
class AuditedColumns:
    """Audited cells as arrays of one entry a cell: people's ratings, the judge's, probabilities, numbers of pairs."""

    human: FloatArray
    judge: FloatArray
    probability: FloatArray
    n: FloatArray


def weigh_answers(stratum: AuditArm) -> AuditArm:
    """Let the rated pairs of a stratum stand for those that were drawn and are not rated yet, as if rated in random order."""
    if not stratum.n_drawn:
        return stratum
    if not stratum.audited:
        return replace(stratum, n_drawn=None, n_unanswered=stratum.n_drawn)
    share = stratum.n_audited / stratum.n_drawn
    cells = [
        replace(cell, probability=None if cell.probability is None else cell.probability * share)
        for cell in stratum.audited
    ]
    return replace(stratum, n_drawn=None, audited=tuple(cells))


def audited_columns(arm: AuditArm) -> AuditedColumns:
    """Return the audited cells as arrays; a pair that the judge left unscored gets the judge's mean, which foretells nothing.

    ValueError where a probability is not known.
    """
    usual = arm.judge_mean or 0.0
    rows = [(cell.human, usual if cell.judge is None else cell.judge, cell.probability, cell.n) for cell in arm.audited]
    if any(probability is None for _, _, probability, _ in rows):
        raise ValueError("a pair's probability is not known")
    human, judge, probability, n = np.array(rows, dtype=np.float64).reshape(-1, 4).T
    return AuditedColumns(human, judge, probability, n)
