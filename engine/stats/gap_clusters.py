"""The gap and its parts with concepts as the units: what may be said of concepts like these, not of these ratings alone.

Ratings of one concept hang together, so intervals that take them as independent are far too narrow above a concept's grain. Here
each concept's influence on the gap is its own term: the variance adds up their squares, and the interval is Student's t. Where
concepts have unlike numbers of ratings the largest pulls the gap towards itself, which makes its own influence look small; the
variance is raised by what that takes away, and the degrees of freedom are lowered, as if concepts spread alike (Bell and
McCaffrey 2002). With equal numbers this is Student's t over the concepts' own gaps.

Where a few concepts fail and the others are alike, influences are skewed, and draws with few failures look too sure. So the
interval is longer on the long tail's side, by the first term of Edgeworth's series (Johnson 1978), and not shorter on the
other, for skewness is itself hardly known. What no concept shows no interval knows: below `UNSEEN_BELOW` it is marked.

Resampling concepts is here to compare: with few concepts its interval is too narrow (docs/intervals.md has the simulation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import ndtri, stdtrit

from engine.stats.estimate import Estimate, known, tail_probability, unknown, without_interval
from engine.stats.gap import LARGEST_GAP, WEAK_BELOW_CONCEPTS, GapDecomposition
from engine.stats.resampling import FloatArray, percentile_estimate, resampled_totals

_ARMS = ("positive", "negative")
_NO_SPREAD = 1e-20
_METHOD = "Student t over concepts, longer on a long tail's side"

_RARE = 0.1
"""Share of a kind of concept that an interval should know of."""
UNSEEN_BELOW: Final = 29
"""Concepts of which more than 5 % of draws hold none of so rare a kind: the least n for which 0.9 ** n is below 0.05."""


@dataclass(frozen=True)
class ClusterGap:
    """A gap whose interval takes concepts as the units; ``weak_because`` where they are too few for it to hold what it says."""

    estimate: Estimate
    n_concepts: int
    weak_because: str | None

    @property
    def weak(self) -> bool:
        """Whether concepts are too few."""
        return self.weak_because is not None


@dataclass(frozen=True, eq=False)
class _Term:
    """A difference of means: its value, by how much each concept moves it, and each concept's share in it."""

    value: float
    influences: FloatArray
    shares: FloatArray


def cluster_gap(sums: FloatArray, *, confidence: float = 0.95) -> ClusterGap:
    """Return the gap of pooled ratings with concepts as the units.

    ``sums`` holds each concept's sum and number of ratings by arm, shape (concepts, 2, 2). Concepts without any rating are left
    out; the estimate's n counts the others. No interval where only one concept has ratings in one of the arms.
    """
    rated = sums[sums[:, :, 1].any(axis=1)]
    method = f"{_METHOD}, {confidence:.0%}"
    missing = _missing_arm(rated)
    if missing:
        estimate = unknown(missing, n=len(rated), method=method)
    else:
        estimate = _interval(_gap(rated), [rated], limit=LARGEST_GAP, confidence=confidence, method=method)
    return ClusterGap(estimate, n_concepts=len(rated), weak_because=why_weak(len(rated)))


def why_weak(n_concepts: int) -> str | None:
    """Why an interval over so few concepts may hold the truth less often than it says; None where they are enough."""
    if n_concepts >= UNSEEN_BELOW:
        return None
    if n_concepts < WEAK_BELOW_CONCEPTS:
        return f"fewer than {WEAK_BELOW_CONCEPTS} concepts hardly show how much concepts differ"
    unseen = (1.0 - _RARE) ** n_concepts
    return f"a kind of concept that makes up one in ten is missing from {n_concepts} concepts with probability {unseen:.2f}"


def cluster_parts(sums: FloatArray, good: FloatArray, *, confidence: float = 0.95) -> GapDecomposition:
    """Split the gap into that among good outputs and the rest, with concepts as the units; arguments as of `cluster_gap`."""
    rated = sums[:, :, 1].any(axis=1)
    sums, good = sums[rated], good[rated]
    method = f"{_METHOD}, {confidence:.0%}"
    missing = _missing_arm(sums) or _missing_arm(good)
    if missing:
        none = unknown(f"among good outputs: {missing}", n=len(sums), method=method)
        return GapDecomposition(none, none)
    everything, topicality = _gap(sums), _gap(good)
    rest = _Term(
        everything.value - topicality.value,
        everything.influences - topicality.influences,
        (everything.shares + topicality.shares) / 2,
    )
    return GapDecomposition(
        _interval(topicality, [good], limit=LARGEST_GAP, confidence=confidence, method=method),
        _interval(rest, [sums, good], limit=2 * LARGEST_GAP, confidence=confidence, method=method),
    )


