"""The relevance gap: mean rating of the positive arm less that of the negative arm, from histograms alone.

Intervals here take these concepts as given. Those of `engine.stats.gap_clusters` speak of concepts like these, and are the
honest ones above the grain of a concept.

Where a few texts fail and the others agree, ten ratings may hold no failure, and Welch's t then is far too sure. So `END_RATINGS`
of a 1 and of a 5 are added to each arm before it is reckoned, as Agresti and Caffo (2000) add a success and a failure to shares:
zero spread in a few ratings is no evidence of certainty. The value stays that of the ratings, and lies in the interval. Plain
Welch's t and the bootstrap are here to compare (docs/intervals.md has the simulation).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import stdtrit

from engine.stats.estimate import Estimate, known, tail_probability, unknown, without_interval
from engine.stats.histogram import RATINGS, RatingHistogram
from engine.stats.resampling import FloatArray, percentile_estimate

WEAK_BELOW_CONCEPTS = 8
LARGEST_GAP = 4.0
_LOWEST, _HIGHEST = 1.0, 5.0
_METHOD = "Welch t, ratings added at the ends"
_SINGLE = "an arm has only one rating"
END_RATINGS: Final = 0.3
"""Ratings of 1, and of 5, that are added to each arm: with fewer, unlike arms hold too seldom; with more, all are too wide."""


@dataclass(frozen=True)
class GapDecomposition:
    """The gap's two parts, which add up to it: among good outputs, and what degenerate outputs add or take."""

    topicality: Estimate
    degeneracy: Estimate


@dataclass(frozen=True)
class _ArmMean:
    """A mean over one arm with the variance of a single unit's contribution to it; ``n`` counts added ratings, too."""

    value: float
    unit_variance: float
    n: float


@dataclass(frozen=True)
class _Ratings:
    """Number, mean and squared distances to the mean of ratings, those that are added among them."""

    n: float
    mean: float
    squares: float


def relevance_gap(positive: RatingHistogram, negative: RatingHistogram, *, confidence: float = 0.95) -> Estimate:
    """Return mean(positive) - mean(negative) with Welch's t interval, ratings added at the ends; n counts those of both arms.

    Unknown when an arm has no rating; without an interval when an arm has one.
    """
    return _rated_gap(
        positive, negative, added=END_RATINGS, confidence=confidence, method=f"{_METHOD}, {confidence:.0%}"
    )


def welch_gap(positive: RatingHistogram, negative: RatingHistogram, *, confidence: float = 0.95) -> Estimate:
    """Return the same gap with plain Welch's t interval, to compare; none when neither arm's ratings vary, either."""
    return _rated_gap(positive, negative, added=0.0, confidence=confidence, method=f"Welch t, {confidence:.0%}")


def _rated_gap(
    positive: RatingHistogram, negative: RatingHistogram, *, added: float, confidence: float, method: str
) -> Estimate:
    n = positive.n + negative.n
    missing = _missing_arm(positive, negative)
    if missing:
        return unknown(missing, n=n, method=method)
    value = positive.total / positive.n - negative.total / negative.n
    if min(positive.n, negative.n) < 2:
        return without_interval(value, n=n, method=method, because=_SINGLE)
    arms = _rating_mean(positive, added), _rating_mean(negative, added)
    return _welch(value, *arms, n=n, limit=LARGEST_GAP, confidence=confidence, method=method)


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
    as given. Has an interval exactly when `welch_gap` has one.
    """
    method = f"bootstrap of ratings, {n_resamples} resamples, {confidence:.0%}"
    plain = welch_gap(positive, negative, confidence=confidence)
    if plain.value is None:
        return unknown(plain.reason or "", n=plain.n, method=method)
    if not plain.has_interval:
        return without_interval(plain.value, n=plain.n, method=method, because=plain.why_no_interval or "")
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
    rating's influence on mean(all) - mean(good), since the two means share their good outputs; the ratings that are added at
    the ends are those of degenerate outputs, of which few ratings may hold none.
    """
    topicality = relevance_gap(positive_good, negative_good, confidence=confidence)
    method, n = f"{_METHOD}, of influences, {confidence:.0%}", positive_all.n + negative_all.n
    pairs = (positive_all, positive_good), (negative_all, negative_good)
    rests = [_rest(*pair) for pair in pairs]
    if topicality.value is None:
        reason = f"among good outputs: {topicality.reason}"
        topicality = unknown(reason, n=topicality.n, method=topicality.method)
        return GapDecomposition(topicality, unknown(reason, n=n, method=method))
    value = positive_all.total / positive_all.n - negative_all.total / negative_all.n - topicality.value
    if min(positive_all.n, negative_all.n) < 2:
        return GapDecomposition(topicality, without_interval(value, n=n, method=method, because=_SINGLE))
    arms = [_degeneracy_mean(good, rest) for (_, good), rest in zip(pairs, rests, strict=True)]
    limit = 2 * LARGEST_GAP
    degeneracy = _welch(value, *arms, n=n, limit=limit, confidence=confidence, method=method)
    return GapDecomposition(topicality, degeneracy)


