"""The linear lens: L2 logistic regression on standardised activations, fitted in the span of its samples.

Samples are fewer than features, and the L2 optimum lies in the span of the training rows, so the fit rotates them into
their own n coordinates once (an eigendecomposition of the Gram matrix) and every later fit costs n³ instead of n²·d. The
penalty is chosen inside the training part by grouped cross-validation on log loss; its grid is relative to the rows' mean
squared length, which makes one grid serve any d. Arms weigh equally, so .5 is neutral whatever the arms' sizes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.lenses.folds import IntArray, TooLittleData, grouped_stratified_folds
from engine.lenses.interface import AnyFloats, FloatArray, Part, StateLens, fold_scaling, standardisation

CHOICE_ROWS = 30
"""Below this many training rows the inner folds' loss is noise, and the middle of the grid stands."""


@dataclass(frozen=True, slots=True)
class Logistic:
    """The linear family."""

    standardise: bool = True
    strengths: tuple[float, ...] = (0.1, 1.0, 10.0)
    """Candidates for C times the mean squared length of a row; small is more regular."""
    inner_folds: int = 3

    @property
    def name(self) -> str:
        """The family's name in settings and in the study."""
        return "logistic"

    @property
    def chooses_threshold(self) -> bool:
        """Whether the threshold is chosen inside the training part."""
        return True

    def fit(self, X: AnyFloats, y: IntArray, *, groups: IntArray, seed: int) -> StateLens:
        """Fit one lens."""
        mean, scale = standardisation(X) if self.standardise else (np.zeros(X.shape[1]), np.ones(X.shape[1]))
        Z = (np.asarray(X, dtype=np.float64) - mean) / scale
        coordinates, basis = _own_coordinates(Z)
        length = float(np.mean(np.sum(Z**2, axis=1)))
        grid = [strength / length if length > 0 else strength for strength in self.strengths]
        penalty = self._choose(coordinates, y, groups, grid, seed)
        slope, intercept = _fit(coordinates, y, penalty)
        weight, bias = fold_scaling((basis @ slope)[None, :], np.array([intercept]), mean, scale)
        return StateLens({"linear.weight": weight, "linear.bias": bias})

    def fit_many(self, parts: Sequence[Part]) -> list[StateLens]:
        """Fit one lens a part."""
        return [self.fit(part.X, part.y, groups=part.groups, seed=part.seed) for part in parts]

    def _choose(self, A: FloatArray, y: IntArray, groups: IntArray, grid: list[float], seed: int) -> float:
        """Return the penalty of least held-out log loss, the more regular of equals, the middle one of few rows."""
        if len(grid) == 1 or len(y) < CHOICE_ROWS:
            return grid[len(grid) // 2]
        fold = grouped_stratified_folds(y, groups, n_folds=self.inner_folds, seed=seed)
        if isinstance(fold, TooLittleData):
            return grid[len(grid) // 2]
        losses = [_held_out_loss(A, y, fold, C) for C in grid]
        return grid[int(np.argmin(losses))]


def _own_coordinates(Z: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return rows in an orthonormal basis of their span [n, r], and that basis [d, r]."""
    n, d = Z.shape
    if d <= n:
        return Z, np.eye(d)
    values, vectors = np.linalg.eigh(Z @ Z.T)
    kept = values > max(values[-1], 0.0) * n * np.finfo(np.float64).eps
    if not kept.any():
        return np.zeros((n, 1)), np.zeros((d, 1))
    lengths = np.sqrt(values[kept])
    return vectors[:, kept] * lengths, Z.T @ (vectors[:, kept] / lengths)


def _fit(A: FloatArray, y: IntArray, C: float) -> tuple[FloatArray, float]:
    """Return slope [r] and the unpenalised intercept."""
    from sklearn import config_context
    from sklearn.linear_model import LogisticRegression

    # Hundreds of fits of a few rows each: sklearn's own argument checks would cost more than the fits.
    balanced = len(y) / (2.0 * np.bincount(y, minlength=2)[y])
    with config_context(skip_parameter_validation=True, assume_finite=True):
        model = LogisticRegression(C=C, solver="newton-cholesky", tol=1e-6).fit(A, y, sample_weight=balanced)
    return model.coef_[0], float(model.intercept_[0])


def _held_out_loss(A: FloatArray, y: IntArray, fold: IntArray, C: float) -> float:
    losses = np.empty(len(y))
    for number in np.unique(fold):
        train, held_out = fold != number, fold == number
        slope, intercept = _fit(A[train], y[train], C)
        logit = A[held_out] @ slope + intercept
        losses[held_out] = np.logaddexp(0.0, np.where(y[held_out] == 1, -logit, logit))
    return float(losses.mean())
