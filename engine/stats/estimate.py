"""The one shape in which every statistic is handed on: a value with its interval and its n, or a reason.

Three states are possible and no others: known with an interval; known without an interval (the data give a value but
cannot say how sure it is, and ``method`` says why); unknown with a reason. There is no 0.0 for "no data".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_NO_INTERVAL = "; no interval: "


@dataclass(frozen=True)
class Estimate:
    """A statistic with its interval, the number of units behind it, and how both were found.

    ``n`` counts what ``method`` resamples or averages (ratings, concepts, lenses). ``value`` is None exactly when
    ``reason`` is given. Raises ValueError for any other combination.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    reason: str | None
    method: str

    def __post_init__(self) -> None:
        if (self.value is None) != bool(self.reason):
            raise ValueError("an estimate has either a value or a reason why there is none")
        if (self.low is None) != (self.high is None) or (self.value is None and self.low is not None):
            raise ValueError("an interval has two ends and belongs to a value")
        if self.value is not None and not math.isfinite(self.value):
            raise ValueError(f"an estimate is finite, got {self.value} [{self.low}, {self.high}]")
        if self.low is not None and self.high is not None and not -math.inf < self.low <= self.high < math.inf:
            raise ValueError(f"an interval is finite and not upside down, got {self.value} [{self.low}, {self.high}]")
        if self.n < 0:
            raise ValueError(f"n is a count, got {self.n}")

    @property
    def has_interval(self) -> bool:
        """Tell whether the data support an interval, not only a value."""
        return self.low is not None

    @property
    def why_no_interval(self) -> str | None:
        """The reason why the value, or its interval, is unknown; None where there is an interval, or no reason was given."""
        return self.reason or self.method.partition(_NO_INTERVAL)[2] or None


def known(value: float, low: float, high: float, *, n: int, method: str) -> Estimate:
    """Return an estimate with an interval."""
    return Estimate(float(value), float(low), float(high), n, None, method)


def without_interval(value: float, *, n: int, method: str, because: str) -> Estimate:
    """Return a value whose uncertainty the data cannot show; ``because`` is told in ``method``."""
    return Estimate(float(value), None, None, n, None, f"{method}{_NO_INTERVAL}{because}")


def unknown(reason: str, *, method: str, n: int = 0) -> Estimate:
    """Return an estimate that the data do not support, with the reason in words for the screen."""
    return Estimate(None, None, None, n, reason, method)


def tail_probability(confidence: float) -> float:
    """Return the probability left in each tail of a two-sided interval; ValueError outside (0, 1)."""
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence lies between 0 and 1, got {confidence}")
    return (1.0 - confidence) / 2.0
