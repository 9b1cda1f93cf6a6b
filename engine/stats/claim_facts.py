"""What statements are decided from: a row of numbers for each concept, and what was found on the study beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from engine.stats.agreement import Agreement
from engine.stats.ceiling_models import label_noise_ceiling
from engine.stats.findings import Arm, ArmCounts, ConceptCounts
from engine.stats.histogram import RatingHistogram
from engine.stats.lens_results import LensResult

_NEAR_HALF = 0.15
"""How far from half of the pairs a size may be to stand for it."""


@dataclass(frozen=True, slots=True)
class Firing:
    """How many pairs of a kind a lens was asked about out of fold, and on how many of them it fired."""

    n: int = 0
    n_fires: int = 0

    @property
    def rate(self) -> float | None:
        """Share on which it fired; None without pairs."""
        return self.n_fires / self.n if self.n else None

    def __add__(self, other: Firing) -> Firing:
        """Return both kinds of pairs together."""
        return Firing(self.n + other.n, self.n_fires + other.n_fires)


@dataclass(frozen=True, slots=True)
class ArmFiring:
    """Where a lens fires: on both arms' pairs of one kind."""

    positive: Firing = Firing()
    negative: Firing = Firing()

    @property
    def lead(self) -> float | None:
        """By how much more of the positives than of the negatives it fires on: 1 reads all, 0 cannot tell them apart."""
        return difference(self.positive.rate, self.negative.rate)


@dataclass(frozen=True, slots=True)
class LensFiring:
    """Where the lens of one concept fires: by form, on texts that are rated off topic, and by kind of negative."""

    good: ArmFiring = ArmFiring()
    degenerate: ArmFiring = ArmFiring()
    off_topic: ArmFiring = ArmFiring()
    sibling: Firing = Firing()
    unrelated: Firing = Firing()


@dataclass(frozen=True, slots=True)
class ConceptFacts:
    """One concept in numbers, each None where it is unknown; shares and F1 are of 1.

    A `…_lead` is by how much more of such positives than of such negatives the lens fires on, out of fold.
    """

    concept: str
    quadrant: str | None = None
    n_senses: float | None = None
    n_siblings: float | None = None
    gap: float | None = None
    good_gap: float | None = None
    positive_mean: float | None = None
    good_positive: float | None = None
    good_negative: float | None = None
    ceiling: float | None = None
    f1: float | None = None
    text_only_f1: float | None = None
    always_positive_f1: float | None = None
    good_lead: float | None = None
    degenerate_lead: float | None = None
    off_topic_lead: float | None = None
    sibling_alarm: float | None = None
    graduated: float | None = None


@dataclass(frozen=True, slots=True)
class StudyFacts:
    """All that the statements ask for; what is not there is empty or None.

    `agreement`: of the judge with people on audited pairs. `changes`: differences a unit (after less before) by kind of change.
    `transfer`: AUC on output activations of a lens trained on prompts, and of one trained on outputs, a pair a concept.
    `learning`: by how much F1 rose with the last doubling of the pairs, a value a concept.
    """

    concepts: tuple[ConceptFacts, ...]
    agreement: Mapping[Arm, Agreement] = field(default_factory=dict)
    changes: Mapping[str, Sequence[float]] = field(default_factory=dict)
    transfer: Sequence[tuple[float, float]] = ()
    learning: Sequence[float] = ()

    def values(self, of: Callable[[ConceptFacts], float | None]) -> list[float | None]:
        """One number of every concept."""
        return [of(concept) for concept in self.concepts]

    def by_quadrant(self, of: Callable[[ConceptFacts], float | None]) -> dict[str, list[float]]:
        """The known numbers of each quadrant's concepts."""
        groups: dict[str, list[float]] = {}
        for concept in self.concepts:
            value = of(concept)
            if concept.quadrant and value is not None:
                groups.setdefault(concept.quadrant, []).append(value)
        return groups


def concept_facts(
    counts: ConceptCounts,
    *,
    n_senses: int | None,
    n_siblings: int | None,
    k: int,
    lens: LensResult | None = None,
    firing: LensFiring | None = None,
    graduated: bool | None = None,
) -> ConceptFacts:
    """Work out a concept's numbers from its counts and its lens; ratings of at most ``k`` are off topic."""
    positive, negative = counts.positive.histogram, counts.negative.histogram
    return ConceptFacts(
        concept=counts.concept,
        quadrant=counts.quadrant,
        n_senses=n_senses,
        n_siblings=n_siblings,
        gap=difference(positive.mean, negative.mean),
        good_gap=difference(counts.positive.good.mean, counts.negative.good.mean),
        positive_mean=positive.mean,
        good_positive=good_share(counts.positive),
        good_negative=good_share(counts.negative),
        ceiling=noise_ceiling(positive, negative, k=k),
        f1=lens.f1 if lens else None,
        text_only_f1=lens.text_only_f1 if lens else None,
        always_positive_f1=lens.always_positive_f1 if lens else None,
        good_lead=firing.good.lead if firing else None,
        degenerate_lead=firing.degenerate.lead if firing else None,
        off_topic_lead=firing.off_topic.lead if firing else None,
        sibling_alarm=difference(firing.sibling.rate, firing.unrelated.rate) if firing else None,
        graduated=None if graduated is None else float(graduated),
    )


def good_share(arm: ArmCounts) -> float | None:
    """Share of an arm's measured outputs that are in good form."""
    return arm.n_of("good") / arm.n_measured if arm.n_measured else None


def noise_ceiling(positive: RatingHistogram, negative: RatingHistogram, *, k: int) -> float | None:
    """The label-noise ceiling of one concept at its own share of positives; None while an arm is unrated."""
    off_topic, kept_off = positive.share_at_most(k), negative.share_at_most(k)
    if off_topic is None or kept_off is None:
        return None
    return float(label_noise_ceiling(off_topic, 1.0 - kept_off, prevalence=positive.n / (positive.n + negative.n)))


def difference(first: float | None, second: float | None) -> float | None:
    """First less second, None where either is unknown."""
    return None if first is None or second is None else first - second


def gain_of_last_doubling(n_train: Sequence[int], f1: Sequence[float]) -> float | None:
    """F1 at the largest size less that at the size nearest to its half; None where none is.

    Of measured points, not of a fitted curve: a curve that never falls finds a gain in noise.
    """
    if not n_train:
        return None
    last = n_train[-1]
    nearest = min(range(len(n_train)), key=lambda i: abs(n_train[i] - last / 2))
    return f1[-1] - f1[nearest] if abs(n_train[nearest] / last - 0.5) <= _NEAR_HALF else None
