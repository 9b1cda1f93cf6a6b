"""Intervals of agreement: Student's t over concepts, from what each measure would be without one concept after another.

Pairs of one concept resemble each other, so concepts are the units. Leaving them out one by one gives a measure's variance
(Tukey's jackknife), which stands on a scale that ends where the measure does: Fisher's for kappa, alpha and correlation, the
logit for shares. Percentiles of resampled concepts, in simulations with 6 concepts, held the truth in 81 to 91 %, with 12 in 88
to 93 %; these do so in 93 to 97 %, of shares in 95 to 100 %.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.sparse import csr_array
from scipy.special import stdtrit

from engine.stats.estimate import Estimate, known, tail_probability, without_interval
from engine.stats.gap import LARGEST_GAP
from engine.stats.grouped import bounded_estimate
from engine.stats.resampling import FloatArray

MOST_PARTS: Final = 200
"""Concepts of a larger study are left out some at a time, in so many parts: more would hardly make the variance surer."""
_ROUNDING: Final = 1e-12
ALIKE: Final = "no concept differs from another"
RESTS_ON_ONE: Final = "without one of the concepts a side gives a single rating"


def parts_of(n_concepts: int) -> csr_array:
    """Return which concepts are left out together, shape (parts, concepts)."""
    places = np.arange(n_concepts)
    parts = places % min(n_concepts, MOST_PARTS)
    return csr_array((np.ones(n_concepts), (parts, places)))


def jackknife_estimate(
    name: str, value: float, without: FloatArray, *, n_concepts: int, confidence: float, method: str
) -> Estimate:
    """Return a measure with its interval, from its values ``without`` each part of the concepts, NaN where it has none."""
    if np.isnan(without).any():
        return without_interval(value, n=n_concepts, method=method, because=RESTS_ON_ONE)
    n = without.size
    variance = float(((without - without.mean()) ** 2).sum()) * (n - 1) / n
    if name in ("exact", "within_one"):
        return bounded_estimate(
            value, variance, n=n_concepts, n_groups=n, method=method, confidence=confidence, bound_groups=n
        )
    half = float(stdtrit(n - 1, 1.0 - tail_probability(confidence))) * variance**0.5
    if half < _ROUNDING or not (name == "bias" or abs(value) < 1.0 - _ROUNDING):
        return without_interval(value, n=n_concepts, method=method, because=ALIKE)
    low, high = _apart(value, half) if name == "bias" else _on_fishers_scale(value, half)
    return known(value, low, high, n=n_concepts, method=method)


def _apart(value: float, half: float) -> tuple[float, float]:
    return max(value - half, -LARGEST_GAP), min(value + half, LARGEST_GAP)


def _on_fishers_scale(value: float, half: float) -> tuple[float, float]:
    """Ends of an interval whose half is given at the value: where the scale is stretched towards 1 they close up."""
    centre, stretched = np.arctanh(value), half / (1.0 - value**2)
    # Rounding may carry an end past the value itself.
    return min(float(np.tanh(centre - stretched)), value), max(float(np.tanh(centre + stretched)), value)
