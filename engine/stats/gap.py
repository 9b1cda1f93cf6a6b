"""The relevance gap: mean rating of the positive arm less that of the negative arm, from histograms alone.

Intervals here take these concepts as given: Welch's t, or the bootstrap of ratings. Those of `engine.stats.gap_clusters` speak
of concepts like these, and are the honest ones above the grain of a concept. A gap whose arms show no spread
at all keeps its value and gets no interval: zero spread in a few ratings is no evidence of certainty.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from engine.stats.estimate import Estimate, known, tail_probability, unknown, without_interval
from engine.stats.histogram import RATINGS, RatingHistogram
from engine.stats.resampling import FloatArray, percentile_estimate

WEAK_BELOW_CONCEPTS = 8
LARGEST_GAP = 4.0


@dataclass(frozen=True)
class GapDecomposition:
    """The gap's two parts, which add up to it: among good outputs, and what degenerate outputs add or take."""

    topicality: Estimate
    degeneracy: Estimate


@dataclass(frozen=True)
class _ArmMean:
    """A mean over one arm with the variance of a single unit's contribution to it."""

    value: float
    unit_variance: float | None
    n: int


def relevance_gap(positive: RatingHistogram, negative: RatingHistogram, *, confidence: float = 0.95) -> Estimate:
    """Return mean(positive) - mean(negative) with Welch's t interval; n counts the ratings of both arms.

    Unknown when an arm has no rating; without an interval when an arm has one, or when neither arm's ratings vary.
    """
    method = f"Welch t, {confidence:.0%}"
    missing = _missing_arm(positive, negative)
    if missing:
        return unknown(missing, n=positive.n + negative.n, method=method)
    arms = _rating_mean(positive), _rating_mean(negative)
    return _welch(*arms, limit=LARGEST_GAP, confidence=confidence, method=method)


def multinomial_bootstrap_gap(
    positive: RatingHistogram,
    negative: RatingHistogram,
    *,
    n_resamples: int = 1000,
    seed: int,
    confidence: float = 0.95,
) -> Estimate:
    """Return the gap with a percentile interval from resampling each arm's ratings.

    Ratings that are means are resampled by their bins; the draws are moved so that they are centred on the gap of the ratings
    as given. Has an interval exactly when `relevance_gap` has one.
    """
    method = f"bootstrap of ratings, {n_resamples} resamples, {confidence:.0%}"
    plain = relevance_gap(positive, negative, confidence=confidence)
    if plain.value is None:
        return unknown(plain.reason or "", n=plain.n, method=method)
    if not plain.has_interval:
        return without_interval(plain.value, n=plain.n, method=method, because=_no_interval(positive, negative))
    rng = np.random.default_rng(seed)
    draws = resampled_means(positive, n_resamples, rng) - resampled_means(negative, n_resamples, rng)
    return percentile_estimate(plain.value, draws, n=plain.n, confidence=confidence, method=method)


def resampled_means(histogram: RatingHistogram, n_resamples: int, rng: np.random.Generator) -> FloatArray:
    """Return the mean rating of each multinomial resample of a histogram, moved by what bins take, shape (n_resamples,)."""
    n = histogram.n
    means: FloatArray = rng.multinomial(n, histogram.as_array() / n, size=n_resamples) @ RATINGS / n
    return means + histogram.off_total / n


def decompose_gap(
    positive_all: RatingHistogram,
    negative_all: RatingHistogram,
    positive_good: RatingHistogram,
    negative_good: RatingHistogram,
    *,
    confidence: float = 0.95,
) -> GapDecomposition:
    """Split the gap into the gap among good outputs and the rest, which degenerate outputs cause.

    The good histograms are parts of the others (ValueError if not). The degeneracy part's interval is Welch's on each
    rating's influence on mean(all) - mean(good), since the two means share their good outputs.
    """
    topicality = relevance_gap(positive_good, negative_good, confidence=confidence)
    method = f"Welch t on influences, {confidence:.0%}"
    arms = (_degeneracy_mean(positive_all, positive_good), _degeneracy_mean(negative_all, negative_good))
    if topicality.value is None:
        reason = f"among good outputs: {topicality.reason}"
        n = positive_all.n + negative_all.n
        topicality = unknown(reason, n=topicality.n, method=topicality.method)
        return GapDecomposition(topicality, unknown(reason, n=n, method=method))
    degeneracy = _welch(*arms, limit=2 * LARGEST_GAP, confidence=confidence, method=method)
    return GapDecomposition(topicality, degeneracy)


def _degeneracy_mean(everything: RatingHistogram, good: RatingHistogram) -> _ArmMean:
    """Return mean(all) - mean(good) of an arm and the variance of the influence of one rating on it."""
    degenerate = _rest(everything, good)
    n, mean, good_mean = everything.n, everything.mean, good.mean
    if mean is None or good_mean is None:
        return _ArmMean(0.0, None, n)
    # A degenerate rating x has the influence x - mean, a good one that less (x - good_mean) * n / n_good.
    squares = degenerate.deviation_squares + degenerate.n * ((degenerate.mean or mean) - mean) ** 2
    squares += good.deviation_squares * (1 - n / good.n) ** 2 + good.n * (good_mean - mean) ** 2
    return _ArmMean(mean - good_mean, squares / (n - 1) if n > 1 else None, n)


def _rest(everything: RatingHistogram, good: RatingHistogram) -> RatingHistogram:
    """The ratings of an arm that are not of good outputs."""
    rest = [n_all - n_good for n_all, n_good in zip(everything.counts, good.counts, strict=True)]
    if min(rest) < 0:
        raise ValueError(f"good outputs {good.counts} are no part of all outputs {everything.counts}")
    counts = (rest[0], rest[1], rest[2], rest[3], rest[4])
    off_total, off_squares = everything.off_total - good.off_total, everything.off_squares - good.off_squares
    return RatingHistogram(counts, off_total, off_squares)


def _rating_mean(histogram: RatingHistogram) -> _ArmMean:
    return _ArmMean(histogram.total / histogram.n, histogram.variance, histogram.n)


def _missing_arm(positive: RatingHistogram, negative: RatingHistogram) -> str | None:
    empty = [arm for arm, histogram in (("positive", positive), ("negative", negative)) if not histogram.n]
    return f"no rating in the {' and the '.join(empty)} arm" if empty else None


def _no_interval(positive: RatingHistogram, negative: RatingHistogram) -> str:
    single = min(positive.n, negative.n) < 2
    return "an arm has only one rating" if single else "neither arm varies"


def _welch(positive: _ArmMean, negative: _ArmMean, *, limit: float, confidence: float, method: str) -> Estimate:
    """Return the difference of two arms' means with Welch's interval, cut to -limit..limit."""
    tail = tail_probability(confidence)
    value, n = positive.value - negative.value, positive.n + negative.n
    if positive.unit_variance is None or negative.unit_variance is None:
        return without_interval(value, n=n, method=method, because="an arm has only one rating")
    a, b = positive.unit_variance / positive.n, negative.unit_variance / negative.n
    # Influences of identical ratings may differ from 0 by rounding; no real spread is that small.
    if a + b < 1e-20:
        return without_interval(value, n=n, method=method, because="neither arm varies")
    freedom = (a + b) ** 2 / (a**2 / (positive.n - 1) + b**2 / (negative.n - 1))
    half = float(stdtrit(freedom, 1.0 - tail)) * math.sqrt(a + b)
    low, high = max(value - half, -limit), min(value + half, limit)
    return known(value, low, high, n=n, method=method)
