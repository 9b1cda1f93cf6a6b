"""What ridge adds to the lenses of a group of siblings: its directions, times how much, measured from where."""

from collections.abc import Iterator

import numpy as np

from engine.lenses.folds import IntArray
from engine.lenses.interface import BoolArray, FloatArray
from engine.lenses.refine_direction import SiblingDirections, sibling_directions
from engine.lenses.sibling_sets import SiblingSet

FACTORS = (0.0, 0.25, 0.5, 1.0, 2.0)
"""Spread of what is added, as a multiple of the spread of the lenses' logits; the first is the lens as it was."""


def directions_of(group: SiblingSet, rows: BoolArray) -> SiblingDirections:
    """Fit the multi-output ridge on the positives among the rows."""
    place, target = group.positives(rows)
    return sibling_directions(group.X[place], target, group.groups[place], n_concepts=len(group.concepts))


def with_additions(before: FloatArray, found: SiblingDirections, group: SiblingSet, rows: BoolArray) -> FloatArray:
    """Return the logits [additions, concepts, n] of every candidate."""
    scores = found.weight @ np.asarray(group.X, dtype=np.float64).T
    return np.stack(
        [before + factor * scores - shift[:, None] for factor, shift in additions(before, scores, found, group, rows)]
    )


def additions(
    before: FloatArray, scores: FloatArray, found: SiblingDirections, group: SiblingSet, rows: BoolArray
) -> Iterator[tuple[float, FloatArray]]:
    """Yield each candidate's factor on the directions and what is taken from each concept's logit then [concepts].

    An addition is measured from the middle between the concept's own arms, where a lens of balanced arms has its own zero,
    or from the mean of the group's positives, where ridge has its own; so many in a row for each factor.
    """
    place, target = group.positives(rows)
    spread = _spread(scores[:, place], target)
    unit = _spread(before[:, place], target) / spread if spread > 0 else 0.0
    arms = np.where(rows, group.arms, -1)
    middle = np.array(
        [(row[own == 1].mean() + row[own == 0].mean()) / 2.0 for row, own in zip(scores, arms, strict=True)]
    )
    for factor in FACTORS:
        for origin in (middle, found.weight @ found.mean):
            yield factor * unit, factor * unit * origin


def _spread(logits: FloatArray, target: IntArray) -> float:
    """Standard deviation of a concept's logits over the group's positives, pooled over concepts."""
    return float(np.sqrt(np.mean(np.var(logits, axis=1)))) if len(target) else 0.0
