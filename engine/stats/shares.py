"""Shares of ratings with draws of what they may be, for intervals of what is worked out from them.

Draws are Jeffreys', Beta(k + 1/2, n − k + 1/2). Resampling the counts themselves is no alternative: ten good ratings of ten
resample to ten of ten, and the lower bound of a ceiling, which sets the target, becomes 1.0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from engine.stats.resampling import FloatArray


@dataclass(frozen=True, eq=False)
class Share:
    """A share with its Jeffreys draws; ``n`` is what it is a share of."""

    value: float
    draws: FloatArray
    n: int


def draw_share(count: int, n: int, *, n_draws: int, rng: np.random.Generator) -> Share | None:
    """Return count / n with its draws; None of nothing."""
    return Share(count / n, rng.beta(count + 0.5, n - count + 0.5, size=n_draws), n) if n else None


@lru_cache(maxsize=4_096)
def kept_share(count: int, n: int, *, n_draws: int, seed: tuple[int, ...]) -> Share | None:
    """As `draw_share` with a generator of its own, kept: thousands of concepts of about as many ratings share a few hundred."""
    return draw_share(count, n, n_draws=n_draws, rng=np.random.default_rng(seed))
