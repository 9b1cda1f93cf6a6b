"""What a reviewer is told of their queue: how far it is, at which pace, and how long the rest takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Final

from engine.words import count, integer

_PAUSE: Final = timedelta(minutes=5)
"""Longer between two ratings is a pause, and no work."""
_KEY_PRESS: Final = timedelta(seconds=0.2)
"""Ratings closer than this were not given one by one."""
_FEWEST: Final = 4
"""Ratings in a row before a pace is told."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds from one rating to the next, the median of this reviewer's latest."""

    seconds: float

    @property
    def words(self) -> str:
        """Ratings an hour."""
        return f"{integer(round(3600 / self.seconds))} an hour"

    def left(self, n_left: int) -> str:
        """How long so many more take."""
        minutes = n_left * self.seconds / 60
        if minutes < 1:
            return "less than a minute left"
        return (
            f"about {count(round(minutes), 'minute')} left" if minutes < 90 else f"about {minutes / 60:.1f} hours left"
        )


def pace(rated_at: Sequence[datetime]) -> Pace | None:
    """The pace of ratings at these times; None where there are too few in a row to tell."""
    times = sorted(rated_at)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    worked = [gap.total_seconds() for gap in gaps if _KEY_PRESS <= gap <= _PAUSE]
    return Pace(median(worked)) if len(worked) >= _FEWEST - 1 else None


def verdict_sentence(own: int, judge: float | None, *, others: Sequence[int]) -> str:
    """What you said beside what the judge said, and others; in one line."""
    said = f"You said {own}"
    judged = "the judge gave no rating" if judge is None else f"the judge said {judge:.3g}"
    rest = f"; others said {', '.join(map(str, others))}" if others else ""
    return f"{said}, {judged}{rest}."


def agreement_kind(own: int, judge: float | None) -> str:
    """How far apart: `same` to the nearest rating, `near` by one, `far` by more, `unknown`."""
    if judge is None:
        return "unknown"
    apart = abs(own - judge)
    return "same" if apart <= 0.5 else "near" if apart < 1.75 else "far"