def cluster_bootstrap_gap(
    sums: FloatArray, *, n_resamples: int = 1000, seed: int, confidence: float = 0.95
) -> Estimate:
    """Return the gap of pooled ratings with a percentile interval from resampling concepts; arguments as of `cluster_gap`."""
    rated = sums[sums[:, :, 1].any(axis=1)]
    method = f"bootstrap of concepts, {n_resamples} resamples, {confidence:.0%}"
    missing = _missing_arm(rated)
    if missing:
        return unknown(missing, n=len(rated), method=method)
    value = _gap(rated).value
    if len(rated) < 2:
        return without_interval(value, n=len(rated), method=method, because="only one concept is rated")
    draws = _gaps_of_totals(resampled_totals(rated.reshape(-1, 4), n_resamples=n_resamples, seed=seed))
    return percentile_estimate(value, draws, n=len(rated), confidence=confidence, method=method)


def _gaps_of_totals(totals: FloatArray) -> FloatArray:
    """Return gaps from rows of (positive total, positive n, negative total, negative n); NaN for an empty arm."""
    with np.errstate(divide="ignore", invalid="ignore"):
        gaps: FloatArray = totals[:, 0] / totals[:, 1] - totals[:, 2] / totals[:, 3]
    return gaps


def _missing_arm(sums: FloatArray) -> str | None:
    empty = [arm for arm, n in zip(_ARMS, sums[:, :, 1].sum(axis=0), strict=True) if not n]
    return f"no rating in the {' and the '.join(empty)} arm" if empty else None


def _gap(sums: FloatArray) -> _Term:
    totals = sums.sum(axis=0)
    means, shares = totals[:, 0] / totals[:, 1], sums[:, :, 1] / totals[:, 1]
    influences = sums[:, :, 0] / totals[:, 1] - shares * means
    return _Term(float(means[0] - means[1]), influences[:, 0] - influences[:, 1], shares.mean(axis=1))


def _interval(term: _Term, behind: Sequence[FloatArray], *, limit: float, confidence: float, method: str) -> Estimate:
    """Return the term with its t interval, cut to -limit..limit; ``behind`` are the sums that it rests on."""
    n = int(np.count_nonzero(term.shares))
    if min(int(np.count_nonzero(sums[:, :, 1], axis=0).min()) for sums in behind) < 2:
        return without_interval(
            term.value, n=n, method=method, because="only one concept has ratings in one of the arms"
        )
    freedom, raised = _freedom(term.shares)
    variance = raised * float(term.influences @ term.influences)
    if variance < _NO_SPREAD:
        return without_interval(term.value, n=n, method=method, because="the concepts do not differ")
    tail, error = tail_probability(confidence), variance**0.5
    half, longer = float(stdtrit(freedom, 1.0 - tail)), _skew(term.influences[term.shares > 0], tail=tail)
    low, high = term.value - (half - min(longer, 0.0)) * error, term.value + (half + max(longer, 0.0)) * error
    return known(term.value, max(low, -limit), min(high, limit), n=n, method=method)


def _skew(influences: FloatArray, *, tail: float) -> float:
    """Return by how many standard errors an interval is to be longer, above if positive and below if negative.

    The first term of Edgeworth's series at the normal quantile z: γ(1 + 2z²) / 6√n, γ the adjusted skewness of the influences.
    """
    n = len(influences)
    if n < 3:
        return 0.0
    cubes, squares = float((influences**3).sum()), float(influences @ influences)
    skewness: float = cubes / squares**1.5 * n * (n - 1) ** 0.5 / (n - 2)
    longer: float = skewness * (1.0 + 2.0 * float(ndtri(tail)) ** 2) / (6.0 * n**0.5)
    return longer


def _freedom(shares: FloatArray) -> tuple[float, float]:
    """Return the degrees of freedom, and by what the sum of squared influences is to be raised, for concepts that spread alike.

    For shares w that add up to 1 the sum of squares is x'Ax with A = D - aw' - wa' + s₂ww', D = diag(a), a = w²; its mean is
    tr A, its variance 2 tr A², and the true variance is s₂ = Σw².
    """
    s_2, s_3, s_4, s_5 = (float((shares**power).sum()) for power in (2, 3, 4, 5))
    trace = s_2 - 2 * s_3 + s_2**2
    trace_of_square = s_4 + 2 * s_3**2 + 4 * s_2 * s_4 + s_2**4 - 4 * s_5 - 4 * s_2**2 * s_3
    return trace**2 / trace_of_square, s_2 / trace
