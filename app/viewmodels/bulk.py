"""What rating many pairs at once would do: counts as they would be, and which concepts it touches. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from app.data import ConceptCounts
from app.data.samples import Listed
from engine.stats.counts import ArmCounts
from engine.stats.histogram import RatingHistogram


@dataclass(frozen=True, slots=True)
class Plan:
    """Pairs to rate, and what stands in the way: those that others have overridden, and those past the limit."""

    pairs: tuple[Listed, ...]
    n_others: int
    """Of the pairs in the list, those whose override somebody else gave."""
    others: tuple[str, ...]
    """Who gave those."""
    n_left_out: int
    """Pairs of the list that are past the limit."""
    concepts: tuple[tuple[str, int], ...]
    """How many of the pairs each concept has, most first."""


def plan(
    listed: Sequence[Listed],
    n_total: int,
    overriders: Mapping[tuple[str, str], str],
    *,
    reviewer: str,
    replace_others: bool,
    at_most: int,
) -> Plan:
    """Which of the listed pairs would be rated; overrides of others are left alone unless they are to be replaced."""
    within = listed[:at_most]
    by_others = {
        (pair.concept, pair.sample_id): name
        for pair in within
        if (name := overriders.get((pair.concept, pair.sample_id))) not in (None, reviewer)
    }
    pairs = tuple(p for p in within if replace_others or (p.concept, p.sample_id) not in by_others)
    concepts = Counter(pair.concept for pair in pairs).most_common()
    others = tuple(sorted({str(name) for name in by_others.values()}))
    return Plan(pairs, len(by_others), others, max(0, n_total - at_most), tuple(concepts))


def rated(counts: Sequence[ConceptCounts], pairs: Sequence[Listed], rating: int) -> tuple[ConceptCounts, ...]:
    """The counts as they would be if all these pairs had this rating."""
    by_concept: dict[str, list[Listed]] = {}
    for pair in pairs:
        by_concept.setdefault(pair.concept, []).append(pair)
    return tuple(_concept(concept, by_concept.get(concept.concept, []), rating) for concept in counts)


def _concept(concept: ConceptCounts, pairs: Sequence[Listed], rating: int) -> ConceptCounts:
    positive, negative = ([p for p in pairs if p.arm == arm] for arm in ("positive", "negative"))
    if not pairs:
        return concept
    return replace(
        concept,
        positive=_arm(concept.positive, positive, rating),
        negative=_arm(concept.negative, negative, rating),
    )


def _arm(arm: ArmCounts, pairs: Sequence[Listed], rating: int) -> ArmCounts:
    verdicts = tuple(
        (form, _moved(histogram, [p for p in pairs if p.form == form], rating)) for form, histogram in arm.verdicts
    )
    return replace(arm, verdicts=verdicts)


def _moved(histogram: RatingHistogram, pairs: Sequence[Listed], rating: int) -> RatingHistogram:
    counts, off_total, off_squares = list(histogram.counts), histogram.off_total, histogram.off_squares
    for pair in pairs:
        if pair.verdict is not None:
            nearest = round(pair.verdict)
            counts[nearest - 1] -= 1
            off_total -= pair.verdict - nearest
            off_squares -= pair.verdict**2 - nearest**2
        counts[rating - 1] += 1
    return RatingHistogram((counts[0], counts[1], counts[2], counts[3], counts[4]), off_total, off_squares)
