"""Output against activation: of the texts that are no use as they read, how many are on the concept inside the model?

A table of two by two counts positives: is the output good or degenerate (or on or off topic, by its verdict), and does the lens
fire on its activation, out of fold. A lens that has learnt to see degenerate text fires on degenerate negatives as well, where
no concept excuses it; so the rate at which it does stands beside, and only what goes beyond it speaks for the concept.

Intervals take concepts as the units.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.stats.estimate import Estimate, unknown
from engine.stats.grouped import CONFIDENCE, bounded_estimate, group_variance
from engine.stats.resampling import FloatArray

Worth = Literal["form", "topic"]
"""What makes an output good: its form, or that its verdict is above the cut-off."""


@dataclass(frozen=True, slots=True)
class CellCount:
    """Pairs of one concept and arm that are alike in everything here, and the first few samples of them."""

    concept: str
    quadrant: str | None
    is_positive: bool
    is_good: bool
    is_on_topic: bool | None
    fires: bool
    n: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: whether its outputs are good and its activations on the concept, its share of positives, and examples.

    An example is a concept and a sample.
    """

    is_good: bool
    is_on_concept: bool
    n: int
    share: Estimate
    examples: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class CellTable:
    """The four cells of positives, and how often lenses fire on good and on other outputs of both arms.

    `n_unrated` positives are in no cell, for nobody rated them. `fires` maps an arm and whether the output is good to the rate.
    """

    worth: Worth
    n: int
    n_unrated: int
    cells: tuple[Cell, ...]
    fires: dict[tuple[str, bool], Estimate]

    def cell(self, *, is_good: bool, is_on_concept: bool) -> Cell:
        """One of the four."""
        return next(c for c in self.cells if (c.is_good, c.is_on_concept) == (is_good, is_on_concept))


def cell_table(counts: Iterable[CellCount], worth: Worth, *, n_examples: int = 3) -> CellTable:
    """Make the table of some concepts, whose examples are taken in the order of the counts."""
    every = list(counts)
    rated = [(one, good) for one in every if (good := _is_good(one, worth)) is not None]
    n = _stack(rated)
    positives = n[:, 1]
    examples = _examples(rated, n_examples)
    cells = [
        Cell(
            is_good=good,
            is_on_concept=fires,
            n=int(positives[:, int(good), int(fires)].sum()),
            share=_share(positives[:, int(good), int(fires)], positives.sum(axis=(1, 2)), *_OF_POSITIVES),
            examples=tuple(examples.get((good, fires), ())),
        )
        for good in (True, False)
        for fires in (True, False)
    ]
    return CellTable(
        worth=worth,
        n=int(positives.sum()),
        n_unrated=sum(one.n for one in every if one.is_positive) - int(positives.sum()),
        cells=tuple(cells),
        fires={
            (name, good): _share(n[:, arm, int(good), 1], n[:, arm, int(good)].sum(axis=1), *_OF_OUTPUTS)
            for arm, name in ((1, "positive"), (0, "negative"))
            for good in (True, False)
        },
    )


_OF_POSITIVES = ("share of positives", "there are no positives")
_OF_OUTPUTS = ("share that the lens fires on", "there are no such outputs")


def _is_good(one: CellCount, worth: Worth) -> bool | None:
    return one.is_good if worth == "form" else one.is_on_topic


def _stack(rated: Sequence[tuple[CellCount, bool]]) -> FloatArray:
    """Numbers of pairs by concept, arm, worth and decision [concepts, 2, 2, 2]; places 1 are positive, good and fires."""
    concepts = {concept: row for row, concept in enumerate(dict.fromkeys(one.concept for one, _ in rated))}
    found = np.zeros((len(concepts), 2, 2, 2))
    for one, good in rated:
        found[concepts[one.concept], int(one.is_positive), int(good), int(one.fires)] += one.n
    return found


def _examples(
    rated: Sequence[tuple[CellCount, bool]], n_examples: int
) -> dict[tuple[bool, bool], list[tuple[str, str]]]:
    found: dict[tuple[bool, bool], list[tuple[str, str]]] = {}
    for one, good in rated:
        named = found.setdefault((good, one.fires), [])
        if one.is_positive and len(named) < n_examples:
            named += [(one.concept, sample) for sample in one.examples[: n_examples - len(named)]]
    return found


def _share(above: FloatArray, below: FloatArray, name: str, undefined: str) -> Estimate:
    """Return a share of sums over the concepts [concepts] that are in its denominator."""
    method = f"{name}, Student's t over concepts, {CONFIDENCE:.0%}"
    counted = below > 0
    n_concepts, total = int(counted.sum()), float(below.sum())
    if not n_concepts:
        return unknown(undefined, method=method)
    value = float(above.sum()) / total
    variance = group_variance((above - value * below)[counted] / total, np.arange(n_concepts))
    return bounded_estimate(value, variance, n=int(total), n_groups=n_concepts, method=method)
