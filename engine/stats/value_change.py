"""One concept's value before and after, from the intervals that both sides have: shares, ceilings, F1.

The interval of a difference is recovered from those of the sides (MOVER: Zou and Donner, Statistics in Medicine 27, 2008),
which keeps their asymmetry near 0 and 1. The sides count as independent, which makes the interval too wide, never too narrow,
where they share texts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import betaincinv, stdtr, stdtrit

from engine.stats.estimate import Estimate, known, tail_probability, without_interval
from engine.stats.grouped import CONFIDENCE
from engine.stats.paired import SAME, Change


@dataclass(frozen=True, slots=True)
class Spread:
    """The interval of a side's value, over `n` units; `df` are its degrees of freedom, infinite where it follows from counts."""

    low: float
    high: float
    n: int
    df: float = math.inf


def spread_of(estimate: Estimate, *, df: float = math.inf) -> Spread | None:
    """Return the interval of an estimate; None where it has none, or where Student's t has no degrees of freedom."""
    if estimate.value is None or estimate.low is None or estimate.high is None or df < 1:
        return None
    # An interval of draws may leave out a value at the end of its range.
    return Spread(min(estimate.low, estimate.value), max(estimate.high, estimate.value), estimate.n, df)


def share_spread(share: float, n: int, *, confidence: float = CONFIDENCE) -> Spread:
    """Return Jeffreys' interval of a share of n units, whose end is the share itself where none or all are counted."""
    count, tail = round(share * n), tail_probability(confidence)
    ends = betaincinv(count + 0.5, n - count + 0.5, [tail, 1.0 - tail])
    low, high = (0.0 if count == 0 else float(ends[0])), (1.0 if count == n else float(ends[1]))
    return Spread(low, high, n)


def value_change(
    before: float, after: float, spreads: tuple[Spread | None, Spread | None], *, confidence: float = CONFIDENCE
) -> Change:
    """Return the value after less that before with interval and p, which are None where a side has no interval."""
    method = f"difference of two values, from the intervals of both (Zou and Donner), {confidence:.0%}"
    first, second = spreads
    n, value = sum(spread.n for spread in spreads if spread), after - before
    if first is None or second is None:
        return Change(without_interval(value, n=n, method=method, because="one side has no interval"), None)
    below = math.hypot(after - second.low, first.high - before)
    above = math.hypot(second.high - after, before - first.low)
    toward_zero = below if value > 0 else above
    if toward_zero <= SAME:
        return Change(without_interval(value, n=n, method=method, because="neither side varies"), None)
    df = min(first.df, second.df, 1e9)
    critical = float(stdtrit(df, 1.0 - tail_probability(confidence)))
    p = 2.0 * float(stdtr(df, -abs(value) / toward_zero * critical))
    return Change(known(value, value - below, value + above, n=n, method=method), p)
