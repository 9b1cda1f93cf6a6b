"""Several runs, judges or ways to train against the first of them: by how much each measure differs over matched concepts.

This is all that a table or a plot of such a comparison shows: give each side's values by concept and measure, take a row for
each other side and measure. The p of all rows are adjusted together, for they are read together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from engine.stats.estimate import Estimate
from engine.stats.gap import LARGEST_GAP
from engine.stats.paired import PairedComparison, adjusted_p, compare_paired

SEED: Final = 0
"""Of the resamples that check an interval."""
Values = Mapping[str, Mapping[str, float | None]]
"""A side's values by measure and then by concept; None where one is unknown."""
Pairs = Sequence[tuple[float | None, float | None]]


@dataclass(frozen=True, slots=True)
class SideChange:
    """What a measure is on another side than the base, concept by concept; `p` is Wilcoxon's, adjusted over all rows."""

    side: str
    measure: str
    paired: PairedComparison
    p: float | None


def changes_from_base(base: Values, others: Mapping[str, Values]) -> tuple[SideChange, ...]:
    """Compare each other side with the base, each measure that both have, over the concepts that both sides name."""
    return changes_of_pairs(
        {
            side: {measure: _matched(base[measure], values[measure]) for measure in base if measure in values}
            for side, values in others.items()
        }
    )


def changes_of_pairs(sides: Mapping[str, Mapping[str, Pairs]]) -> tuple[SideChange, ...]:
    """Compare sides that were matched with the base already: pairs of its value and theirs, by side and then by measure."""
    found = [
        (side, measure, compare_measure(measure, pairs))
        for side, measures in sides.items()
        for measure, pairs in measures.items()
    ]
    adjusted = adjusted_p([paired.wilcoxon_p for *_, paired in found])
    return tuple(SideChange(*one, p) for one, p in zip(found, adjusted, strict=True))


def _matched(
    base: Mapping[str, float | None], other: Mapping[str, float | None]
) -> list[tuple[float | None, float | None]]:
    return [(value, other[concept]) for concept, value in base.items() if concept in other]


def compare_measure(measure: str, pairs: Pairs) -> PairedComparison:
    """Compare a measure over pairs of before and after, with no interval beyond what the measure can be."""
    found = compare_paired([before for before, _ in pairs], [after for _, after in pairs], seed=SEED)
    low, high = (-LARGEST_GAP, LARGEST_GAP) if measure == "gap" else (0.0, 1.0)
    return replace(
        found,
        before=_within(found.before, low, high),
        after=_within(found.after, low, high),
        difference=_within(found.difference, low - high, high - low),
    )


def _within(estimate: Estimate, low: float, high: float) -> Estimate:
    if estimate.low is None or estimate.high is None:
        return estimate
    return replace(estimate, low=max(estimate.low, low), high=min(estimate.high, high))
