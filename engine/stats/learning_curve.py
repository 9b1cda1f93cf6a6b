"""Learning curves: F1 over the number of pairs that a lens is fitted on, as measured, and their mean over concepts.

Sizes of one curve are measured on the same held-out pairs, so their errors go together; a curve carries their covariance.
Where a curve leads is in `power_law`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from engine.stats.classification import always_positive_f1, f1_parts, outcomes
from engine.stats.grouped import IntArray, group_numbers, share_of_others
from engine.stats.layers import layers_name
from engine.stats.ratio import Ratio, mean_ratio
from engine.stats.resampling import FloatArray

FEWEST_SIZES = 4
"""A power law has three parameters; one size more shows whether it fits."""


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
