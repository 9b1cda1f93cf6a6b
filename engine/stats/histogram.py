"""Rating histograms: five counts, and two sums where ratings are no whole numbers, say all that the statistics need of an arm.

A rating that is a mean, of several votes or of a judge's distribution, is counted in the bin of its nearest whole rating. What
that takes from the sum and the sum of squares is kept beside the counts, so means and variances are those of the ratings as
given, and ceilings, which ask for ratings of at most k, go by the bins. The database counts, these objects add up.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from engine.stats.resampling import FloatArray

RATINGS = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
_CANCELLED = 1e-13
"""Share of a sum of squares below which a spread is what rounding leaves of none."""


@dataclass(frozen=True)
class RatingHistogram:
    """Counts of the ratings 1 to 5; unscored samples are not in it. ValueError unless five counts >= 0.

    ``off_total`` and ``off_squares``: sum and sum of squares of the ratings less those of their bins, 0 for whole ratings.
    """

    counts: tuple[int, int, int, int, int]
    off_total: float = 0.0
    off_squares: float = 0.0

    def __post_init__(self) -> None:
        if len(self.counts) != 5 or min(self.counts) < 0:
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

    @classmethod
    def merge(cls, parts: Iterable[RatingHistogram]) -> RatingHistogram:
        """Return the histogram of all the parts' ratings; many at once, where adding two by two would be slow."""
        known = list(parts)
        if len(known) < 2:
            return known[0] if known else cls.empty()
        rows = [(*part.counts, part.off_total, part.off_squares) for part in known]
        n_1, n_2, n_3, n_4, n_5, off_total, off_squares = map(sum, zip(*rows, strict=True))
        return cls((n_1, n_2, n_3, n_4, n_5), off_total, off_squares)

    @property
    def n(self) -> int:
        """Number of ratings."""
        return sum(self.counts)

    @property
    def total(self) -> float:
        """Sum of the ratings."""
        n_1, n_2, n_3, n_4, n_5 = self.counts
        return n_1 + 2 * n_2 + 3 * n_3 + 4 * n_4 + 5 * n_5 + self.off_total

    @property
    def squares(self) -> float:
        """Sum of the ratings' squares."""
        n_1, n_2, n_3, n_4, n_5 = self.counts
        return n_1 + 4 * n_2 + 9 * n_3 + 16 * n_4 + 25 * n_5 + self.off_squares

    @property
    def mean(self) -> float | None:
        """Mean rating; None without ratings."""
        return self.total / self.n if self.n else None

    @property
    def deviation_squares(self) -> float:
        """Sum of the squared distances to the mean; 0 without ratings."""
        n = self.n
        if not n:
            return 0.0
        # Of whole ratings these are integers up to the last step, which cannot cancel badly; of others they can, a little.
        scaled = n * self.squares - self.total**2
        return scaled / n if scaled > _CANCELLED * n * self.squares else 0.0

    @property
    def variance(self) -> float | None:
        """Sample variance (n - 1); None below two ratings."""
        return self.deviation_squares / (self.n - 1) if self.n > 1 else None

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
            ),
            self.off_total + other.off_total,
            self.off_squares + other.off_squares,
        )
