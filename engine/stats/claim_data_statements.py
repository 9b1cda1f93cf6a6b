"""Statements of the report on outputs, ratings and quadrants, and what each rests on in a study."""

from __future__ import annotations

from collections.abc import Callable

from engine.stats.claim_evidence import Evidence, Side, contrast_evidence, mean_evidence, rank_evidence
from engine.stats.claim_facts import ConceptFacts, StudyFacts, difference
from engine.stats.claims import Statement

Number = Callable[[ConceptFacts], float | None]
OTHERS = ("A", "B", "D")
STRONG = 4.0
"""Rating of a text that is clearly about its concept, by the report's scale."""
_CONCEPTS = "two concepts or more of each quadrant, with outputs and ratings: lensgap run --per-quadrant"
_RATINGS = "ratings of both arms of two concepts or more: lensgap judge"
_OUTPUTS = "outputs of both arms of two concepts or more: lensgap generate"


def data_statements(facts: StudyFacts) -> list[Statement]:
    """What the report says of the data themselves, before any lens."""
    return [*_outputs(facts), *_ratings(facts), *_hardest(facts), *_causes(facts)]


def _outputs(facts: StudyFacts) -> list[Statement]:
    degenerate = facts.values(lambda c: difference(1.0, c.good_positive))
    lead = facts.values(lambda c: difference(c.good_negative, c.good_positive))
    share = "degenerate share of positives"
    return [
        Statement(
            "degenerate-share",
            "Of the outputs 20 to 40 % are degenerate",
            "abstract, 4.1",
            (
                mean_evidence(share, degenerate, side="above", bar=0.2),
                mean_evidence(share, degenerate, side="below", bar=0.4),
            ),
            _OUTPUTS,
        ),
        Statement(
            "positives-bottleneck",
            "Outputs for positives are worse than for negatives",
            "3.1",
            (mean_evidence("good share, negatives minus positives", lead, side="above"),),
            _OUTPUTS,
        ),
        Statement(
            "c-degenerates-most",
            "Outputs degenerate more in quadrant C than elsewhere",
            "3.1, 6 (2)",
            _c_below_others(facts, "good share of positives", lambda c: c.good_positive),
            _CONCEPTS,
        ),
    ]


def _ratings(facts: StudyFacts) -> list[Statement]:
    return [
        Statement(
            "positives-above-negatives",
            "Positives are rated above negatives",
            "3.3",
            (mean_evidence("gap", facts.values(lambda c: c.gap), side="above"),),
            _RATINGS,
        ),
        Statement(
            "outputs-off-topic",
            "Texts written about a concept are not clearly about it",
            "1.2",
            (
                mean_evidence(
                    "mean rating of positives", facts.values(lambda c: c.positive_mean), side="below", bar=STRONG
                ),
            ),
            _RATINGS,
        ),
    ]


def _hardest(facts: StudyFacts) -> list[Statement]:
    return [
        Statement(
            "c-hardest",
            "C is the hardest quadrant: it has the smallest gap",
            "3.3, 6 (2)",
            _c_below_others(facts, "gap", lambda c: c.gap),
            _CONCEPTS,
        ),
        Statement(
            "c-hardest-among-good",
            "C is the hardest even among good outputs",
            "6.1",
            _c_below_others(facts, "gap of good outputs", lambda c: c.good_gap),
            _CONCEPTS,
        ),
        Statement(
            "c-compound",
            "Senses and siblings compound: C is worse than both add up to",
            "6.1",
            (
                contrast_evidence(
                    "gap, C − B − D + A",
                    facts.by_quadrant(lambda c: c.gap),
                    {"C": 1.0, "B": -1.0, "D": -1.0, "A": 1.0},
                    side="below",
                ),
            ),
            _CONCEPTS,
        ),
    ]


def _causes(facts: StudyFacts) -> list[Statement]:
    settle = "gaps of more concepts that differ in their counts: lensgap run --per-quadrant"
    causes: list[tuple[str, str, Number]] = [
        ("senses", "Many senses make a concept hard: the gap falls with them", lambda c: c.n_senses),
        ("siblings", "Many siblings make a concept hard: the gap falls with them", lambda c: c.n_siblings),
    ]
    return [
        Statement(
            f"{name}-lower-gap",
            words,
            "6.1",
            (rank_evidence(f"{name} and gap", [(number(c), c.gap) for c in facts.concepts], side="below"),),
            settle,
        )
        for name, words, number in causes
    ]


def _c_below_others(facts: StudyFacts, words: str, of: Number) -> tuple[Evidence, ...]:
    """C less each other quadrant, concepts as the units."""
    return quadrant_evidence(facts, words, of, side="below")


def quadrant_evidence(facts: StudyFacts, words: str, of: Number, *, side: Side) -> tuple[Evidence, ...]:
    """The mean of C's concepts less that of each other quadrant's."""
    groups = facts.by_quadrant(of)
    return tuple(
        contrast_evidence(f"{words}, C − {other}", groups, {"C": 1.0, other: -1.0}, side=side) for other in OTHERS
    )
