"""What an override does: findings as they are beside findings as they would be without it.

The override's count is moved back to the rating that would stand otherwise, so the comparison needs no memory of an earlier
screen and is the same after a reload and for every reviewer.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from app.data import ConceptCounts
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


def without(counts: Sequence[ConceptCounts], overrides: Iterable[Override]) -> tuple[ConceptCounts, ...]:
    """The counts as they would be without these overrides."""
    by_concept: dict[str, list[Override]] = {}
    for override in overrides:
        by_concept.setdefault(override.concept, []).append(override)
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


def _undone(concept: ConceptCounts, overrides: Sequence[Override]) -> ConceptCounts:
    for override in overrides:
        if override.arm == "positive":
            concept = replace(concept, positive=_moved(concept.positive, override))
        else:
            concept = replace(concept, negative=_moved(concept.negative, override))
    return concept


def _moved(arm: ArmCounts, override: Override) -> ArmCounts:
    moved = tuple(
        (form, _take_back(histogram, override) if form == override.form else histogram)
        for form, histogram in arm.verdicts
    )
    return replace(arm, verdicts=moved)


def _take_back(histogram: RatingHistogram, override: Override) -> RatingHistogram:
    counts, off_total, off_squares = list(histogram.counts), histogram.off_total, histogram.off_squares
    counts[override.rating - 1] -= 1
    if override.otherwise is not None:
        nearest = round(override.otherwise)
        counts[nearest - 1] += 1
        off_total += override.otherwise - nearest
        off_squares += override.otherwise**2 - nearest**2
    return RatingHistogram((counts[0], counts[1], counts[2], counts[3], counts[4]), off_total, off_squares)
