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


def moved(before: Findings, after: Findings, *, concept: str | None = None) -> tuple[Effect, ...]:
    """The study first, then every quadrant whose gap, ceiling, interval or target shows otherwise; empty where none does.

    A concept that is named stands before the study.
    """
    whole = effects(before, after, concept=concept, quadrant=None)
    parts = [
        effects(before, after, concept=None, quadrant=quadrant)[0]
        for quadrant in after.quadrants
        if quadrant in before.quadrants
    ]
    changed = [effect for effect in parts if _has_moved(effect)]
    return (*whole, *changed) if changed or any(map(_has_moved, whole)) else ()


def _has_moved(effect: Effect) -> bool:
    return any(change.has_moved for change in effect.changes)


def n_rated(counts: Sequence[ConceptCounts]) -> int:
    """Ratings behind the counts."""
    return sum(one.positive.histogram.n + one.negative.histogram.n for one in counts)
