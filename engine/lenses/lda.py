"""Linear discriminants with one covariance for all concepts of a pool: w = Σ⁻¹(μ₊ − μ₋).

What texts differ in besides their concept (length, wording, register) is much the same for every concept. A lens of its own
sees it through a few dozen rows; the pool's covariance within arms sees it through all of them, and the discriminant turns
away from it. Shrinkage s mixes Σ with a multiple of the identity and is chosen by leave-one-group-out 0–1 loss over at most
`choice_parts` parts of the pool.

What may be pooled. The covariance is of the parts of one pool, training rows alone. A caller that gives the k-th folds of all
concepts one pool keeps a lens's held-out pairs out of its covariance, unless another concept trains on the same text;
such a text then adds its activation, never this concept's label. Leaving a group out takes the part's own rows of the
group from the covariance exactly. A covariance made elsewhere can be bound with `pool`; it must not hold held-out rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from engine.lenses import leaveout
from engine.lenses.batches import by_pool, fit_trainable, has_both_arms, spread
from engine.lenses.choosing import choose, errors, slope
from engine.lenses.folds import IntArray
from engine.lenses.gram import row_weights, signs, stack
from engine.lenses.interface import AnyFloats, FloatArray, Part, StateLens, linear_state
from engine.lenses.pool import Pool, ShrunkScatter, arm_means, build_pool, directions_of

if TYPE_CHECKING:
    from torch import Tensor

DEFAULT_SHRINKAGES = (0.01, 0.1, 0.5, 0.9)
"""Few and far apart, as ridge's; the third serves a part alone."""
_MIB = 2**20
_TOGETHER = 16
"""Parts whose directions are solved at once, which is a third quicker than one by one."""


