"""Rating histograms: five counts say all that the statistics need to know of an arm's ratings.

The database counts, these objects add up, and every gap and ceiling is computed from them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from engine.stats.resampling import FloatArray

RATINGS = np.array([1.0, 2.0, 3.0, 4.0, 5.0])


@dataclass(frozen=True)
class RatingHistogram:
    """Counts of the ratings 1 to 5; unscored samples are not in it. ValueError unless five counts >= 0."""

    counts: tuple[int, int, int, int, int]

    def __post_init__(self) -> None:
        if len(self.counts) != 5 or any(count < 0 for count in self.counts):
            raise ValueError(f"a rating histogram has five counts of at least 0, got {self.counts}")

    @classmethod
    def empty(cls) -> RatingHistogram:
        """Return the histogram of no ratings, the neutral element of addition."""
        return cls((0, 0, 0, 0, 0))

    @classmethod
    def from_ratings(cls, ratings: Iterable[int]) -> RatingHistogram:
        """Count ratings; ValueError for one that is not 1, 2, 3, 4 or 5."""
        counts = [0] * 5
        for rating in ratings:
            if rating not in (1, 2, 3, 4, 5):
                raise ValueError(f"a rating is 1, 2, 3, 4 or 5, got {rating!r}")
            counts[int(rating) - 1] += 1
        return cls((counts[0], counts[1], counts[2], counts[3], counts[4]))

    @property
    def n(self) -> int:
        """Number of ratings."""
        return sum(self.counts)

    @property
    def total(self) -> int:
        """Sum of the ratings."""
        return sum(rating * count for rating, count in enumerate(self.counts, start=1))

    @property
    def mean(self) -> float | None:
        """Mean rating; None without ratings."""
        return self.total / self.n if self.n else None

    @property
    def variance(self) -> float | None:
        """Sample variance (n - 1); None below two ratings."""
        n = self.n
        if n < 2:
            return None
        squares = sum(rating * rating * count for rating, count in enumerate(self.counts, start=1))
        # Integers up to the last step: n * squares - total^2 cannot cancel badly.
        return (n * squares - self.total**2) / (n * (n - 1))

    def count_at_most(self, k: int) -> int:
        """Return the number of ratings <= k, for k from 0 to 5."""
        if not 0 <= k <= 5:
            raise ValueError(f"k lies between 0 and 5, got {k}")
        return sum(self.counts[:k])

    def share_at_most(self, k: int) -> float | None:
        """Return the share of ratings <= k; None without ratings."""
        count = self.count_at_most(k)
        return count / self.n if self.n else None

    def as_array(self) -> FloatArray:
        """Return the counts as floats, shape (5,)."""
        return np.array(self.counts, dtype=np.float64)

    def __add__(self, other: RatingHistogram) -> RatingHistogram:
        """Return the histogram of both sets of ratings together."""
        first, second = self.counts, other.counts
        return RatingHistogram(
            (
                first[0] + second[0],
                first[1] + second[1],
                first[2] + second[2],
                first[3] + second[3],
                first[4] + second[4],
            )
        )
