"""From counts to findings: one summary a concept, quadrant, pack layer and study, made of the other modules here.

Nothing but counts (`engine.stats.counts`) is needed, so a rating that changes moves one concept's counts and everything here
follows. Summaries are cached by content: after one rating only its concept, its quadrant, its pack layer and the whole are new.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from engine.stats.ceiling import Ceiling, Target, ceilings_from_counts, recommended_target
from engine.stats.ceiling_means import ceiling_values, mean_ceilings
from engine.stats.ceiling_models import CeilingName
from engine.stats.counts import (
    ARMS,
    FORMS,
    Arm,
    ArmCounts,
    ConceptCounts,
    CountRow,
    count_concepts,
    rating_sums,
    stack_cells,
)
from engine.stats.estimate import Estimate
from engine.stats.gap import GapDecomposition, decompose_gap, multinomial_bootstrap_gap, relevance_gap, welch_gap
from engine.stats.gap_clusters import ClusterGap, cluster_bootstrap_gap, cluster_gap, cluster_parts
from engine.stats.histogram import RatingHistogram
from engine.stats.learning_curve import LearningCurve, mean_curve
from engine.stats.resampling import FloatArray

__all__ = [
    "ARMS",
    "FORMS",
    "NO_LAYER",
    "Arm",
    "ArmCounts",
    "ConceptCounts",
    "CountRow",
    "Finding",
    "Findings",
    "Settings",
    "count_concepts",
    "find",
    "summarise",
]
NO_LAYER = "none"
"""Names the concepts whose pack layer is unknown, since the pack of the run does not hold them."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a reader may turn: cut-off k of "on topic", stability s, the F1 asked for, and the ceiling that decides targets."""

    k: int = 2
    stability: float = 0.75
    user_target: float = 0.95
    model: CeilingName = "label_noise"
    seed: int = 0
    n_resamples: int = 1000


@dataclass(frozen=True, eq=False)
class _Table:
    """What findings need of many concepts, from one pass over their cells, which are too large to keep."""

    totals: FloatArray
    sums: FloatArray
    good: FloatArray
    ceilings: Mapping[CeilingName, FloatArray]


@dataclass(frozen=True, eq=False)
class Finding:
    """All that is stated about one concept, quadrant, pack layer or study.

    `gap` and `decomposition` take ratings as the units, `cluster` and `cluster_decomposition` concepts; `best_gap` and
    `best_decomposition` are what to show. Worked out when first asked for: a map of 5,000 concepts needs their gaps, not their
    ceilings.
    """

    name: str
    concepts: tuple[ConceptCounts, ...]
    settings: Settings

    @property
    def n_concepts(self) -> int:
        """Concepts that this is about."""
        return len(self.concepts)

    @cached_property
    def positive(self) -> ArmCounts:
        """Positives of all the concepts."""
        return self._merged[0]

    @cached_property
    def negative(self) -> ArmCounts:
        """Negatives of all the concepts."""
        return self._merged[1]

    @cached_property
    def _merged(self) -> tuple[ArmCounts, ArmCounts]:
        if len(self.concepts) == 1:
            return self.concepts[0].positive, self.concepts[0].negative
        positive, negative = self._table.totals
        return ArmCounts.from_cells(positive), ArmCounts.from_cells(negative)

    @cached_property
    def _table(self) -> "_Table":
        cells = stack_cells(self.concepts)
        return _Table(
            totals=cells.sum(axis=0),
            sums=rating_sums(cells),
            good=rating_sums(cells, good=True),
            ceilings=ceiling_values(cells, k=self.settings.k, stability=self.settings.stability),
        )

    @cached_property
    def histograms(self) -> tuple[RatingHistogram, RatingHistogram]:
        """Verdicts of positives and of negatives."""
        return self.positive.histogram, self.negative.histogram

    @cached_property
    def gap(self) -> Estimate:
        """The gap with ratings as the units: Welch's t, ratings added at the ends."""
        return relevance_gap(*self.histograms)

    @cached_property
    def gap_welch(self) -> Estimate:
        """The gap with ratings as the units: plain Welch's t, to compare."""
        return welch_gap(*self.histograms)

    @cached_property
    def gap_bootstrap(self) -> Estimate:
        """The gap with ratings as the units: each arm's five counts resampled."""
        n_resamples, seed = self.settings.n_resamples, self.settings.seed
        return multinomial_bootstrap_gap(*self.histograms, n_resamples=n_resamples, seed=seed)

    @cached_property
    def cluster(self) -> ClusterGap | None:
        """The gap with concepts as the units: Student's t; None for a single concept."""
        return None if len(self.concepts) < 2 else cluster_gap(self._table.sums)

    @cached_property
    def cluster_bootstrap(self) -> Estimate | None:
        """The gap with concepts as the units: concepts resampled, to compare; None for a single concept."""
        if len(self.concepts) < 2:
            return None
        n_resamples, seed = self.settings.n_resamples, self.settings.seed
        return cluster_bootstrap_gap(self._table.sums, n_resamples=n_resamples, seed=seed)

    @cached_property
    def decomposition(self) -> GapDecomposition:
        """The gap among good outputs, and the rest, with ratings as the units."""
        return decompose_gap(*self.histograms, self.positive.good, self.negative.good)

    @cached_property
    def cluster_decomposition(self) -> GapDecomposition | None:
        """The same parts with concepts as the units; None for a single concept."""
        return None if len(self.concepts) < 2 else cluster_parts(self._table.sums, self._table.good)

    @cached_property
    def ceilings(self) -> Mapping[CeilingName, Ceiling]:
        """Every named ceiling: of several concepts the mean, since that is what a mean F1 can be held against."""
        pooled = self.pooled_ceilings(self.settings, curve=self.curve)
        if len(self.concepts) < 2:
            return pooled
        return mean_ceilings(self._table.ceilings, pooled)

    def ceilings_at(self, prevalence: float | None) -> Mapping[CeilingName, Ceiling]:
        """Every named ceiling if positives were such a share of each concept's pairs; None stands for their own share."""
        if prevalence is None:
            return self.ceilings
        pooled = self.pooled_ceilings(self.settings, prevalence=prevalence, curve=self.curve)
        if len(self.concepts) < 2:
            return pooled
        k, stability = self.settings.k, self.settings.stability
        values = ceiling_values(stack_cells(self.concepts), k=k, stability=stability, prevalence=prevalence)
        return mean_ceilings(values, pooled)

    @property
    def concept_ceilings(self) -> Mapping[str, float]:
        """The chosen ceiling of each concept that has one, where it follows from counts."""
        values = self._table.ceilings.get(self.settings.model, ())
        return {
            concept.concept: float(value)
            for concept, value in zip(self.concepts, values, strict=False)
            if not math.isnan(value)
        }

    @cached_property
    def curve(self) -> LearningCurve | None:
        """The learning curve, of several concepts their mean; None where none has been measured."""
        return mean_curve([concept.curve for concept in self.concepts if concept.curve])

    def pooled_ceilings(
        self, settings: Settings, *, prevalence: float | None = None, curve: LearningCurve | None = None
    ) -> Mapping[CeilingName, Ceiling]:
        """Every ceiling of all ratings pooled, under other settings, or if positives were such a share of the pairs."""
        positive, negative = self.histograms
        return ceilings_from_counts(
            positive=positive,
            negative=negative,
            good_positive=self.positive.n_of("good"),
            n_positive=self.positive.n_measured,
            curve=curve,
            k=settings.k,
            stability=settings.stability,
            prevalence=prevalence,
            n_resamples=settings.n_resamples,
            seed=settings.seed,
        )

    @cached_property
    def target(self) -> Target:
        """The F1 to ask for, from the chosen ceiling's lower bound."""
        return self.target_at(self.ceilings[self.settings.model])

    def target_at(self, ceiling: Ceiling) -> Target:
        """The F1 to ask for if that ceiling decided."""
        return recommended_target(
            ceiling.estimate.low,
            user_target=self.settings.user_target,
            floor=ceiling.floor,
            unknown_because=ceiling.estimate.why_no_interval,
        )

    @property
    def best_gap(self) -> Estimate:
        """The gap with its honest interval: over concepts where there are several, over ratings for a single one."""
        return self.cluster.estimate if self.cluster else self.gap

    @property
    def best_decomposition(self) -> GapDecomposition:
        """The gap's parts with their honest intervals, as of `best_gap`."""
        return self.cluster_decomposition or self.decomposition

    @property
    def weak_because(self) -> str | None:
        """Why the interval over concepts may be too narrow; None where it is not, or where there is none."""
        return self.cluster.weak_because if self.cluster else None

    @property
    def weak(self) -> bool:
        """Whether the concepts are too few for their interval."""
        return self.weak_because is not None


