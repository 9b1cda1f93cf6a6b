"""Concepts as points of a map, and where those that share a place are drawn."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from engine.stats.estimate import Estimate


@dataclass(frozen=True, slots=True)
class MapPoint:
    """A concept, on the map where both of its counts are known. `weak`: a gap whose interval is missing or reaches zero."""

    concept: str
    name: str
    n_senses: int | None
    n_siblings: int | None
    quadrant: str | None
    reason: str | None
    gap: Estimate
    weak: bool
    n_pairs: int
    f1: float | None

    @property
    def counts(self) -> tuple[int, int] | None:
        """Its senses and siblings; None where either is unknown, so that the map has no place for it."""
        return None if self.n_senses is None or self.n_siblings is None else (self.n_senses, self.n_siblings)


def smallest_gaps(points: Sequence[MapPoint], at_most: int) -> tuple[MapPoint, ...]:
    """The points with the smallest known gaps, those without one last; all of them while they are few."""
    ordered = sorted(points, key=lambda point: (point.gap.value is None, point.gap.value or 0.0))
    return tuple(ordered[:at_most])


def spread(places: Sequence[tuple[int, int]]) -> list[tuple[float, float]]:
    """Offsets that keep apart what has equal counts: a sunflower of radius at most 1 around their place.

    A few neighbours are a third of the radius apart; many fill the circle evenly.
    """
    crowd = Counter(places)
    seen: Counter[tuple[int, int]] = Counter()
    offsets = []
    for place in places:
        i, n = seen[place], crowd[place]
        seen[place] += 1
        radius = min(1 / 3, 1 / math.sqrt(n)) * math.sqrt(i)
        angle = i * math.pi * (3 - math.sqrt(5))
        offsets.append((radius * math.cos(angle), radius * math.sin(angle)))
    return offsets


def is_weak(gap: Estimate) -> bool:
    """Whether a known gap has no interval, or one that reaches zero."""
    if gap.value is None:
        return False
    return gap.low is None or gap.high is None or gap.low <= 0 <= gap.high
