"""What concepts share: the scatter of activations within their arms, over all parts of a pool.

A single concept has a few dozen rows for a covariance of thousands of features; the pool has them all. Rows enter less
the mean of their arm in their part, so neither arm's label nor the difference between arms is in it, beyond the centring.
Where the pool has fewer rows than features it is kept as rows, and shrunk covariances are solved in their span.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.lenses.gram import centre, row_weights
from engine.lenses.interface import AnyFloats, FloatArray, Part

if TYPE_CHECKING:
    from torch import Tensor

_ROWS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Σ e eᵀ over rows less their arm's mean: `scatter` [d, d], or else the `rows` [n, d] themselves."""

    scatter: FloatArray | None
    rows: AnyFloats | None
    freedom: float
    """Rows, by weight, less arms."""
    variance: float
    """Mean over features of Σ e²; 1 where nothing varies."""


def build_pool(parts: Sequence[Part]) -> Pool:
    """Gather the scatter of all parts."""
    d, n = parts[0].X.shape[1], sum(len(part.y) for part in parts)
    freedom = max(1.0, sum(float(row_weights(part).sum()) for part in parts) - 2 * len(parts))
    if n < d:
        rows = np.concatenate(list(map(less_arm_mean, parts)))
        return Pool(None, rows, freedom, _variance(float(np.sum(np.square(rows, dtype=np.float64))), d))
    scatter = np.zeros((d, d))
    for block in _blocks(map(less_arm_mean, parts)):
        scatter += block.T @ block
    return Pool(scatter, None, freedom, _variance(float(np.trace(scatter)), d))


def _variance(total: float, d: int) -> float:
    return total / d if total > 0 else 1.0


def less_arm_mean(part: Part) -> AnyFloats:
    """Return the rows [n, d] less the mean of their arm; a weighted row times the root of its weight."""
    rows, weight = centre(part.X, part.weight).centred, row_weights(part)
    result = rows.copy()
    for arm in (0, 1):
        if (part.y == arm).any():
            result[part.y == arm] -= _mean(rows[part.y == arm], weight[part.y == arm], part).astype(rows.dtype)
    return result if part.weight is None else (np.sqrt(weight)[:, None] * result).astype(rows.dtype)


def arm_means(part: Part) -> tuple[FloatArray, FloatArray]:
    """Return the mean of the negative and of the positive arm [d]."""
    values = part.X.astype(np.float32) if part.X.dtype == np.float16 else part.X
    weight = row_weights(part)
    means = [_mean(values[part.y == arm], weight[part.y == arm], part) for arm in (0, 1)]
    return means[0], means[1]


def _mean(rows: AnyFloats, weight: FloatArray, part: Part) -> FloatArray:
    if part.weight is None:
        return np.asarray(rows.mean(axis=0, dtype=np.float64))
    return np.asarray(np.average(rows, axis=0, weights=weight))


def _blocks(rows_of_parts: Iterable[AnyFloats]) -> Iterator[AnyFloats]:
    """Join rows to blocks worth a matrix product; float32 adds up no more than a block."""
    waiting: list[AnyFloats] = []
    for rows in rows_of_parts:
        waiting.append(rows)
        if sum(map(len, waiting)) >= _ROWS_AT_ONCE:
            yield np.concatenate(waiting)
            waiting = []
    if waiting:
        yield np.concatenate(waiting)


class ShrunkScatter:
    """A = scatter + κI with κ = s / (1 − s) · mean variance: (1 − s)Σ + s·(tr Σ / d)·I but for a factor."""

    def __init__(self, pool: Pool, shrinkage: float, *, device: str) -> None:
        import torch

        self._kappa = shrinkage / (1.0 - shrinkage) * pool.variance
        self._rows = None if pool.rows is None else torch.from_numpy(pool.rows).to(device).double()
        if self._rows is not None:
            system = self._rows @ self._rows.T
        else:
            assert pool.scatter is not None
            system = torch.from_numpy(pool.scatter).to(device).clone()
        system.diagonal().add_(self._kappa)
        self._factor = torch.linalg.cholesky(system)

    def solve(self, directions: Tensor) -> Tensor:
        """Return A⁻¹ of each direction [k, d]."""
        import torch

        if self._rows is None:
            whole: Tensor = torch.cholesky_solve(directions.T, self._factor)
            return whole.T
        within: Tensor = torch.cholesky_solve(self._rows @ directions.T, self._factor)
        solved: Tensor = (directions - within.T @ self._rows) / self._kappa
        return solved

    def products(self, directions: Tensor) -> Tensor:
        """Return the products [k, k] of directions [k, d] under A⁻¹."""
        import torch

        if self._rows is None:
            half: Tensor = torch.linalg.solve_triangular(self._factor, directions.T, upper=False)
            return half.T @ half
        return directions @ self.solve(directions).T
