"""Which layer serves which concept, and whether choosing one for each concept pays.

The best of several measured layers is optimistic: chance has a part in who comes first. So a layer is chosen on one half of
a concept's folds and its decisions are taken on the other half, both ways; the two halves together give one F1 in which
no pair has had a say about the layer that decides it. (The lenses that score one half were trained on the other, as in any
cross-validation.) The one layer that is to serve all concepts is chosen in the same way, so the two ways differ in nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.stats.classification import f1_parts, outcomes
from engine.stats.grouped import BoolArray
from engine.stats.ratio import mean_ratio

Layers = tuple[int, ...]
"""What a lens reads: one layer, or several joined."""
Chosen = tuple[Layers, Layers]
"""The layer that the first half of the folds chooses, and the one that the second does."""


@dataclass(frozen=True, slots=True, eq=False)
class LayerScores:
    """One concept's decisions out of fold, on the same pairs at all layers.

    `y` [n] holds the arms, `second` [n] tells which pairs are in the second half of the folds, `fires` [rounds, n] what the
    lens of each layer, or of several joined, decides.
    """

    concept: str
    y: BoolArray
    second: BoolArray
    fires: Mapping[Layers, BoolArray]

    @property
    def single(self) -> list[Layers]:
        """The single layers, the earliest first."""
        return sorted(layers for layers in self.fires if len(layers) == 1)


@dataclass(frozen=True, slots=True)
class ConceptLayers:
    """One concept: F1 by layers, the single layers that share the highest, and what choosing on the other half reaches."""

    concept: str
    n: int
    f1: Mapping[Layers, float]
    best: tuple[Layers, ...]
    chosen: Chosen
    f1_own: float
    f1_shared: float

    @property
    def is_agreed(self) -> bool:
        """Whether both halves of the folds choose the same layer."""
        return self.chosen[0] == self.chosen[1]


@dataclass(frozen=True, slots=True)
class LayerSweep:
    """All concepts that could be compared, and the one layer that each half of the folds chooses for all of them."""

    shared: Chosen
    concepts: tuple[ConceptLayers, ...]


def layers_name(layers: Sequence[int]) -> str:
    """How it is written what a lens reads: "layer 3", or "layers 3+6+9" for several joined."""
    return f"layer{'s' if len(layers) > 1 else ''} {'+'.join(map(str, layers))}"


def sweep_layers(scores: Sequence[LayerScores]) -> LayerSweep | None:
    """Sweep the concepts, which must have the same single layers, two at least, and both arms in both halves; None without any.

    Of equal layers each half takes, for all concepts, the earliest, and for one concept the one that it puts first for all.
    """
    if not scores:
        return None
    of_half = [[_f1_in(one, one.second == bool(half)) for one in scores] for half in (0, 1)]
    orders = [_order(half) for half in of_half]
    shared = (orders[0][0], orders[1][0])
    concepts = []
    for place, one in enumerate(scores):
        own = (_first(of_half[0][place], orders[0]), _first(of_half[1][place], orders[1]))
        concepts.append(_of_concept(one, own, shared))
    return LayerSweep(shared, tuple(concepts))


def has_halves(y: BoolArray, second: BoolArray) -> bool:
    """Tell whether both halves of the folds hold both arms."""
    return all(len(np.unique(y[second == half])) == 2 for half in (False, True))


def _of_concept(one: LayerScores, own: Chosen, shared: Chosen) -> ConceptLayers:
    f1 = {layers: f1_of(one.y, fires) for layers, fires in one.fires.items()}
    highest = max(f1[layers] for layers in one.single)
    return ConceptLayers(
        concept=one.concept,
        n=len(one.y),
        f1=f1,
        best=tuple(layers for layers in one.single if f1[layers] >= highest - 1e-9),
        chosen=own,
        f1_own=f1_of(one.y, crossed(one, own)),
        f1_shared=f1_of(one.y, crossed(one, shared)),
    )


def crossed(one: LayerScores, chosen: Chosen) -> BoolArray:
    """Return the decisions [rounds, n] of the layer that the other half of each pair has chosen."""
    by_first, by_second = chosen
    return np.where(one.second, one.fires[by_first], one.fires[by_second])


def f1_of(y: BoolArray, fires: BoolArray) -> float:
    """Return the mean F1 over rounds [rounds, n]; y holds a positive."""
    found = mean_ratio(*f1_parts(*outcomes(y, fires)))
    if found is None:
        raise ValueError("an F1 needs a positive")
    return found.value


def _f1_in(one: LayerScores, rows: BoolArray) -> dict[Layers, float]:
    return {layers: f1_of(one.y[rows], one.fires[layers][:, rows]) for layers in one.single}


def _order(f1: Sequence[Mapping[Layers, float]]) -> list[Layers]:
    """The single layers by mean F1 over concepts, highest first."""
    return sorted(f1[0], key=lambda layers: (-round(float(np.mean([each[layers] for each in f1])), 9), layers))


def _first(f1: Mapping[Layers, float], order: Sequence[Layers]) -> Layers:
    return min(order, key=lambda layers: (-round(f1[layers], 9), order.index(layers)))
