"""F1 over the number of pairs that a lens is fitted on: where the curve leads, and what more pairs would give.

The curve is an inverse power law, F1(n) = a − b·n^(−c) with b ≥ 0, a ≤ 1 and .5 ≤ c ≤ 2: in the long run the error of a
linear classifier falls as fast as the root of n at least, and a slower power fits a few sizes only by an end far beyond them.
Sizes of one curve are measured on the same held-out pairs, so their errors go together; a curve carries their covariance. The
interval is that of the profile likelihood: every value for which some b and c fit nearly as well as the best ones do, by
Student's t over the units that the covariance comes from. It needs no resampling, and it is as wide as it has to be where a
rising curve does not say where it will end. Where points lie further from any such curve than their errors allow, it is
widened by that much.

Over 2,000 simulated curves each, of 5 or 6 sizes and 6 to 60 groups, 95 % intervals hold the F1 of twice the largest size in
94 to 98 %, and the end in 96 to 99 % (its bounds make it cautious). A truth that rises more slowly than the law allows, by
the fourth root, ends above nearly every such interval, and the F1 of twice the pairs is still held in 90 %: the next step is
sure where the end is not.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from engine.stats.classification import always_positive_f1, f1_parts, outcomes
from engine.stats.estimate import Estimate, known, tail_probability, unknown, without_interval
from engine.stats.grouped import IntArray, group_numbers, share_of_others
from engine.stats.layers import layers_name
from engine.stats.ratio import Ratio, mean_ratio
from engine.stats.resampling import FloatArray

FEWEST_SIZES = 4
"""Three parameters, and one size more to see whether they fit."""
NOT_MEASURED = "no learning curve has been measured; run: lensgap curve"
_POWERS = np.geomspace(0.5, 2.0, 25)
_VALUES = np.round(np.linspace(0.0, 1.0, 501), 3)


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """F1 out of fold of lenses fitted on `n_train` pairs, on average, [m] sizes; `covariance` [m][m] is that of their errors.

    `n_units` are the groups, or concepts, that the covariance comes from; `n_pairs` and `n_positive` are the pairs that are
    there; `lens` says what was fitted. A curve without sizes has a `reason`.
    """

    n_train: tuple[int, ...]
    f1: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    n_units: int
    n_pairs: int
    n_positive: int
    lens: str = ""
    reason: str | None = None

    @property
    def prevalence(self) -> float | None:
        """Share of positives among the pairs; None without any."""
        return self.n_positive / self.n_pairs if self.n_pairs else None


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """The curve of best fit, a − b·n^(−c)."""

    a: float
    b: float
    c: float

    def f1(self, n: float) -> float:
        """F1 with lenses fitted on n pairs, not below 0."""
        return max(0.0, self.a - self.b / float(n**self.c))


CurveRow = tuple[str, str, list[int], int, int, int, list[int], list[float], list[float], str | None]
"""concept, family, layers, n_pairs, n_positive, n_groups, n_train, f1, covariance row by row, reason"""


def read_curves(rows: Iterable[CurveRow]) -> dict[str, LearningCurve]:
    """Return the curves by concept, of rows of the query `learning_curves.of_run`."""
    return {
        concept: LearningCurve(
            n_train=tuple(n_train),
            f1=tuple(f1),
            covariance=_rows(np.reshape(covariance, (len(n_train), len(n_train)))),
            n_units=n_groups,
            n_pairs=n_pairs,
            n_positive=n_positive,
            lens=f"{family}, {layers_name(layers)}",
            reason=reason,
        )
        for concept, family, layers, n_pairs, n_positive, n_groups, n_train, f1, covariance, reason in rows
    }


def measure_curve(
    y: ArrayLike, fires: Mapping[int, ArrayLike], groups: ArrayLike, *, lens: str = "", reason: str | None = None
) -> LearningCurve:
    """Return the curve of decisions [draws, n] on the same held-out pairs by lenses fitted on each number of pairs.

    ``y`` [n] are the arms, ``groups`` [n] name what is held out together. Each size has the mean of its draws; by how much
    these differ adds to its error.
    """
    labels = group_numbers(groups, np.asarray(y).size)
    sizes, ratios, between = [], [], []
    for size in sorted(fires):
        truth, each = outcomes(y, fires[size])
        found = mean_ratio(*f1_parts(truth, each))
        if found is not None:
            sizes.append(size)
            ratios.append(found)
            between.append(_between_draws(*f1_parts(truth, each)))
    n_positive = int(np.sum(np.asarray(y) == 1))
    n_groups = len(np.unique(labels))
    covariance = _grouped_covariance(ratios, labels, np.asarray(y) == 1) + np.diag(between)
    f1 = np.array([found.value for found in ratios])
    return LearningCurve(
        n_train=tuple(sizes),
        f1=tuple(f1.tolist()),
        covariance=_rows(_no_surer_than(covariance, n_groups)),
        n_units=n_groups,
        n_pairs=labels.size,
        n_positive=n_positive,
        lens=lens,
        reason=reason,
    )


def mean_curve(curves: Sequence[LearningCurve]) -> LearningCurve | None:
    """Return the mean curve over concepts, at the sizes that all of those have which have enough; None without a curve.

    Concepts are the units. A mean of power laws is nearly one, and where it is not the misfit widens the interval.
    """
    able = [curve for curve in curves if len(curve.n_train) >= FEWEST_SIZES]
    if not able:
        return next(iter(curves), None)
    if len(able) == 1:
        return able[0]
    common = sorted(set.intersection(*(set(curve.n_train) for curve in able)))
    f1 = np.array([[dict(zip(curve.n_train, curve.f1, strict=True))[n] for n in common] for curve in able])
    covariance = np.atleast_2d(np.cov(f1, rowvar=False)) / len(able) if common else np.zeros((0, 0))
    within = float(np.mean([curve.covariance[-1][-1] for curve in able])) / len(able)
    return LearningCurve(
        n_train=tuple(common),
        f1=tuple(f1.mean(axis=0).tolist()),
        covariance=_rows(_at_least(covariance, within)),
        n_units=len(able),
        n_pairs=round(float(np.mean([curve.n_pairs for curve in able]))),
        n_positive=round(float(np.mean([curve.n_positive for curve in able]))),
        lens=f"mean of {len(able)} concepts, {able[0].lens}",
    )


def asymptote(curve: LearningCurve | None, *, confidence: float = 0.95) -> Estimate:
    """Return a, the F1 that ever more pairs lead to, with its interval; n counts pairs. Unknown with fewer than four sizes."""
    return expected_f1(curve, math.inf, confidence=confidence)


def expected_f1(curve: LearningCurve | None, n: float, *, confidence: float = 0.95) -> Estimate:
    """Return the F1 of lenses fitted on n pairs, more or fewer than there are, with its interval."""
    tail, method = tail_probability(confidence), f"inverse power law, profile likelihood, {confidence:.0%}"
    if curve is None:
        return unknown(NOT_MEASURED, method=method)
    method += f"; {curve.lens}" if curve.lens else ""
    if (why := _why_not(curve)) is not None:
        return unknown(why, method=method, n=curve.n_pairs)
    misfit = _profile(curve, n).min(axis=1)
    best = int(misfit.argmin())
    value = float(_VALUES[best])
    if curve.n_units < 2:
        return without_interval(value, n=curve.n_pairs, method=method, because="there is only one group")
    t = float(stdtrit(curve.n_units - 1, 1.0 - tail))
    beyond = max(1.0, float(misfit[best]) / max(len(curve.n_train) - 3, 1))
    inside = _VALUES[misfit <= misfit[best] + t * t * beyond]
    return known(value, inside.min(), inside.max(), n=curve.n_pairs, method=method)


def fit_power_law(curve: LearningCurve) -> PowerLaw | None:
    """Return the curve of best fit; None with fewer than four sizes."""
    if _why_not(curve) is not None:
        return None
    misfit = _profile(curve, math.inf)
    place, power = np.unravel_index(int(misfit.argmin()), misfit.shape)
    a, c = float(_VALUES[place]), float(_POWERS[power])
    weight, y = _weight(curve), np.array(curve.f1)
    x = np.array(curve.n_train, dtype=np.float64) ** -c
    return PowerLaw(a, max(0.0, float(x @ weight @ (a - y) / (x @ weight @ x))), c)


def _why_not(curve: LearningCurve) -> str | None:
    if curve.reason:
        return curve.reason
    if len(curve.n_train) >= FEWEST_SIZES:
        return None
    noun = "size" if len(curve.n_train) == 1 else "sizes"
    return (
        f"a learning curve needs {FEWEST_SIZES} sizes of training set, and {curve.n_pairs} pairs give {len(curve.n_train)} "
        f"{noun}; add pairs, then run: lensgap curve"
    )


def _profile(curve: LearningCurve, at: float) -> FloatArray:
    """Return the squared misfit of the best curve through each value at ``at`` pairs and with each power, [values, powers].

    With the power given a curve through that value has one parameter left, b, whose best is a ratio.
    """
    y, weight = np.array(curve.f1), _weight(curve)
    there = float(at) ** -_POWERS
    x = np.array(curve.n_train, dtype=np.float64)[None, :] ** -_POWERS[:, None] - there[:, None]
    off = _VALUES[:, None] - y[None, :]
    along = off @ weight @ x.T
    length = np.einsum("cm,mk,ck->c", x, weight, x)
    with np.errstate(divide="ignore", invalid="ignore"):
        most = np.where(there > 0, (1.0 - _VALUES)[:, None] / there, np.inf)
    b = np.clip(along / np.maximum(length, 1e-300), 0.0, most)
    fixed = np.einsum("tm,mk,tk->t", off, weight, off)
    return np.asarray(fixed[:, None] - 2.0 * b * along + b * b * length)


def _weight(curve: LearningCurve) -> FloatArray:
    """Return the inverse of the covariance, drawn towards one that a few groups can tell: a common error and one a size."""
    found = np.array(curve.covariance)
    m = len(found)
    common = float((found.sum() - np.trace(found)) / (m * (m - 1)))
    common = min(max(common, 0.0), float(np.diag(found).min()))
    simple = np.full((m, m), common) + np.diag(np.diag(found) - common)
    share = m / (m + max(curve.n_units, 1))
    drawn = (1.0 - share) * found + share * simple
    # Sizes that agree in every group would be worth infinitely much.
    return np.asarray(np.linalg.inv(drawn + np.diag(0.02 * np.diag(drawn) + 1e-8)))


def _between_draws(numerator: FloatArray, denominator: FloatArray) -> float:
    """Return the variance of the draws' mean."""
    total = denominator.sum(axis=1)
    values = numerator.sum(axis=1)[total > 0] / total[total > 0]
    return float(values.var(ddof=1) / len(values)) if len(values) > 1 else 0.0


