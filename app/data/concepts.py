"""One concept of a run, and the lenses that were measured."""

from dataclasses import dataclass
from pathlib import Path

from app.data.memory import remembered, remembered_each
from app.data.rows import fetch, read
from db import connect
from engine.stats.estimate import Estimate
from engine.stats.lens_results import LensResult


@dataclass(frozen=True, slots=True)
class Sense:
    """One meaning of a concept."""

    sense_id: str
    definition: str
    aliases: list[str]


@dataclass(frozen=True, slots=True)
class Sibling:
    """A concept that shares a parent; `in_run` tells whether this run studies it too."""

    sibling: str
    name: str
    in_run: bool


@dataclass(frozen=True, slots=True)
class ConceptFacts:
    """What the pack and the run's selection say of a concept."""

    concept: str
    definition: str
    aliases: list[str]
    parents: list[str]
    pack_layer: int
    quadrant: str | None
    quadrant_reason: str | None
    n_senses: int
    n_siblings: int | None
    sibling_count: str
    senses_mean: str
    pack: str
    name: str
    origin: str | None
    bucket: str | None


@dataclass(frozen=True, slots=True)
class Concept:
    """A concept with its senses and siblings."""

    facts: ConceptFacts
    senses: tuple[Sense, ...]
    siblings: tuple[Sibling, ...]


@dataclass(frozen=True, slots=True)
class Lens:
    """A trained lens and its measures out of fold, or why it has none."""

    concept: str
    family: str
    layers: list[int]
    phase: str
    mode: str
    f1: float | None
    f1_low: float | None
    f1_high: float | None
    precision: float | None
    recall: float | None
    auc: float | None
    average_precision: float | None
    always_positive_f1: float | None
    shuffled_f1: float | None
    text_only_f1: float | None
    length_only_f1: float | None
    n_positive: int
    n_negative: int
    n_excluded: int
    reason: str | None
    lens_id: str
    unlike: int
    """0 where phase, mode and pool are those of the run's settings; more, the further they are from them."""

    @property
    def result(self) -> LensResult:
        """The lens as the statistics take it."""
        return LensResult(
            concept=self.concept,
            f1=self.f1,
            f1_low=self.f1_low,
            f1_high=self.f1_high,
            always_positive_f1=self.always_positive_f1,
            shuffled_f1=self.shuffled_f1,
            text_only_f1=self.text_only_f1,
            length_only_f1=self.length_only_f1,
            n=self.n_positive + self.n_negative,
            reason=self.reason,
        )


@dataclass(frozen=True, slots=True)
class LensFacts:
    """How a lens was trained; `n_pairs_more` is what it lacks where it could not be measured."""

    threshold: float | None
    n_parameters: int | None
    n_groups: int
    n_excluded: int
    n_pairs_more: int | None


@dataclass(frozen=True, slots=True)
class LensMeasures:
    """A lens's measures by name, and how it was trained."""

    facts: LensFacts
    estimates: dict[str, Estimate]


@dataclass(frozen=True, slots=True)
class _Measure:
    measure: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    reason: str | None
    method: str


def load_concept(folder: Path, run_id: str, concept: str) -> Concept | None:
    """A concept with senses and siblings; None when the run does not have it."""
    key = {"run_id": run_id, "concept": concept}

    def of_pack() -> Concept | None:
        with connect(folder) as cursor:
            facts = fetch(cursor, "concepts.concept", ConceptFacts, **key)
            if not facts:
                return None
            senses = fetch(cursor, "concepts.senses", Sense, **key)
            return Concept(facts[0], senses, fetch(cursor, "concepts.siblings", Sibling, **key))

    return remembered_each(folder, "concept", tuple(key.values()), of_pack, of=("runs", "run_concepts"))


def load_lenses(folder: Path, run_id: str, *, concept: str | None = None) -> tuple[Lens, ...]:
    """Lenses of the run, or of one concept."""
    key = ("lenses", run_id, concept)

    def lenses() -> tuple[Lens, ...]:
        return read(folder, "findings.lenses", Lens, run_id=run_id, concept=concept)

    return remembered(folder, key, lenses, of=("runs", "lenses"))


def load_measures(folder: Path, lens_id: str) -> LensMeasures | None:
    """Every measure of a lens; None where the study does not have it."""

    def measures() -> LensMeasures | None:
        with connect(folder) as cursor:
            facts = fetch(cursor, "concepts.lens_facts", LensFacts, lens_id=lens_id)
            if not facts:
                return None
            rows = fetch(cursor, "concepts.lens_measures", _Measure, lens_id=lens_id)
        return LensMeasures(
            facts[0], {r.measure: Estimate(r.value, r.low, r.high, r.n, r.reason, r.method) for r in rows}
        )

    return remembered_each(folder, "measures", lens_id, measures, of=("lenses",))
