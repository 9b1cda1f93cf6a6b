"""The study at a glance: the map's points, the quadrants' cards and the headline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app.data import ConceptCounts, Lens, Profile
from app.kept import kept
from engine.config import order_families
from engine.figures.points import MapPoint, is_weak
from engine.stats.estimate import Estimate
from engine.stats.findings import Finding, Findings
from engine.stats.layers import Layers, layers_name
from engine.stats.lens_results import LensResult, LensSummary, explain_mean_excess, summarise_lenses
from engine.words import CEILINGS, count, interval, number

_AT_ONCE: Final = 1_000
LensSetting = tuple[str, Layers, str]
"""family, the layer or the layers joined, phase"""


@dataclass(frozen=True, slots=True)
class QuadrantCard:
    """What is known of one quadrant; `n_formed` counts its positives whose form is known."""

    letter: str
    n_concepts: int
    n_pairs: int
    n_formed: int
    gap: Estimate
    weak: bool
    good: float | None
    ceiling: Estimate
    lenses: LensSummary
    target: float | None
    tier: str
    target_reason: str


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything on the overview; `unplaced` are concepts of unknown senses or siblings, which the map cannot show.

    `doubt` says what to think of lenses that together measure clearly better than their ceilings; None where they do not.
    """

    points: tuple[MapPoint, ...]
    unplaced: tuple[str, ...]
    cards: tuple[QuadrantCard, ...]
    overall: QuadrantCard
    largest_gap: float
    doubt: str | None


def overview(
    findings: Findings,
    counts: Sequence[ConceptCounts],
    profiles: Sequence[Profile],
    lenses: Sequence[Lens],
    *,
    names: Mapping[str, str] | None = None,
) -> Overview:
    """Gather the overview; `lenses` are those of one setting, at most one a concept, `names` are not the terms."""
    names = names or {}
    results = {lens.concept: lens.result for lens in lenses}
    members = {q: [c.concept for c in counts if c.quadrant == q] for q in findings.quadrants}
    cards = tuple(_card(q, finding, findings, results, members[q]) for q, finding in findings.quadrants.items())
    everyone = [c.concept for c in counts]
    points = tuple(_point(p, names.get(p.concept, p.concept), findings.concepts[p.concept], results) for p in profiles)
    highs = [card.gap.high if card.gap.high is not None else card.gap.value for card in cards]
    return Overview(
        points=points,
        unplaced=tuple(point.name for point in points if point.counts is None),
        cards=cards,
        overall=_card("overall", findings.overall, findings, results, everyone),
        largest_gap=max([1.0, *(abs(high) for high in highs if high is not None)]),
        doubt=explain_mean_excess(results.values(), findings.overall.concept_ceilings, model=findings.settings.model),
    )


def answer(card: QuadrantCard, *, asked: float, model: str) -> tuple[str, str]:
    """The answer to the page's question in a word or two, and the reason."""
    if card.ceiling.value is None:
        return "Not known yet", f"the ceiling is unknown: {card.ceiling.reason}."
    best = f"{number(card.ceiling.value)} {interval(card.ceiling)}".rstrip()
    ceiling = f"these texts permit an F1 of at most {best} ({CEILINGS[model].lower()} ceiling)"
    if card.target is None:
        return f"No, neither {number(asked)} nor any lower tier", f"{ceiling}. The lower bound supports no tier."
    if card.target >= asked:
        return f"Yes, {number(asked)}", f"{ceiling}."
    return f"Not {number(asked)}, but {number(card.target)}", f"{ceiling}."


def support(findings: Findings, target: float | None) -> str:
    """How many concepts support a target by themselves that is one for their mean; empty where that is nothing to tell.

    The ceilings of a thousand concepts take a fraction of a second to work out, so that of more nothing is told.
    """
    n_concepts = len(findings.concepts)
    if target is None or not 1 < n_concepts <= _AT_ONCE:
        return ""
    own = [finding.target.value for finding in findings.concepts.values()]
    n = sum(value is not None and value >= target for value in own)
    return (
        f" This holds on average: {n} of {count(n_concepts, 'concept')} {'supports' if n == 1 else 'support'} it alone."
    )


@kept
def lens_settings(lenses: Sequence[Lens], asked: Sequence[str] = ()) -> tuple[LensSetting, ...]:
    """Every family, layer and phase that was trained: what the run asked for first, its own phase first, deepest layer first.

    Layers joined come last. The order is fixed before any F1 is seen, and the same as the report's; the highest of several
    would flatter.
    """
    place = {family: number for number, family in enumerate(order_families((lens.family for lens in lenses), asked))}
    unlike: dict[LensSetting, int] = {}
    for lens in lenses:
        setting = _setting(lens)
        unlike[setting] = min(lens.unlike, unlike.get(setting, lens.unlike))
    of_phase = {phase: min(n for s, n in unlike.items() if s[2] == phase) for _, _, phase in unlike}
    return tuple(sorted(unlike, key=lambda s: (place[s[0]], of_phase[s[2]], s[2] != "output", len(s[1]), -s[1][-1])))


def lenses_of(lenses: Sequence[Lens], setting: LensSetting | None) -> tuple[Lens, ...]:
    """The lenses of one setting, one a concept: in the mode and pool of the run's settings, else in the nearest to them."""
    found = [lens for lens in lenses if _setting(lens) == setting]
    nearest = min((lens.unlike for lens in found), default=0)
    return tuple(lens for lens in found if lens.unlike == nearest)


def _setting(lens: Lens) -> LensSetting:
    return lens.family, tuple(lens.layers), lens.phase


def setting_name(setting: LensSetting) -> str:
    """How a lens setting is written."""
    family, layers, phase = setting
    return f"{family} · {layers_name(layers)} · {phase}"


def _point(profile: Profile, name: str, finding: Finding, results: Mapping[str, LensResult]) -> MapPoint:
    lens = results.get(profile.concept)
    return MapPoint(
        concept=profile.concept,
        name=name,
        n_senses=profile.n_senses,
        n_siblings=profile.n_siblings,
        quadrant=profile.quadrant,
        reason=profile.quadrant_reason,
        gap=finding.gap,
        weak=is_weak(finding.gap),
        n_pairs=finding.positive.n + finding.negative.n,
        f1=lens.f1 if lens else None,
    )


def _card(
    letter: str, finding: Finding, findings: Findings, results: Mapping[str, LensResult], members: Sequence[str]
) -> QuadrantCard:
    return QuadrantCard(
        letter=letter,
        n_concepts=finding.n_concepts,
        n_pairs=finding.positive.n + finding.negative.n,
        n_formed=finding.positive.n_measured,
        gap=finding.best_gap,
        weak=bool(finding.cluster and finding.cluster.weak),
        good=finding.positive.form_shares()["good"],
        ceiling=finding.ceilings[findings.settings.model].estimate,
        lenses=summarise_lenses(results[concept] for concept in members if concept in results),
        target=finding.target.value,
        tier=finding.target.tier,
        target_reason=finding.target.reason,
    )