@dataclass(frozen=True)
class Findings:
    """Findings of a study: overall, by quadrant (only those present, in order), by pack layer (in order, named "0", "1" …, last
    "none" for concepts that have none), by concept (in the run's order)."""

    overall: Finding
    quadrants: Mapping[str, Finding]
    concepts: Mapping[str, Finding]
    settings: Settings = field(default_factory=Settings)
    pack_layers: Mapping[str, Finding] = field(default_factory=dict)


def find(concepts: Sequence[ConceptCounts], *, settings: Settings) -> Findings:
    """Summarise every concept, every quadrant and pack layer that occurs, and the whole."""
    by_quadrant: dict[str, list[ConceptCounts]] = {}
    by_layer: dict[int | None, list[ConceptCounts]] = {}
    for concept in concepts:
        by_layer.setdefault(concept.pack_layer, []).append(concept)
        if concept.quadrant:
            by_quadrant.setdefault(concept.quadrant, []).append(concept)
    layers = sorted(by_layer, key=lambda layer: (layer is None, layer or 0))
    return Findings(
        overall=summarise("overall", tuple(concepts), settings),
        quadrants={name: summarise(name, tuple(by_quadrant[name]), settings) for name in sorted(by_quadrant)},
        concepts={concept.concept: summarise(concept.concept, (concept,), settings) for concept in concepts},
        settings=settings,
        pack_layers={
            name: summarise(f"pack layer {name}", tuple(by_layer[layer]), settings)
            for layer in layers
            for name in [NO_LAYER if layer is None else str(layer)]
        },
    )


def summarise(name: str, concepts: tuple[ConceptCounts, ...], settings: Settings) -> Finding:
    """Findings on these concepts together, the same object for the same counts."""
    # Groups are kept apart, and few of them, for each holds what it worked out of thousands of concepts.
    return (_summarise_one if len(concepts) == 1 else _summarise_group)(name, concepts, settings)


@lru_cache(maxsize=20_000)
def _summarise_one(name: str, concepts: tuple[ConceptCounts, ...], settings: Settings) -> Finding:
    return Finding(name, concepts, settings)


@lru_cache(maxsize=128)
def _summarise_group(name: str, concepts: tuple[ConceptCounts, ...], settings: Settings) -> Finding:
    return Finding(name, concepts, settings)
