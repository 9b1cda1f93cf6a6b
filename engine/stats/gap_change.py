"""One concept's gap before and after: two gaps of different texts, so four samples of ratings, tested by Welch's t.

The samples are independent where the runs wrote their own texts. Satterthwaite's degrees of freedom of four arms are those of
the two gaps combined, so that a gap needs to be known by its value, its standard error and its degrees of freedom alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from scipy.special import stdtr, stdtrit

from engine.stats.estimate import known, tail_probability, without_interval
from engine.stats.gap import LARGEST_GAP
from engine.stats.grouped import CONFIDENCE
from engine.stats.histogram import RatingHistogram
from engine.stats.paired import SAME, Change


@dataclass(frozen=True, slots=True)
class GapError:
    """Standard error of a gap with its degrees of freedom; `n` counts its ratings."""

    error: float
    df: float
    n: int


def gap_error(positive: RatingHistogram, negative: RatingHistogram) -> GapError | None:
    """Return how sure a gap is; None where an arm has fewer than two ratings or all ratings agree."""
    arms = [(arm.variance, arm.n) for arm in (positive, negative)]
    known_arms = [(variance / n, n) for variance, n in arms if variance is not None]
    total = sum(part for part, _ in known_arms)
    if len(known_arms) < 2 or total <= SAME:
        return None
    df = total**2 / sum(part**2 / (n - 1) for part, n in known_arms)
    return GapError(total**0.5, df, positive.n + negative.n)


def gap_change(
    before: float, after: float, errors: tuple[GapError | None, GapError | None], *, confidence: float = CONFIDENCE
) -> Change:
    """Return the gap after less that before with Welch's interval and p, which are None where a side's error is unknown."""
    method = f"difference of two gaps, Welch's t over ratings, {confidence:.0%}"
    first, second = errors
    n = sum(error.n for error in errors if error)
    if first is None or second is None:
        because = "an arm has fewer than two ratings, or all its ratings are equal"
        return Change(without_interval(after - before, n=n, method=method, because=because), None)
    parts = [first.error**2, second.error**2]
    error, df = sum(parts) ** 0.5, sum(parts) ** 2 / (parts[0] ** 2 / first.df + parts[1] ** 2 / second.df)
    value, half = after - before, error * float(stdtrit(df, 1.0 - tail_probability(confidence)))
    low, high = max(value - half, -2 * LARGEST_GAP), min(value + half, 2 * LARGEST_GAP)
    return Change(known(value, low, high, n=n, method=method), 2.0 * float(stdtr(df, -abs(value) / error)))
