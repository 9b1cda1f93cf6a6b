"""What an override does: findings as they are beside findings as they would be without it.

The override's count is moved back to the rating that would stand otherwise, so the comparison needs no memory of an earlier
screen and is the same after a reload and for every reviewer.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from app.data import ConceptCounts, Moved
from engine.stats.ceiling_models import CeilingName
from engine.stats.estimate import Estimate
from engine.stats.findings import ArmCounts, Finding, Findings
from engine.stats.histogram import RatingHistogram
from engine.words import CEILING, CEILINGS, GAP, TARGET, interval, signed
from engine.words import number as write


@dataclass(frozen=True, slots=True)
class Override:
    """An override in force: where its count is, and the rating that would stand without it (None: no rating)."""

    concept: str
    arm: str
    form: str | None
    rating: int
    otherwise: float | None

    @property
    def moved(self) -> Moved:
        """By how much it moves the counts."""
        nearest = None if self.otherwise is None else round(self.otherwise)
        n_1, n_2, n_3, n_4, n_5 = ((self.rating == i) - (nearest == i) for i in range(1, 6))
        off_total = off_squares = 0.0
        if self.otherwise is not None and nearest is not None:
            off_total, off_squares = nearest - self.otherwise, nearest**2 - self.otherwise**2
        return Moved(self.concept, self.arm, self.form, n_1, n_2, n_3, n_4, n_5, off_total, off_squares)


@dataclass(frozen=True, slots=True)
class Change:
    """One number before and after, as written; `delta` is their difference as written, empty where it shows none.

    `span_before` and `span` are its 95 % intervals, empty where there are none. `rest` says what else moved with it, `hint`
    what the number is.
    """

    label: str
    before: str
    after: str
    delta: str
    span_before: str = ""
    span: str = ""
    rest: str = ""
    hint: str = ""

    @property
    def has_moved(self) -> bool:
        """Whether the number or its interval shows otherwise."""
        return (self.before, self.span_before) != (self.after, self.span) or bool(self.delta)


@dataclass(frozen=True, slots=True)
class Effect:
    """The changes of one concept, quadrant or study."""

    name: str
    changes: tuple[Change, ...]


def without(counts: Sequence[ConceptCounts], overrides: Iterable[Moved]) -> tuple[ConceptCounts, ...]:
    """The counts as they would be without these overrides."""
    by_concept: dict[str, list[Moved]] = {}
    for moved in overrides:
        by_concept.setdefault(moved.concept, []).append(moved)
    return tuple(_undone(concept, by_concept.get(concept.concept, [])) for concept in counts)


def effects(before: Findings, after: Findings, *, concept: str | None, quadrant: str | None) -> tuple[Effect, ...]:
    """Gap, ceiling and target before and after, for the concept and quadrant that are given and for the study."""
    pairs = [("Whole study", before.overall, after.overall)]
    if quadrant in after.quadrants and quadrant is not None:
        pairs.insert(0, (f"Quadrant {quadrant}", before.quadrants[quadrant], after.quadrants[quadrant]))
    if concept is not None:
        pairs.insert(0, (concept, before.concepts[concept], after.concepts[concept]))
    model = after.settings.model
    return tuple(Effect(name, _changes(old, new, model)) for name, old, new in pairs)


def _changes(old: Finding, new: Finding, model: CeilingName) -> tuple[Change, ...]:
    ceiling = _estimates(
        f"Ceiling, {CEILINGS[model].lower()}", old.ceilings[model].estimate, new.ceilings[model].estimate
    )
    return (
        replace(_estimates("Gap", old.best_gap, new.best_gap), hint=GAP),
        replace(ceiling, rest=_others(old, new), hint=CEILING),
        change("Recommended F1", old.target.value, new.target.value, hint=TARGET),
    )


def _estimates(label: str, old: Estimate, new: Estimate) -> Change:
    return replace(change(label, old.value, new.value), span_before=interval(old), span=interval(new))


def _others(old: Finding, new: Finding) -> str:
    """All ceilings that are known, each as it was and is."""
    pairs = [(name, old.ceilings[name].estimate.value, made.estimate.value) for name, made in new.ceilings.items()]
    return ". ".join(
        f"{CEILINGS[name]}: {write(before)} → {write(after)}"
        if write(before) != write(after)
        else f"{CEILINGS[name]}: {write(after)}"
        for name, before, after in pairs
        if after is not None
    )


def change(label: str, before: float | None, after: float | None, *, hint: str = "") -> Change:
    """One number before and after, as written."""
    if before is None or after is None:
        delta = "" if before == after else "changed"
    else:
        moved = _written(after) - _written(before)
        delta = signed(moved) if round(moved, 2) else ""
    return Change(label, write(before), write(after), delta, hint=hint)


def _written(value: float) -> float:
    """A value as `write` shows it, so that what is shown adds up."""
    return float(f"{value:.2f}")


def _undone(concept: ConceptCounts, overrides: Sequence[Moved]) -> ConceptCounts:
    for moved in overrides:
        if moved.arm == "positive":
            concept = replace(concept, positive=_moved_back(concept.positive, moved))
        else:
            concept = replace(concept, negative=_moved_back(concept.negative, moved))
    return concept


def _moved_back(arm: ArmCounts, moved: Moved) -> ArmCounts:
    verdicts = tuple(
        (form, _take_back(histogram, moved) if form == moved.form else histogram) for form, histogram in arm.verdicts
    )
    return replace(arm, verdicts=verdicts)


def _take_back(histogram: RatingHistogram, moved: Moved) -> RatingHistogram:
    n_1, n_2, n_3, n_4, n_5 = (n - by for n, by in zip(histogram.counts, moved.counts, strict=True))
    off_total, off_squares = histogram.off_total - moved.off_total, histogram.off_squares - moved.off_squares
    return RatingHistogram((n_1, n_2, n_3, n_4, n_5), off_total, off_squares)
