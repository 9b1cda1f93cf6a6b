"""Output against activation: of the texts that are no use as they read, how many are on the concept inside the model?

A table of two by two counts positives: is the output good or degenerate (or on or off topic, by its verdict), and does the lens
fire on its activation, out of fold. A lens that has learnt to see degenerate text fires on degenerate negatives as well, where
no concept excuses it; so the rate at which it does stands beside, and only what goes beyond it speaks for the concept.

Intervals take concepts as the units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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
    is_good = _worth_of(worth)
    every = list(counts)
    rated = [one for one in every if is_good(one) is not None]
    positives = [one for one in rated if one.is_positive]
    cells = [_cell(positives, is_good, good, fires, n_examples) for good in (True, False) for fires in (True, False)]
    return CellTable(
        worth=worth,
        n=sum(one.n for one in positives),
        n_unrated=sum(one.n for one in every if one.is_positive and is_good(one) is None),
        cells=tuple(cells),
        fires={
            (arm, good): _rate(
                [one for one in rated if one.is_positive == (arm == "positive") and is_good(one) == good]
            )
            for arm in ("positive", "negative")
            for good in (True, False)
        },
    )


def _worth_of(worth: Worth) -> Callable[[CellCount], bool | None]:
    if worth == "form":
        return lambda one: one.is_good
    return lambda one: one.is_on_topic


def _cell(
    positives: Sequence[CellCount],
    is_good: Callable[[CellCount], bool | None],
    good: bool,
    fires: bool,
    n_examples: int,
) -> Cell:
    inside = [one for one in positives if is_good(one) == good and one.fires == fires]
    named = [(one.concept, sample) for one in inside for sample in one.examples]
    share = _share(positives, inside, "share of positives", "there are no positives")
    return Cell(good, fires, sum(one.n for one in inside), share, tuple(named[:n_examples]))


def _rate(counts: Sequence[CellCount]) -> Estimate:
    return _share(
        counts, [one for one in counts if one.fires], "share that the lens fires on", "there are no such outputs"
    )


def _share(every: Sequence[CellCount], inside: Sequence[CellCount], name: str, undefined: str) -> Estimate:
    method = f"{name}, Student's t over concepts, {CONFIDENCE:.0%}"
    concepts = {concept: row for row, concept in enumerate(dict.fromkeys(one.concept for one in every))}
    above, below = _by_concept(inside, concepts), _by_concept(every, concepts)
    total = float(below.sum())
    if not total:
        return unknown(undefined, method=method)
    value = float(above.sum()) / total
    variance = group_variance((above - value * below) / total, np.arange(len(concepts)))
    return bounded_estimate(value, variance, n=int(total), n_groups=len(concepts), method=method)


def _by_concept(counts: Sequence[CellCount], concepts: dict[str, int]) -> FloatArray:
    found = np.zeros(len(concepts))
    for one in counts:
        found[concepts[one.concept]] += one.n
    return found
