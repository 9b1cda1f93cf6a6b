"""Lenses that read several layers at once: rows [n, d·L] hold one layer's activation after the other, all scaled alike.

Residual streams grow from layer to layer. Side by side as they are, a late layer would drown an early one in any family
that weighs features by their size, so each layer is divided by the root mean square of its training rows. Families that
share something between concepts get one scale for all that they share it from. The scale is folded back into the first
weights: a joined lens is an ordinary lens over raw activations, only wider.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.lenses.batches import by_pool
from engine.lenses.folds import IntArray
from engine.lenses.interface import AnyFloats, FittedLens, FloatArray, LensFamily, Part, Pools, State, StateLens

FIRST_WEIGHTS = ("linear.weight", "net.0.weight")


@dataclass(frozen=True, slots=True)
class Joined:
    """A family whose lenses read `n_layers` layers joined; each part's layers are scaled by its own rows."""

    family: LensFamily
    n_layers: int

    @property
    def name(self) -> str:
        """The name of the family; what its lenses read is told beside it."""
        return self.family.name

    @property
    def chooses_threshold(self) -> bool:
        """Whether the threshold is chosen inside the training part."""
        return self.family.chooses_threshold

    @property
    def width(self) -> int:
        """Weights over each feature."""
        return self.family.width

    def fit(self, X: AnyFloats, y: IntArray, *, groups: IntArray, seed: int) -> FittedLens:
        """Fit one lens."""
        return self.fit_many([Part(X, y, groups, seed)])[0]

    def fit_many(self, parts: Sequence[Part]) -> list[FittedLens]:
        """Fit one lens a part; parts share d·L, not n."""
        scales = self._scales(parts)
        fitted = self.family.fit_many([_scaled(part, scale) for part, scale in zip(parts, scales, strict=True)])
        return [_over_raw(lens, scale) for lens, scale in zip(fitted, scales, strict=True)]

    def _scales(self, parts: Sequence[Part]) -> list[FloatArray]:
        return [layer_scales([part], self.n_layers) for part in parts]


@dataclass(frozen=True, slots=True)
class JoinedPools(Joined):
    """A joined family whose lenses share what many parts show: one scale a pool, kept once the family is tuned."""

    scale: FloatArray | None = None

    def tune(self, parts: Sequence[Part]) -> "JoinedPools":
        """Return the family with scale and all else that these parts share; then each part stands alone."""
        assert isinstance(self.family, Pools)
        scale = layer_scales(parts, self.n_layers)
        return JoinedPools(self.family.tune([_scaled(part, scale) for part in parts]), self.n_layers, scale)

    def _scales(self, parts: Sequence[Part]) -> list[FloatArray]:
        if self.scale is not None:
            return [self.scale] * len(parts)
        found: dict[int, FloatArray] = {}
        for places in by_pool(parts):
            scale = layer_scales([parts[place] for place in places], self.n_layers)
            found.update(dict.fromkeys(places, scale))
        return [found[place] for place in range(len(parts))]


def joined(family: LensFamily, n_layers: int) -> LensFamily:
    """Return the family reading that many layers joined; as it is for one."""
    if n_layers == 1:
        return family
    return JoinedPools(family, n_layers) if isinstance(family, Pools) else Joined(family, n_layers)


def layer_scales(parts: Sequence[Part], n_layers: int) -> FloatArray:
    """Return each feature's scale [d·L]: the root mean square of its layer over all rows, 1 where that is 0.

    Raises ValueError where the features cannot be divided into so many layers.
    """
    d, left = divmod(parts[0].X.shape[1], n_layers)
    if left:
        raise ValueError(f"{parts[0].X.shape[1]} features are not {n_layers} layers of one width")
    totals = np.zeros(n_layers)
    for part in parts:
        squares = np.square(part.X.astype(np.float64)).sum(axis=0)
        totals += squares.reshape(n_layers, d).sum(axis=1)
    root = np.sqrt(totals / (d * sum(len(part.y) for part in parts)))
    return np.repeat(np.where(root > 0, root, 1.0), d)


def _scaled(part: Part, scale: FloatArray) -> Part:
    return replace(part, X=(part.X / scale).astype(part.X.dtype if part.X.dtype != np.float16 else np.float32))


def _over_raw(lens: FittedLens, scale: FloatArray) -> FittedLens:
    return StateLens(fold_scale(lens.state(), scale), lens.cost)


def fold_scale(state: State, scale: FloatArray) -> State:
    """Rewrite a lens over x / scale as the same lens over raw x; ValueError for one that normalises its input."""
    first = next((name for name in FIRST_WEIGHTS if name in state and state[name].ndim == 2), None)
    if first is None:
        raise ValueError("a lens that normalises its input cannot take up a scale")
    return state | {first: state[first] / scale}