@dataclass(frozen=True, slots=True)
class Lda:
    """The family of discriminants with a shared covariance."""

    shrinkages: tuple[float, ...] = DEFAULT_SHRINKAGES
    slope: float | None = None
    """Factor on the discriminant's log-odds; calibrated on leave-out margins where it is None."""
    pool: Pool | None = None
    choice_parts: int = 16
    pool_rows: int = 20_000
    """A pool of more rows gives as many whole parts to the covariance, evenly spread."""
    device: str = "cpu"
    memory_mib: int = 512

    @property
    def name(self) -> str:
        """The family's name in settings and in the study."""
        return "lda"

    @property
    def weighs_rows(self) -> Literal[True]:
        """Rows may have weights."""
        return True

    @property
    def chooses_threshold(self) -> bool:
        """Whether the threshold is chosen inside the training part. The middle between the arms is already one."""
        return False

    @property
    def width(self) -> int:
        """Weights over each feature."""
        return 1

    def fit(self, X: AnyFloats, y: IntArray, *, groups: IntArray, seed: int) -> StateLens:
        """Fit one lens, alone in its pool unless one is bound; nothing is random, so the seed plays no part."""
        return self.fit_many([Part(X, y, groups, seed)])[0]

    def fit_many(self, parts: Sequence[Part]) -> list[StateLens]:
        """Fit one lens a part, with a covariance, a shrinkage and a slope for each pool."""
        return fit_trainable(parts, self._fit_pools)

    def tune(self, parts: Sequence[Part]) -> Lda:
        """Return the family with the covariance, shrinkage and slope of these parts; then each part stands alone."""
        pool, inside = self._pool_of(parts)
        if len(self.shrinkages) == 1 and self.slope is not None:
            return replace(self, pool=pool)
        asked = spread(sorted(inside) or range(len(parts)), self.choice_parts)
        some = [parts[place] for place in asked]
        margins = self._margins(some, pool, [place in inside for place in asked])
        best = choose(_losses(margins, some))
        found = _slope([m[best] for m in margins], some) if self.slope is None else self.slope
        return replace(self, shrinkages=(self.shrinkages[best],), slope=found, pool=pool)

    def leave_one_group_out(self, parts: Sequence[Part]) -> list[FloatArray]:
        """Return each part's logits [n], each row's from the lens that never saw the row's group.

        The part's own rows of the group leave the covariance as well. The shrinkage is the one that the *other* parts of the
        pool choose; a part alone in its pool takes the middle of the grid. Not for a tuned family, whose covariance holds
        the very rows. Nan where leaving the group out leaves an arm empty.
        """
        logits = [np.full(len(part.y), np.nan) for part in parts]
        for places in by_pool(parts):
            kept = [place for place in places if has_both_arms(parts[place])]
            some = [parts[place] for place in kept]
            if not some:
                continue
            pool, inside = self._pool_of(some)
            margins = self._margins(some, pool, [i in inside for i in range(len(some))])
            losses = _losses(margins, some)
            chosen = [m[choose(np.delete(losses, i, axis=0))] for i, m in enumerate(margins)]
            found = _slope(chosen, some) if self.slope is None else self.slope
            for place, m in zip(kept, chosen, strict=True):
                logits[place] = found * m
        return logits

    def _pool_of(self, parts: Sequence[Part]) -> tuple[Pool, set[int]]:
        """Return the covariance's pool, and the places of the parts whose rows are in it."""
        if self.pool is not None:
            return self.pool, set()
        n = sum(len(part.y) for part in parts)
        inside = spread(range(len(parts)), max(1, len(parts) * self.pool_rows // max(n, self.pool_rows)))
        return build_pool([parts[place] for place in inside]), set(inside)

    def _fit_pools(self, parts: Sequence[Part]) -> list[StateLens]:
        lenses: dict[int, StateLens] = {}
        for places in by_pool(parts):
            pool = [parts[place] for place in places]
            lenses.update(zip(places, self.tune(pool)._fit_tuned(pool), strict=True))
        return [lenses[place] for place in range(len(parts))]

    def _fit_tuned(self, parts: Sequence[Part]) -> list[StateLens]:
        import torch

        assert self.pool is not None
        shrunk = ShrunkScatter(self.pool, self.shrinkages[0], device=self.device)
        factor = _log_odds(self.pool, self.shrinkages[0]) * (1.0 if self.slope is None else self.slope)
        together = max(1, self.memory_mib * _MIB // (8 * 6 * parts[0].X.shape[1]))
        lenses = []
        for start in range(0, len(parts), together):
            means = [arm_means(part) for part in parts[start : start + together]]
            deltas = torch.from_numpy(np.stack([positive - negative for negative, positive in means]))
            weights = factor * shrunk.solve(deltas.to(self.device)).cpu().numpy()
            for weight, (negative, positive) in zip(weights, means, strict=True):
                lenses.append(StateLens(linear_state(weight, -float(weight @ (positive + negative)) / 2.0)))
        return lenses

    def _margins(self, parts: Sequence[Part], pool: Pool, inside: Sequence[bool]) -> list[FloatArray]:
        """Return each part's leave-one-group-out margins [shrinkages, n]."""
        found = [np.empty((len(self.shrinkages), len(part.y))) for part in parts]
        for row, shrinkage in enumerate(self.shrinkages):
            # One factor at a time: each is as large as the covariance.
            shrunk = ShrunkScatter(pool, shrinkage, device=self.device)
            for start in range(0, len(parts), _TOGETHER):
                some = range(start, min(start + _TOGETHER, len(parts)))
                products = shrunk.products([directions_of(parts[i], pool, self.device) for i in some])
                for i, G in zip(some, products, strict=True):
                    margin = _left_out(parts[i], G, inside=inside[i], device=self.device)
                    found[i][row] = _log_odds(pool, shrinkage) * margin
        return found


def _log_odds(pool: Pool, shrinkage: float) -> float:
    """Return the factor from A⁻¹δ to Σ⁻¹δ."""
    return pool.freedom / (1.0 - shrinkage)


def _losses(margins: Sequence[FloatArray], parts: Sequence[Part]) -> FloatArray:
    return np.stack([errors(m, part.y, part.weight) for m, part in zip(margins, parts, strict=True)])


def _slope(margins: Sequence[FloatArray], parts: Sequence[Part]) -> float:
    return slope(margins, [part.y for part in parts], [part.weight for part in parts])


def _left_out(part: Part, G: Tensor, *, inside: bool, device: str) -> FloatArray:
    """Return leave-one-group-out margins [n] from the products G [n + 1, n + 1] of the part's directions under A⁻¹."""
    sign = signs([part], device)
    left = leaveout.lay_out([part.groups], sign, stack([row_weights(part)], device))
    margin, _ = leaveout.margins(leaveout.take_blocks(G[None], left), left, inside=inside)
    return np.asarray(leaveout.scatter_back(margin, left, len(part.y))[0].cpu().numpy())
