"""Before and after: the same concepts measured in two ways, compared concept by concept.

Concepts differ far more from each other than one way differs from another, so only differences within a concept count, and
a concept that lacks either side counts in neither. Student's t over concepts gives the interval, a percentile bootstrap of
concepts checks it, and two tests that need no normal distribution stand beside: which way concepts moved (sign) and how far
in rank (Wilcoxon). Where many concepts are tested one by one, Benjamini and Hochberg's adjustment keeps the share of false
finds in hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr, stdtrit
from scipy.stats import binomtest, false_discovery_control, rankdata, wilcoxon

from engine.stats.classification import f1_parts, outcomes
from engine.stats.estimate import Estimate, known, tail_probability, unknown, without_interval
from engine.stats.grouped import CONFIDENCE, NO_SPREAD, ONE_GROUP, group_numbers, group_variance
from engine.stats.ratio import mean_ratio
from engine.stats.resampling import FloatArray, percentile_estimate, resampled_totals
from engine.stats.summary import mean_estimate

SAME = 1e-9
"""Differences smaller than this are rounding, not a change."""
_FEW = 13
"""Of so many differences ranks are tested exactly even where some are equal, as scipy does."""


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """What became of a measure over matched concepts; `difference` is after less before, and its n counts concepts."""

    before: Estimate
    after: Estimate
    difference: Estimate
    bootstrap: Estimate
    n: int
    n_missing: int
    n_rose: int
    n_fell: int
    sign_p: float | None
    wilcoxon_p: float | None

    @property
    def n_same(self) -> int:
        """Concepts that neither rose nor fell."""
        return self.n - self.n_rose - self.n_fell


@dataclass(frozen=True, slots=True)
class Change:
    """One concept's change of a measure with its two-sided p; None where no interval can be given."""

    estimate: Estimate
    p: float | None


def compare_paired(
    before: Sequence[float | None],
    after: Sequence[float | None],
    *,
    seed: int,
    n_resamples: int = 1000,
    confidence: float = CONFIDENCE,
) -> PairedComparison:
    """Compare a measure before and after, both in the order of the same concepts, None where a side is unknown.

    Raises ValueError for lengths that differ and for values that are not finite.
    """
    if len(before) != len(after):
        raise ValueError(f"a comparison is of the same concepts, got {len(before)} before and {len(after)} after")
    both = [(b, a) for b, a in zip(before, after, strict=True) if b is not None and a is not None]
    old, new = np.array(both, dtype=np.float64).reshape(-1, 2).T
    difference = new - old
    # What differs by rounding alone is told as no change, by the mean as by the counts.
    difference[np.abs(difference) <= SAME] = 0.0
    n_rose, n_fell = int((difference > 0).sum()), int((difference < 0).sum())
    return PairedComparison(
        before=mean_estimate(old.tolist(), confidence=confidence),
        after=mean_estimate(new.tolist(), confidence=confidence),
        difference=mean_estimate(difference.tolist(), confidence=confidence),
        bootstrap=_bootstrap(difference, n_resamples=n_resamples, seed=seed, confidence=confidence),
        n=difference.size,
        n_missing=len(before) - difference.size,
        n_rose=n_rose,
        n_fell=n_fell,
        sign_p=float(binomtest(n_rose, n_rose + n_fell).pvalue) if n_rose + n_fell else None,
        wilcoxon_p=_wilcoxon_p(difference[difference != 0.0]) if n_rose + n_fell else None,
    )


def _wilcoxon_p(difference: FloatArray) -> float:
    """Return the two-sided p of the signed ranks of differences other than 0, of few of them exact with ties, too."""
    n = difference.size
    if n > _FEW:
        return float(wilcoxon(difference).pvalue)
    # Middle ranks are halves. How many of all choices of signs give each sum of them is added up rank by rank: the library
    # ranks each choice by itself, which takes a hundred times as long.
    doubled = (2.0 * rankdata(np.abs(difference))).astype(np.int64)
    choices = np.zeros(doubled.sum() + 1)
    choices[0] = 1.0
    for rank in doubled:
        choices[rank:] += choices[:-rank].copy()
    rose = doubled[difference > 0.0].sum()
    tail = min(choices[: rose + 1].sum(), choices[rose:].sum())
    return min(1.0, float(2.0 * tail / 2.0**n))


def f1_change(
    y_true: ArrayLike, before: ArrayLike, after: ArrayLike, groups: ArrayLike, *, confidence: float = CONFIDENCE
) -> Change:
    """Return one concept's F1 after less before, from decisions [n] or [rounds, n] on the same samples, over groups."""
    method = f"difference of F1, Student's t over groups, {confidence:.0%}"
    (truth, first), (_, second) = outcomes(y_true, before), outcomes(y_true, after)
    labels = group_numbers(groups, truth.size)
    old, new = mean_ratio(*f1_parts(truth, first)), mean_ratio(*f1_parts(truth, second))
    if old is None or new is None:
        return Change(unknown("one side has no positive and predicts none", n=truth.size, method=method), None)
    value, n_groups = new.value - old.value, len(np.unique(labels))
    if n_groups < 2:
        return Change(without_interval(value, n=truth.size, method=method, because=ONE_GROUP), None)
    error = group_variance(new.influence - old.influence, labels, arms=truth) ** 0.5
    if error <= SAME:
        return Change(without_interval(value, n=truth.size, method=method, because=NO_SPREAD), None)
    half = error * float(stdtrit(n_groups - 1, 1.0 - tail_probability(confidence)))
    estimate = known(value, max(value - half, -1.0), min(value + half, 1.0), n=truth.size, method=method)
    return Change(estimate, 2.0 * float(stdtr(n_groups - 1, -abs(value) / error)))


def adjusted_p(p: Sequence[float | None]) -> list[float | None]:
    """Return Benjamini and Hochberg's adjusted p of many concepts, None where p is unknown; those do not count."""
    given = [each for each in p if each is not None]
    adjusted = iter(false_discovery_control(given).tolist() if given else ())
    return [None if each is None else next(adjusted) for each in p]


def _bootstrap(difference: FloatArray, *, n_resamples: int, seed: int, confidence: float) -> Estimate:
    method = f"bootstrap of concepts, {n_resamples} resamples, {confidence:.0%}"
    n = difference.size
    if not n:
        return unknown("no concept has a value on both sides", method=method)
    value = float(difference.mean())
    if n == 1 or np.ptp(difference) == 0.0:
        because = "there is only one concept" if n == 1 else "the differences do not vary"
        return without_interval(value, n=n, method=method, because=because)
    draws = resampled_totals(difference[:, None], n_resamples=n_resamples, seed=seed)[:, 0] / n
    return percentile_estimate(value, draws, n=n, confidence=confidence, method=method)