def _grouped_covariance(ratios: Sequence[Ratio], labels: IntArray, arms: ArrayLike) -> FloatArray:
    """Return the covariance of several ratios over the same samples, by what each whole group moves them by."""
    truth = np.asarray(arms, dtype=np.bool_)
    moved = []
    for ratio in ratios:
        influence = ratio.influence.copy()
        for mine in (truth, ~truth):
            if mine.any():
                influence[mine] -= influence[mine].mean()
        moved.append(np.bincount(labels, weights=influence))
    if not moved:
        return np.zeros((0, 0))
    by_group = np.array(moved)
    n_groups = by_group.shape[1]
    return np.asarray(by_group @ by_group.T * n_groups / max(n_groups - 1, 1))


def _no_surer_than(covariance: FloatArray, n_groups: int) -> FloatArray:
    """Add the common error that as many groups without exception allow, as intervals of an F1 do."""
    if n_groups < 2:
        return covariance
    reach = 1.0 - always_positive_f1(1.0 - share_of_others(n_groups))
    return _at_least(covariance, (reach / float(stdtrit(n_groups - 1, 0.975))) ** 2)


def _at_least(covariance: FloatArray, variance: float) -> FloatArray:
    lacking = variance - float(covariance[-1, -1]) if len(covariance) else 0.0
    return covariance + max(0.0, lacking)


def _rows(matrix: FloatArray) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in matrix.tolist())
