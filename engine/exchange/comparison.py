"""Two sides of a comparison: which concepts match, and what was measured of each on both sides.

A concept matches itself: the same term with the same definition. A concept that the pack after has split matches its senses
together, when all of them are there: their mean stands against the concept before. Nothing else is ever compared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from db.rows import ComparisonKind, Mode, Phase, Pool
from engine.errors import ConfigError
from engine.stats.gap_change import GapError
from engine.stats.value_change import Spread

Measure = Literal["gap", "good", "ceiling", "f1", "auc", "text_only_f1"]


@dataclass(frozen=True, slots=True)
class Value:
    """What was measured of a concept on one side, over `n` ratings, samples or pairs; or the reason why it is unknown.

    `error` is how sure a gap is, or the interval of another value, where texts of its own gave it.
    """

    value: float | None
    n: int
    reason: str | None = None
    error: GapError | Spread | None = None


@dataclass(frozen=True, slots=True)
class LensChoice:
    """Which lens of each concept stands for a side."""

    family: str
    layer: int
    phase: Phase
    mode: Mode
    pool: Pool


@dataclass(frozen=True, slots=True)
class ComparedConcept:
    """A concept of a run as its pack has it. `n_parts`: into how many senses the pack splits its `origin`."""

    term: str
    definition: str
    quadrant: str | None
    origin: str | None
    n_parts: int | None
    siblings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SideJudge:
    """Whose ratings a side's gaps rest on."""

    judge_id: str
    name: str
    is_baseline: bool


@dataclass(frozen=True, slots=True)
class Side:
    """One side: a run, the judge and the lenses that stand for it, its concepts and what was measured of each.

    `study` is the folder of a side of another study, None for the study that is asked.
    """

    run_id: str
    pack: str
    made_from: str | None
    judge: SideJudge | None
    lens: LensChoice | None
    concepts: Mapping[str, ComparedConcept]
    values: Mapping[str, Mapping[Measure, Value]]
    study: str | None = None

    @property
    def name(self) -> str:
        """The run, with its study where that is another one."""
        return f"{self.study}:{self.run_id}" if self.study else self.run_id


@dataclass(frozen=True, slots=True)
class Match:
    """A concept before, and the terms that stand against it after: itself, or all its senses."""

    concept: str
    after: tuple[str, ...]
    quadrant_before: str | None
    quadrant_after: str | None
    has_new_siblings: bool

    @property
    def is_split(self) -> bool:
        """Whether senses stand against the concept."""
        return self.after != (self.concept,)


@dataclass(frozen=True, slots=True)
class Pair:
    """A matched concept with each measure before and after."""

    match: Match
    measures: Mapping[Measure, tuple[Value, Value]]


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting on both sides."""

    name: str
    before: object
    after: object


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two sides over the concepts that match; `unmatched` has the others with the reason."""

    kind: ComparisonKind
    before: Side
    after: Side
    settings: tuple[Setting, ...]
    pairs: tuple[Pair, ...]
    unmatched: Mapping[str, str]

    @property
    def variant(self) -> str:
        """What is different after, in a few words."""
        if self.kind in ("splitting", "bucketing"):
            return self.after.pack
        return ", ".join(f"{one.name} {_short(one.after)}" for one in self.settings) or "nothing"


def compare_sides(
    kind: ComparisonKind,
    before: Side,
    after: Side,
    *,
    settings: Sequence[Setting],
    measures: Sequence[Measure],
) -> Comparison:
    """Pair the measures of all concepts that match; ConfigError where none does."""
    matches, unmatched = match_concepts(before, after)
    if not matches:
        raise ConfigError(
            f"Runs {before.name} and {after.name} have no concept in common, so there is nothing to compare.",
            hint=(
                "Two concepts are the same if term and definition match. To compare means of different concepts: "
                "lensgap compare groups --by run."
            ),
        )
    pairs = tuple(
        Pair(match, {m: (before.values[match.concept][m], _mean_of(match, after, m)) for m in measures})
        for match in matches
    )
    return Comparison(kind, before, after, tuple(settings), pairs, unmatched)


def match_concepts(before: Side, after: Side) -> tuple[list[Match], dict[str, str]]:
    """The concepts that stand against each other, in the order before, and why the others do not."""
    matches, unmatched = [], {}
    for concept in before.concepts.values():
        found = _counterparts(concept, before, after)
        if isinstance(found, str):
            unmatched[concept.term] = found
        else:
            matches.append(_match(concept, found))
    used = {term for match in matches for term in match.after}
    for term, other in after.concepts.items():
        if term not in used and term not in unmatched and other.origin not in unmatched:
            unmatched[term] = "the run before does not have it"
    return matches, unmatched


def _counterparts(concept: ComparedConcept, before: Side, after: Side) -> list[ComparedConcept] | str:
    same = after.concepts.get(concept.term)
    if same:
        return [same] if same.definition == concept.definition else "its definition differs in the run after"
    senses = [other for other in after.concepts.values() if other.origin == concept.term]
    if not senses or after.made_from != before.pack:
        return "the run after does not have it"
    n_parts = senses[0].n_parts
    return senses if len(senses) == n_parts else f"only {len(senses)} of its {n_parts} senses are in the run after"


def _match(concept: ComparedConcept, found: Sequence[ComparedConcept]) -> Match:
    quadrants = {other.quadrant for other in found}
    return Match(
        concept=concept.term,
        after=tuple(other.term for other in found),
        quadrant_before=concept.quadrant,
        quadrant_after=quadrants.pop() if len(quadrants) == 1 else None,
        has_new_siblings=any(other.siblings != concept.siblings for other in found),
    )


def _mean_of(match: Match, after: Side, measure: Measure) -> Value:
    """The value of the concept after, of a split one the mean over its senses; unknown as soon as one of them is."""
    values = [after.values[term][measure] for term in match.after]
    if not match.is_split:
        return values[0]
    n = sum(value.n for value in values)
    known = [value.value for value in values if value.value is not None]
    if len(known) == len(values):
        return Value(sum(known) / len(known), n)
    reason = next(value.reason for value in values if value.value is None)
    return Value(None, n, f"{len(values) - len(known)} of {len(values)} senses: {reason}")


def explain_missing(before: Value, after: Value) -> str | None:
    """Why a side has no value; None where both have one."""
    sides = {"before": before.reason, "after": after.reason}
    return "; ".join(f"{name}: {reason}" for name, reason in sides.items() if reason) or None


def _short(value: object) -> str:
    said = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    return said if len(said) <= 40 else f"{said[:39]}…"
