"""Training parts with a planted direction, and families that learn them quickly."""

from dataclasses import replace

import numpy as np

from engine.lenses.interface import LensFamily, Part
from engine.lenses.registry import FAMILIES


def planted_part(
    n: int,
    d: int,
    strength: float,
    *,
    seed: int = 0,
    group_size: int = 1,
    pool: int = 0,
    share: float = 0.5,
    dtype: type = np.float64,
) -> Part:
    """Arms differ by `strength` standard deviations along a direction of the seed's; features share a mean."""
    rng = np.random.default_rng(seed)
    y = (rng.permutation(n) < round(share * n)).astype(np.int64)
    X = rng.normal(size=(n, d)) + strength * np.outer(y - 0.5, direction(d, seed)) + 3.0
    return Part(X.astype(dtype), y, rng.permutation(n) // group_size, seed, pool)


def direction(d: int, seed: int) -> np.ndarray:
    """The planted direction, of length 1."""
    v = np.random.default_rng([seed, 1]).normal(size=d)
    return v / np.linalg.norm(v)


def mirrored(part: Part, order: np.ndarray) -> Part:
    """The part with its rows in another order."""
    return Part(part.X[order], part.y[order], part.groups[order], part.seed, part.pool)


def after_few_steps(name: str) -> LensFamily:
    """The family; where it learns by steps, it takes few: whatever order or company decides, they decide from the first one."""
    family = FAMILIES[name]
    return replace(family, n_epochs=5) if "mlp" in name else family  # type: ignore[type-var,call-arg]
