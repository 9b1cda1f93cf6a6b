"""Choose a strength and calibrate a margin on leave-one-group-out margins, pooled over the parts of a pool.

The loss is 0–1: squared error prefers a penalty that fits margins, and under label noise that is another penalty. A
part's two arms weigh equally in it. One part alone makes a coarse loss with many ties, so of equals the candidate nearest
to the middle of the grid is taken.

Calibration is one slope for the pool and no intercept: the margin is already measured from the middle between the arms,
and a slope of a lens's own would follow from as few as ten rows, all of them often on the right side.
"""

from collections.abc import Sequence

import numpy as np

from engine.lenses.folds import IntArray
from engine.lenses.interface import FloatArray

TIE = 1e-9
_STEPS = 60


def errors(margins: FloatArray, y: IntArray, weight: FloatArray | None = None) -> FloatArray:
    """Return the balanced 0–1 loss [candidates] of margins [candidates, n]; nan where no row of an arm was left out."""
    weight = np.ones(len(y)) if weight is None else weight
    right = np.where(y == 1, margins, -margins)
    wrong = np.where(np.isnan(margins), np.nan, np.where(right == 0, 0.5, right < 0))
    arms = [(y == arm) & ~np.isnan(margins[0]) for arm in (0, 1)]
    if not all(arm.any() for arm in arms):
        return np.full(len(margins), np.nan)
    return np.asarray(np.mean([np.average(wrong[:, arm], axis=1, weights=weight[arm]) for arm in arms], axis=0))


def choose(losses: FloatArray) -> int:
    """Return the candidate of least mean loss [parts, candidates]; the middle one where no part has a loss."""
    known = losses[~np.isnan(losses).any(axis=1)]
    middle = int(losses.shape[1]) // 2
    if not len(known):
        return middle
    mean = known.mean(axis=0)
    tied = np.flatnonzero(mean <= mean.min() + TIE)
    return int(tied[np.argmin(np.abs(tied - middle))])


def slope(
    margins: Sequence[FloatArray], ys: Sequence[IntArray], weights: Sequence[FloatArray | None] | None = None
) -> float:
    """Return the factor that makes margins log-odds, arms weighing equally, by Platt's smoothed likelihood.

    It stays positive: a calibration that turned decisions over would be another lens. 1 where no margin is known.
    """
    m, y = np.concatenate(list(margins)), np.concatenate(list(ys))
    given = [np.ones(len(one)) if w is None else w for one, w in zip(ys, weights or [None] * len(ys), strict=True)]
    w = np.concatenate(given)[~np.isnan(m)]
    m, y = m[~np.isnan(m)], y[~np.isnan(m)]
    size = float(np.sqrt(np.average(m**2, weights=w))) if len(m) else 0.0
    n = np.bincount(y, weights=w, minlength=2)
    if size == 0.0 or not n.all():
        return 1.0
    # Platt's targets for the two arms, which keep the slope finite where all rows are on the right side.
    target = np.where(y == 1, (n[1] + 1.0) / (n[1] + 2.0), 1.0 / (n[0] + 2.0))
    weight = w / n[y]
    return _root(m / size, target, weight) / size


def _root(m: FloatArray, target: FloatArray, weight: FloatArray) -> float:
    """Bisect the derivative of the log-likelihood, which falls with the slope."""
    from scipy.special import expit

    low, high = np.log(1e-2), np.log(1e3)
    for _ in range(_STEPS):
        middle = (low + high) / 2.0
        rises = float(np.sum(weight * m * (target - expit(np.exp(middle) * m)))) > 0
        low, high = (middle, high) if rises else (low, middle)
    return float(np.exp((low + high) / 2.0))
