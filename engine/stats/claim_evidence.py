"""What a statement rests on: an estimate held against a bar, with the probability of so much in either direction.

Concepts are the units throughout: a mean over them, a contrast of quadrants' means, a rank correlation. Each comes with two
one-sided p, for lying above and below the bar, that agree with its interval: either is at most .025 exactly where the whole
95 % interval lies on that side.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit
from scipy.stats import spearmanr

from engine.stats.audit import welch_freedom
from engine.stats.estimate import Estimate, known, tail_probability, unknown, without_interval
from engine.stats.summary import mean_estimate

CONFIDENCE = 0.95
FEWEST_CORRELATED = 5
"""Concepts below which the error of a rank correlation is not told."""
Side = Literal["above", "below"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """An estimate that lies above or below ``bar`` if the statement is true; ``unit`` is what its n counts.

    ``p_above`` and ``p_below`` are None where the estimate has no interval.
    """

    words: str
    estimate: Estimate
    side: Side
    bar: float
    p_above: float | None
    p_below: float | None
    unit: str = "concepts"

    @property
    def p_for(self) -> float | None:
        """How likely so much for the statement would be at the bar."""
        return self.p_above if self.side == "above" else self.p_below

    @property
    def p_against(self) -> float | None:
        """How likely so much against the statement would be at the bar."""
        return self.p_below if self.side == "above" else self.p_above

    @property
    def why_open(self) -> str | None:
        """Why nothing can be decided from this; None where something can."""
        if self.p_above is not None:
            return None
        return self.estimate.reason or self.estimate.method.partition("no interval: ")[2] or "it has no interval"


def mean_evidence(
    words: str, values: Sequence[float | None], *, side: Side, bar: float = 0.0, unit: str = "concepts"
) -> Evidence:
    """Hold the mean of the known values against the bar, by Student's t."""
    estimate = mean_estimate([value for value in values if value is not None], confidence=CONFIDENCE)
    if estimate.value is None:
        estimate = unknown("it is unknown for every concept", method=estimate.method)
    return read_off(words, estimate, side=side, bar=bar, freedom=estimate.n - 1, unit=unit)


def contrast_evidence(
    words: str,
    groups: Mapping[str, Sequence[float]],
    weights: Mapping[str, float],
    *,
    side: Side,
    bar: float = 0.0,
) -> Evidence:
    """Hold a weighted sum of groups' means against the bar, with each group's own spread (Welch, Satterthwaite)."""
    method, data = f"Welch t over concepts, {CONFIDENCE:.0%}", {name: groups.get(name, ()) for name in weights}
    n = sum(map(len, data.values()))
    if empty := [name for name, values in data.items() if not values]:
        reason = f"it is unknown for every concept of quadrant {' and '.join(empty)}"
        return read_off(words, unknown(reason, n=n, method=method), side=side, bar=bar, freedom=1)
    value = sum(weights[name] * float(np.mean(values)) for name, values in data.items())
    if single := [name for name, values in data.items() if len(values) < 2]:
        because = f"quadrant {' and '.join(single)} has only one concept"
        return read_off(
            words, without_interval(value, n=n, method=method, because=because), side=side, bar=bar, freedom=1
        )
    parts = [(weights[k] ** 2 * float(np.var(v, ddof=1)) / len(v), len(v) - 1) for k, v in data.items()]
    variance = sum(part for part, _ in parts)
    if variance < 1e-20:
        because = "the values do not vary within the quadrants"
        return read_off(
            words, without_interval(value, n=n, method=method, because=because), side=side, bar=bar, freedom=1
        )
    freedom = welch_freedom(*parts)
    half = _quantile(freedom) * math.sqrt(variance)
    return read_off(
        words, known(value, value - half, value + half, n=n, method=method), side=side, bar=bar, freedom=freedom
    )


def rank_evidence(words: str, pairs: Sequence[tuple[float | None, float | None]], *, side: Side) -> Evidence:
    """Hold Spearman's correlation over concepts against 0, on Fisher's scale with the variance for ranks.

    Source: Bonett and Wright 2000, doi:10.1007/BF02294183.
    """
    method = f"Spearman, Fisher's z with Bonett and Wright's variance, {CONFIDENCE:.0%}"
    both = np.array([(x, y) for x, y in pairs if x is not None and y is not None], dtype=np.float64).reshape(-1, 2)
    n = len(both)
    if n < FEWEST_CORRELATED:
        reason = f"both sides are known of {n} concepts, {FEWEST_CORRELATED} are needed"
        return Evidence(words, unknown(reason, n=n, method=method), side, 0.0, None, None)
    if (np.ptp(both, axis=0) == 0.0).any():
        return Evidence(words, unknown("one of the two does not vary", n=n, method=method), side, 0.0, None, None)
    value = float(spearmanr(both[:, 0], both[:, 1]).statistic)
    if abs(value) > 1.0 - 1e-9:
        estimate = without_interval(
            math.copysign(1.0, value), n=n, method=method, because="the ranks agree without exception"
        )
        return Evidence(words, estimate, side, 0.0, None, None)
    error, centre = math.sqrt((1.0 + value**2 / 2.0) / (n - 3)), math.atanh(value)
    half = float(ndtri(1.0 - tail_probability(CONFIDENCE))) * error
    estimate = known(value, math.tanh(centre - half), math.tanh(centre + half), n=n, method=method)
    return Evidence(words, estimate, side, 0.0, float(ndtr(-centre / error)), float(ndtr(centre / error)))


def read_off(
    words: str, estimate: Estimate, *, side: Side, bar: float, freedom: float = math.inf, unit: str = "concepts"
) -> Evidence:
    """Hold any 95 % interval against the bar; its error is the distance from the value to the end that is nearer the bar."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return Evidence(words, estimate, side, bar, None, None, unit)
    apart = estimate.value - bar
    half = estimate.value - estimate.low if apart > 0 else estimate.high - estimate.value
    if half <= 0.0 and apart != 0.0:
        because = "the interval ends at the value itself"
        bare = without_interval(estimate.value, n=estimate.n, method=estimate.method, because=because)
        return Evidence(words, bare, side, bar, None, None, unit)
    t = apart / half * _quantile(freedom) if half > 0.0 else 0.0
    return Evidence(words, estimate, side, bar, _tail(t, freedom), _tail(-t, freedom), unit)


def _quantile(freedom: float) -> float:
    upper = 1.0 - tail_probability(CONFIDENCE)
    return float(ndtri(upper)) if math.isinf(freedom) else float(stdtrit(freedom, upper))


def _tail(t: float, freedom: float) -> float:
    """Probability of more than ``t``."""
    return float(ndtr(-t)) if math.isinf(freedom) else float(stdtr(freedom, -t))
