"""What ratings have changed since a page was opened: gaps, ceilings and targets of the study and of each quadrant that moved."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.data import ConceptCounts
from app.viewmodels.effect import Effect, effects
from engine.stats.findings import Findings


@dataclass(frozen=True, slots=True)
class Opened:
    """How a study stood when a page was opened: the counts behind its findings, and the time."""

    counts: tuple[ConceptCounts, ...]
    at: datetime


def moved(before: Findings, after: Findings) -> tuple[Effect, ...]:
    """The study first, then every quadrant whose gap, ceiling or target shows another number; empty where none does."""
    whole = effects(before, after, concept=None, quadrant=None)
    parts = [
        effects(before, after, concept=None, quadrant=quadrant)[0]
        for quadrant in after.quadrants
        if quadrant in before.quadrants
    ]
    changed = [effect for effect in parts if any(change.delta for change in effect.changes)]
    return (*whole, *changed) if changed or any(change.delta for change in whole[0].changes) else ()


def n_rated(counts: Sequence[ConceptCounts]) -> int:
    """Ratings behind the counts."""
    return sum(one.positive.histogram.n + one.negative.histogram.n for one in counts)