def _degeneracy_mean(good: RatingHistogram, rest: RatingHistogram) -> _ArmMean:
    """Return mean(all) - mean(good) of an arm and the variance of a rating's influence on it, ratings added to the rest."""
    degenerate, good_mean = _with_ends(rest, END_RATINGS), good.total / good.n
    n = degenerate.n + good.n
    mean = (degenerate.n * degenerate.mean + good.total) / n
    # A degenerate rating x has the influence x - mean, a good one that less (x - good_mean) * n / n_good.
    squares = degenerate.squares + degenerate.n * (degenerate.mean - mean) ** 2
    squares += good.deviation_squares * (1 - n / good.n) ** 2 + good.n * (good_mean - mean) ** 2
    return _ArmMean(mean - good_mean, squares / (n - 1), n)


def _rest(everything: RatingHistogram, good: RatingHistogram) -> RatingHistogram:
    """The ratings of an arm that are not of good outputs."""
    rest = [n_all - n_good for n_all, n_good in zip(everything.counts, good.counts, strict=True)]
    if min(rest) < 0:
        raise ValueError(f"good outputs {good.counts} are no part of all outputs {everything.counts}")
    counts = (rest[0], rest[1], rest[2], rest[3], rest[4])
    off_total, off_squares = everything.off_total - good.off_total, everything.off_squares - good.off_squares
    return RatingHistogram(counts, off_total, off_squares)


def _rating_mean(histogram: RatingHistogram, added: float) -> _ArmMean:
    ratings = _with_ends(histogram, added)
    return _ArmMean(ratings.mean, ratings.squares / (ratings.n - 1), ratings.n)


def _with_ends(histogram: RatingHistogram, added: float) -> _Ratings:
    """The ratings and as many more of 1 and of 5; together at least a part of one."""
    n_given, total = histogram.n, histogram.total
    n = n_given + 2.0 * added
    mean = (total + added * (_LOWEST + _HIGHEST)) / n
    squares = histogram.deviation_squares + added * ((_LOWEST - mean) ** 2 + (_HIGHEST - mean) ** 2)
    if n_given:
        squares += n_given * (total / n_given - mean) ** 2
    return _Ratings(n, mean, squares)


def _missing_arm(positive: RatingHistogram, negative: RatingHistogram) -> str | None:
    empty = [arm for arm, histogram in (("positive", positive), ("negative", negative)) if not histogram.n]
    return f"no rating in the {' and the '.join(empty)} arm" if empty else None


def _welch(
    value: float, positive: _ArmMean, negative: _ArmMean, *, n: int, limit: float, confidence: float, method: str
) -> Estimate:
    """Return the value with Welch's interval about the difference of two arms' means, cut to -limit..limit, value inside."""
    tail = tail_probability(confidence)
    a, b = positive.unit_variance / positive.n, negative.unit_variance / negative.n
    # Identical ratings may differ by rounding; no real spread is that small.
    if a + b < 1e-20:
        return without_interval(value, n=n, method=method, because="neither arm varies")
    freedom = (a + b) ** 2 / (a**2 / (positive.n - 1) + b**2 / (negative.n - 1))
    middle, half = positive.value - negative.value, float(stdtrit(freedom, 1.0 - tail)) * math.sqrt(a + b)
    low, high = max(min(middle - half, value), -limit), min(max(middle + half, value), limit)
    return known(value, low, high, n=n, method=method)
