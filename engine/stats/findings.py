"""From counts to findings: one summary a concept, quadrant and study, made of the other modules here.

Input are the rows of the query `findings.counts`: for each concept, arm and form the number of samples, the five rating counts
of their verdicts, and what these bins take from the verdicts' sum and sum of squares. Nothing else is needed, so a rating that
changes moves one row and everything here follows.
Summaries are cached by content: recomputing a study after one rating costs one concept, its quadrant and the whole.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Literal, cast, get_args

from engine.stats.ceiling import (
    Ceiling,
    Target,
    ceiling_values,
    ceilings_from_counts,
    mean_ceilings,
    recommended_target,
)
from engine.stats.ceiling_models import CeilingName
from engine.stats.estimate import Estimate, unknown
from engine.stats.form import Form
from engine.stats.gap import ClusterGap, GapDecomposition, cluster_gap, decompose_gap, relevance_gap
from engine.stats.histogram import RatingHistogram
from engine.stats.summary import mean_estimate

Arm = Literal["positive", "negative"]
FORMS: tuple[Form, ...] = ("empty", "short", "repetitive", "good")
ARMS: tuple[Arm, ...] = get_args(Arm)


CountRow = tuple[str, str, str | None, int, int, int, int, int, int, float, float]
"""concept, arm, form (null: not measured yet), n_samples, n_1 … n_5, off_total, off_squares"""


@dataclass(frozen=True, slots=True)
class ArmCounts:
    """Samples of one arm by form, and the histogram of their verdicts by form; a form None is not measured yet."""

    n_samples: tuple[tuple[Form | None, int], ...] = ()
    verdicts: tuple[tuple[Form | None, RatingHistogram], ...] = ()

    @property
    def histogram(self) -> RatingHistogram:
        """Verdicts of all forms."""
        return sum((histogram for _, histogram in self.verdicts), RatingHistogram.empty())

    @property
    def good(self) -> RatingHistogram:
        """Verdicts of good outputs."""
        return sum((histogram for form, histogram in self.verdicts if form == "good"), RatingHistogram.empty())

    @property
    def n(self) -> int:
        """Samples, rated or not."""
        return sum(n for _, n in self.n_samples)

    def n_of(self, form: Form) -> int:
        """Samples of that form."""
        return sum(n for other, n in self.n_samples if other == form)

    @property
    def n_measured(self) -> int:
        """Samples whose form is known."""
        return sum(n for form, n in self.n_samples if form is not None)

    def form_shares(self) -> dict[Form, float | None]:
        """Share of each form among measured samples; None while none is measured."""
        n = self.n_measured
        return {form: self.n_of(form) / n if n else None for form in FORMS}

    @classmethod
    def merge(cls, parts: Iterable["ArmCounts"]) -> "ArmCounts":
        """The counts of several concepts as one, cell by cell."""
        n_samples: dict[Form | None, int] = {}
        verdicts: dict[Form | None, list[RatingHistogram]] = {}
        for part in parts:
            for form, n in part.n_samples:
                n_samples[form] = n_samples.get(form, 0) + n
            for form, histogram in part.verdicts:
                verdicts.setdefault(form, []).append(histogram)
        return cls(
            tuple(n_samples.items()),
            tuple((form, RatingHistogram.merge(histograms)) for form, histograms in verdicts.items()),
        )


@dataclass(frozen=True, slots=True)
class ConceptCounts:
    """Both arms of one concept."""

    concept: str
    quadrant: str | None
    positive: ArmCounts
    negative: ArmCounts


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
class Finding:
    """All that is stated about one concept, quadrant or study. `gap` treats ratings, `cluster` concepts as the units.

    Worked out when first asked for: a map of 5,000 concepts needs their gaps, not their ceilings.
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
        return ArmCounts.merge(concept.positive for concept in self.concepts)

    @cached_property
    def negative(self) -> ArmCounts:
        """Negatives of all the concepts."""
        return ArmCounts.merge(concept.negative for concept in self.concepts)

    @cached_property
    def gap(self) -> Estimate:
        """The gap with ratings as the units."""
        return relevance_gap(self.positive.histogram, self.negative.histogram)

    @cached_property
    def cluster(self) -> ClusterGap | None:
        """The gap with concepts as the units; None for a single concept."""
        if len(self.concepts) < 2:
            return None
        histograms = [(concept.positive.histogram, concept.negative.histogram) for concept in self.concepts]
        return cluster_gap(histograms, n_resamples=self.settings.n_resamples, seed=self.settings.seed)

    @cached_property
    def decomposition(self) -> GapDecomposition:
        """The gap among good outputs, and the rest."""
        arms = (self.positive.histogram, self.negative.histogram)
        return decompose_gap(*arms, self.positive.good, self.negative.good)

    @cached_property
    def ceilings(self) -> Mapping[CeilingName, Ceiling]:
        """Every named ceiling: of several concepts the mean, since that is what a mean F1 can be held against."""
        pooled = self._pooled_ceilings()
        if len(self.concepts) < 2:
            return pooled
        values = [
            ceiling_values(
                positive=concept.positive.histogram,
                negative=concept.negative.histogram,
                good_positive=concept.positive.n_of("good"),
                n_positive=concept.positive.n_measured,
                k=self.settings.k,
                stability=self.settings.stability,
            )
            for concept in self.concepts
        ]
        return mean_ceilings(values, pooled)

    def _pooled_ceilings(self) -> Mapping[CeilingName, Ceiling]:
        return ceilings_from_counts(
            positive=self.positive.histogram,
            negative=self.negative.histogram,
            good_positive=self.positive.n_of("good"),
            n_positive=self.positive.n_measured,
            k=self.settings.k,
            stability=self.settings.stability,
            n_resamples=self.settings.n_resamples,
            seed=self.settings.seed,
        )

    @cached_property
    def target(self) -> Target:
        """The F1 to ask for, from the chosen ceiling's lower bound."""
        ceiling = self.ceilings[self.settings.model]
        return recommended_target(ceiling.estimate.low, user_target=self.settings.user_target, floor=ceiling.floor)

    @property
    def best_gap(self) -> Estimate:
        """The gap with its honest interval: over concepts where there are several, over ratings for a single one."""
        return self.cluster.estimate if self.cluster else self.gap


