"""The linear lens: L2 logistic regression on standardised activations, fitted in the span of its samples.

Samples are fewer than features, and the L2 optimum lies in the span of the training rows, so a part's Gram matrix is made
once and every fit costs n³ instead of n²·d; fits of one size run as a stack (see `newton`). The penalty is chosen inside
the training part by grouped cross-validation on log loss; its grid is relative to the rows' mean squared length, which
makes one grid serve any d. Arms weigh equally, so .5 is neutral whatever the arms' sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.lenses.batches import fit_trainable, of_one_size
from engine.lenses.folds import IntArray, TooLittleData, grouped_stratified_folds
from engine.lenses.gram import gram, row_weights, stack
from engine.lenses.interface import AnyFloats, FloatArray, Part, StateLens, fold_scaling, standardisation
from engine.lenses.newton import fit_dual

CHOICE_ROWS = 30
"""Below this many training rows the inner folds' loss is noise, and the middle of the grid stands."""


@dataclass(frozen=True, slots=True)
class Logistic:
    """The linear family."""

    standardise: bool = True
    strengths: tuple[float, ...] = (0.1, 1.0, 10.0)
    """Candidates for C times the mean squared length of a row; small is more regular."""
    inner_folds: int = 3
    device: str = "cpu"
    memory_mib: int = 512

    @property
    def name(self) -> str:
        """The family's name in settings and in the study."""
        return "logistic"

    @property
    def weighs_rows(self) -> Literal[True]:
        """Rows may have weights."""
        return True

    @property
    def chooses_threshold(self) -> bool:
        """Whether the threshold is chosen inside the training part."""
        return True

    @property
    def width(self) -> int:
        """Weights over each feature."""
        return 1

    def fit(self, X: AnyFloats, y: IntArray, *, groups: IntArray, seed: int) -> StateLens:
        """Fit one lens."""
        return self.fit_many([Part(X, y, groups, seed)])[0]

    def fit_many(self, parts: Sequence[Part]) -> list[StateLens]:
        """Fit one lens a part, those of one size as stacks."""
        return fit_trainable(parts, self._fit_all)

    def _fit_all(self, parts: Sequence[Part]) -> list[StateLens]:
        lenses: dict[int, StateLens] = {}
        d, most = parts[0].X.shape[1], 8 * self.inner_folds * len(self.strengths)
        budget = of_one_size(parts, floats_per_part=lambda n: n * d + most * n * n, memory_mib=self.memory_mib)
        for places in budget:
            lenses.update(zip(places, self._fit_batch([parts[place] for place in places]), strict=True))
        return [lenses[place] for place in range(len(parts))]

    def _fit_batch(self, parts: Sequence[Part]) -> list[StateLens]:
        scaled = [self._scale(part) for part in parts]
        grams = [gram(Z) for Z, _, _ in scaled]
        problems = [
            _Problem(K, part.y, penalty, row_weights(part))
            for K, part, penalty in zip(grams, parts, self._choose(grams, parts), strict=True)
        ]
        lenses = []
        for (Z, mean, scale), (a, b) in zip(scaled, _solve(problems, self.device), strict=True):
            weight, bias = fold_scaling((a @ Z)[None, :], np.array([b]), mean, scale)
            lenses.append(StateLens({"linear.weight": weight, "linear.bias": bias}))
        return lenses

    def _scale(self, part: Part) -> tuple[FloatArray, FloatArray, FloatArray]:
        d = part.X.shape[1]
        mean, scale = standardisation(part.X, part.weight) if self.standardise else (np.zeros(d), np.ones(d))
        return (np.asarray(part.X, dtype=np.float64) - mean) / scale, mean, scale

    def _choose(self, grams: Sequence[FloatArray], parts: Sequence[Part]) -> list[float]:
        """Return each part's penalty of least held-out log loss, the more regular of equals, the middle one of few rows."""
        grids = [self._grid(K, row_weights(part)) for K, part in zip(grams, parts, strict=True)]
        chosen = [grid[len(grid) // 2] for grid in grids]
        folds = {i: fold for i, part in enumerate(parts) if (fold := self._inner(part)) is not None}
        tasks = [(i, C, k) for i, fold in folds.items() for C in grids[i] for k in np.unique(fold)]
        inner = [_without(grams[i], parts[i], folds[i] != k, C) for i, C, k in tasks]
        losses = {(i, C): np.empty(len(folds[i])) for i, C, _ in tasks}
        for (i, C, k), (a, b) in zip(tasks, _solve(inner, self.device), strict=True):
            held_out = folds[i] == k
            logit = grams[i][np.ix_(held_out, ~held_out)] @ a + b
            losses[i, C][held_out] = np.logaddexp(0.0, np.where(parts[i].y[held_out] == 1, -logit, logit))
        for i in folds:
            weight = row_weights(parts[i])
            chosen[i] = grids[i][int(np.argmin([np.average(losses[i, C], weights=weight) for C in grids[i]]))]
        return chosen

    def _grid(self, K: FloatArray, weight: FloatArray) -> list[float]:
        length = float(np.average(np.diag(K), weights=weight))
        return [strength / length if length > 0 else strength for strength in self.strengths]

    def _inner(self, part: Part) -> IntArray | None:
        if len(self.strengths) == 1 or len(part.y) < CHOICE_ROWS:
            return None
        fold = grouped_stratified_folds(part.y, part.groups, n_folds=self.inner_folds, seed=part.seed)
        return None if isinstance(fold, TooLittleData) else fold


@dataclass(frozen=True, slots=True, eq=False)
class _Problem:
    """One fit: Gram matrix [n, n], arms [n], penalty C, weights of rows [n]."""

    K: FloatArray
    y: IntArray
    C: float
    weight: FloatArray


def _without(K: FloatArray, part: Part, kept: np.ndarray[tuple[int], np.dtype[np.bool_]], C: float) -> _Problem:
    return _Problem(K[np.ix_(kept, kept)], part.y[kept], C, row_weights(part)[kept])


def _solve(problems: Sequence[_Problem], device: str) -> list[tuple[FloatArray, float]]:
    """Return coefficients [n] and intercept of each problem, those of one size solved as a stack."""
    import torch

    sizes: dict[int, list[int]] = {}
    for place, problem in enumerate(problems):
        sizes.setdefault(len(problem.y), []).append(place)
    solved: dict[int, tuple[FloatArray, float]] = {}
    for places in sizes.values():
        some = [problems[place] for place in places]
        K, y = stack([one.K for one in some], device), stack([one.y.astype(np.float64) for one in some], device)
        C = torch.tensor([one.C for one in some], dtype=torch.float64, device=device)
        a, b = fit_dual(K, y, C, stack([one.weight for one in some], device))
        solved.update(zip(places, zip(a.cpu().numpy(), b.tolist(), strict=True), strict=True))
    return [solved[place] for place in range(len(problems))]
