"""What concepts share: the scatter of activations within their arms, over all parts of a pool.

A single concept has a few dozen rows for a covariance of thousands of features; the pool has them all. Rows enter less
the mean of their arm in their part, so neither arm's label nor the difference between arms is in it, beyond the centring.
Where the pool has fewer rows than features it is kept as rows, and shrunk covariances are solved in their span.

Of activations in single precision the factor is in single precision too, for half the time, unless directions differ too
much in width; weights are then put right by one step of refinement against the scatter in double precision.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.lenses.factors import large_factor, solve_lower
from engine.lenses.gram import centre, row_weights
from engine.lenses.interface import AnyFloats, FloatArray, Part
from engine.lenses.products import self_products

if TYPE_CHECKING:
    from torch import Tensor

_ROWS_AT_ONCE = 4096
_WORST_FOR_SINGLE = 1e5
"""Condition beyond which a factor in single precision has too few digits to be refined."""


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Σ e eᵀ over rows e [n, d] less their arm's mean: `products` [d, d], or else the `rows` with their own `products` [n, n]."""

    products: FloatArray
    rows: AnyFloats | None
    single: bool
    """Whether activations are in single precision."""
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
        products = self_products(rows).astype(np.float64)
        return Pool(products, rows, _is_single(parts), freedom, _variance(float(np.trace(products)), d))
    scatter = np.zeros((d, d))
    for block in _blocks(map(less_arm_mean, parts)):
        scatter += self_products(block.T)
    return Pool(scatter, None, _is_single(parts), freedom, _variance(float(np.trace(scatter)), d))


def _is_single(parts: Sequence[Part]) -> bool:
    return all(part.X.dtype != np.float64 for part in parts)


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

        self.kappa = shrinkage / (1.0 - shrinkage) * pool.variance
        self._products = torch.from_numpy(pool.products).to(device)
        self._rows = None if pool.rows is None else torch.from_numpy(pool.rows).to(device)
        # The norm of a matrix is at least its largest eigenvalue, so this bounds the condition.
        self._single = pool.single and float(torch.linalg.norm(self._products)) < _WORST_FOR_SINGLE * self.kappa
        system = self._products.to(torch.float32 if self._single else torch.float64, copy=True)
        system.diagonal().add_(self.kappa)
        self._factor = large_factor(system)

    def solve(self, directions: Tensor) -> Tensor:
        """Return A⁻¹ of each direction [k, d]."""
        if self._rows is None:
            return self._solve_products(directions)
        cross = (directions.to(self._rows.dtype) @ self._rows.T).to(directions)
        within = self._solve_products(cross)
        solved: Tensor = (directions - (within.to(self._rows.dtype) @ self._rows).to(directions)) / self.kappa
        return solved

    def _solve_products(self, right: Tensor) -> Tensor:
        """Return (products + κI)⁻¹ of each row, with one step of refinement where the factor is in single precision."""
        found = self._by_factor(right)
        if self._single:
            found += self._by_factor(right - found @ self._products - self.kappa * found)
        return found

    def _by_factor(self, right: Tensor) -> Tensor:
        import torch

        found: Tensor = torch.cholesky_solve(right.T.to(self._factor), self._factor)
        return found.T.to(right)

    def products(self, some: Sequence[Directions]) -> list[Tensor]:
        """Return the products [k, k] of each part's directions under A⁻¹; all are solved at once."""
        import torch

        solved = solve_lower(self._factor, torch.cat([one.against for one in some], dim=1).to(self._factor))
        each = torch.split(solved, [one.against.shape[1] for one in some], dim=1)
        return [self._less_own((own.T @ own).double(), one) for own, one in zip(each, some, strict=True)]

    def _less_own(self, half: Tensor, directions: Directions) -> Tensor:
        return half if directions.own is None else (directions.own - half) / self.kappa


@dataclass(frozen=True, slots=True, eq=False)
class Directions:
    """Directions of one part as factors of a pool meet them: themselves [d, k], or their products with its rows [n, k].

    `own` are their products with each other [k, k] where the pool is kept as rows.
    """

    against: Tensor
    own: Tensor | None


def directions_of(part: Part, pool: Pool, device: str) -> Directions:
    """Return the part's rows less their arm's mean, and the difference of the means below them: n + 1 directions."""
    import torch

    negative, positive = arm_means(part)
    rows = less_arm_mean(part)
    found = torch.from_numpy(np.concatenate([rows, (positive - negative).astype(rows.dtype)[None]])).to(device)
    if pool.rows is None:
        return Directions(found.T, None)
    return Directions((torch.from_numpy(pool.rows).to(device) @ found.T), (found @ found.T).double())