@dataclass(frozen=True)
class LensResult:
    """The measured lens of one concept with the baselines that any F1 must be read beside; None is unknown."""

    concept: str
    f1: float | None
    f1_low: float | None
    f1_high: float | None
    always_positive_f1: float | None
    shuffled_f1: float | None
    text_only_f1: float | None
    length_only_f1: float | None
    n: int
    reason: str | None


@dataclass(frozen=True)
class LensSummary:
    """Means over concepts that have the value, each with its interval and n; `over_text` is the mean of F1 − text-only F1."""

    f1: Estimate
    always_positive: Estimate
    shuffled: Estimate
    text_only: Estimate
    length_only: Estimate
    over_text: Estimate


@dataclass(frozen=True)
class Findings:
    """Findings of a study: overall, by quadrant (only those present, in order), by concept (in the run's order)."""

    overall: Finding
    quadrants: Mapping[str, Finding]
    concepts: Mapping[str, Finding]
    settings: Settings = field(default_factory=Settings)


def count_concepts(rows: Iterable[CountRow], *, quadrants: Mapping[str, str | None]) -> list[ConceptCounts]:
    """Gather rows of `findings.counts`; every concept of `quadrants` is there, in that order, if only with no samples."""
    arms: dict[tuple[str, str], list[tuple[Form | None, int, RatingHistogram]]] = {}
    for concept, arm, form, n, n_1, n_2, n_3, n_4, n_5, off_total, off_squares in rows:
        histogram = RatingHistogram((n_1, n_2, n_3, n_4, n_5), off_total, off_squares)
        arms.setdefault((concept, arm), []).append((cast(Form | None, form), n, histogram))

    def arm_counts(concept: str, arm: Arm) -> ArmCounts:
        cells = sorted(arms.get((concept, arm), []), key=lambda cell: cell[0] or "")
        return ArmCounts(tuple((f, n) for f, n, _ in cells), tuple((f, histogram) for f, _, histogram in cells))

    return [
        ConceptCounts(concept, quadrant, arm_counts(concept, "positive"), arm_counts(concept, "negative"))
        for concept, quadrant in quadrants.items()
    ]


def find(concepts: Sequence[ConceptCounts], *, settings: Settings) -> Findings:
    """Summarise every concept, every quadrant that occurs, and the whole."""
    present = sorted({concept.quadrant for concept in concepts if concept.quadrant})
    return Findings(
        overall=summarise("overall", tuple(concepts), settings),
        quadrants={
            quadrant: summarise(quadrant, tuple(c for c in concepts if c.quadrant == quadrant), settings)
            for quadrant in present
        },
        concepts={concept.concept: summarise(concept.concept, (concept,), settings) for concept in concepts},
        settings=settings,
    )


@lru_cache(maxsize=20_000)
def summarise(name: str, concepts: tuple[ConceptCounts, ...], settings: Settings) -> Finding:
    """Findings on these concepts together, the same object for the same counts."""
    return Finding(name, concepts, settings)


def summarise_lenses(lenses: Iterable[LensResult]) -> LensSummary:
    """Mean F1 and mean baselines over the concepts that have an F1."""
    measured = [lens for lens in lenses if lens.f1 is not None]

    def mean(values: Iterable[float | None], bounds: tuple[float, float] = (0, 1)) -> Estimate:
        known = [value for value in values if value is not None]
        return mean_estimate(known, bounds=bounds) if known else unknown("no lens has been measured", method="mean")

    return LensSummary(
        f1=mean(lens.f1 for lens in measured),
        always_positive=mean(lens.always_positive_f1 for lens in measured),
        shuffled=mean(lens.shuffled_f1 for lens in measured),
        text_only=mean(lens.text_only_f1 for lens in measured),
        length_only=mean(lens.length_only_f1 for lens in measured),
        over_text=mean(_advantages(measured), bounds=(-1, 1)),
    )


def explain_excess(lenses: LensSummary, ceiling: Estimate) -> str | None:
    """What to think of lenses whose mean F1 is clearly above the ceiling, bound against bound; None where it is not."""
    f1, words = lenses.f1, lenses.text_only.value
    if f1.value is None or f1.low is None or ceiling.value is None:
        return None
    if f1.low <= (ceiling.value if ceiling.high is None else ceiling.high):
        return None
    told = (
        f"Lenses measure {f1.value:.2f}, above this ceiling of {ceiling.value:.2f}, which assumes that "
        "off-topic positives look like negatives. "
    )
    if words is not None and words > ceiling.value:
        return (
            f"{told}They do not here: words alone reach {words:.2f}. "
            "The arms differ in more than relevance, so part of this F1 is not knowledge of the concept."
        )
    return f"{told}They do not here, and words alone do not tell why: the prompt may show in the activations."


def _advantages(lenses: Iterable[LensResult]) -> list[float]:
    """By how much each lens beats the classifier that sees only the words, on the same folds."""
    return [x.f1 - x.text_only_f1 for x in lenses if x.f1 is not None and x.text_only_f1 is not None]
