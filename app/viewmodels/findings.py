"""Findings at one grain as rows, and ceilings as they would be at another share of positives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from engine.figures.dots import Series
from engine.stats.ceiling import Ceiling, CeilingName, Target
from engine.stats.ceiling_sensitivity import CUTS, PREVALENCES, STABILITIES, Sweep, sweep_ceiling
from engine.stats.estimate import Estimate
from engine.stats.findings import NO_LAYER, Finding, Findings
from engine.words import CEILINGS, PROFILES, interval, number

Grain = Literal["quadrant", "pack_layer", "concept"]
GRAINS: Final[dict[Grain, str]] = {"quadrant": "Quadrants", "pack_layer": "Pack layers", "concept": "Concepts"}
MODELS: Final[tuple[CeilingName, ...]] = get_args(CeilingName)
WHOLE: Final = "Whole study"


@dataclass(frozen=True, slots=True)
class Row:
    """One group of concepts, or one concept; `key` is its quadrant, pack layer or term, empty for the whole study."""

    key: str
    name: str
    quadrant: str | None
    finding: Finding


def rows_of(findings: Findings, grain: Grain, names: Mapping[str, str]) -> tuple[Row, ...]:
    """The whole study, then its parts: quadrants and layers in order, concepts from the smallest gap, unknown ones last."""
    whole = Row("", WHOLE, None, findings.overall)
    if grain == "quadrant":
        parts = [Row(q, f"Quadrant {q}", q, finding) for q, finding in findings.quadrants.items()]
    elif grain == "pack_layer":
        parts = [Row(key, _layer(key), None, finding) for key, finding in findings.pack_layers.items()]
    else:
        parts = [
            Row(key, names.get(key, key), finding.concepts[0].quadrant, finding)
            for key, finding in findings.concepts.items()
        ]
        parts.sort(key=lambda row: (row.finding.gap.value is None, row.finding.gap.value or 0.0))
    return (whole, *parts)


def _layer(key: str) -> str:
    return "No pack layer" if key == NO_LAYER else f"Pack layer {key}"


def name_beside_letter(row: Row) -> str:
    """What a table calls a row whose quadrant's letter stands before it: of a quadrant what it means."""
    return PROFILES[row.key] if row.quadrant and row.key == row.quadrant else row.name


def gap_series(rows: Sequence[Row]) -> tuple[Series, ...]:
    """Each gap twice: with the interval that is right for it, and with ratings as the units."""
    return (
        Series("over concepts, where there are several", tuple(row.finding.best_gap for row in rows), main=True),
        Series("over ratings", tuple(row.finding.gap for row in rows)),
    )


def parts_of(rows: Sequence[Row]) -> tuple[tuple[str, Estimate, Estimate], ...]:
    """Name, topicality and degeneracy of each row."""
    return tuple(
        (row.name, row.finding.best_decomposition.topicality, row.finding.best_decomposition.degeneracy) for row in rows
    )


def target_of(ceilings: Mapping[CeilingName, Ceiling], finding: Finding) -> Target:
    """The F1 to ask for by these ceilings under the reader's settings."""
    return finding.target_at(ceilings[finding.settings.model])


def rated_prevalence(finding: Finding) -> float | None:
    """The share of positives among the ratings; None while an arm has none."""
    positive, negative = finding.histograms
    return positive.n / (positive.n + negative.n) if positive.n and negative.n else None


def ceiling_series(found: Sequence[Mapping[CeilingName, Ceiling]], *, deciding: CeilingName) -> tuple[Series, ...]:
    """A series a model, the one that decides targets filled; models that are unknown throughout are left out."""
    return tuple(
        Series(CEILINGS[name], tuple(one[name].estimate for one in found), main=name == deciding)
        for name in MODELS
        if any(one[name].estimate.value is not None for one in found)
    )


def sweeps_of(finding: Finding, prevalence: float | None) -> tuple[Sweep, ...]:
    """What the ceilings would be if stability, cut-off or the share of positives were others; none where all are unknown."""
    found = (
        sweep_ceiling(finding, "stability", STABILITIES, prevalence=prevalence),
        sweep_ceiling(finding, "k", CUTS, prevalence=prevalence),
        sweep_ceiling(finding, "prevalence", PREVALENCES),
    )
    return tuple(sweep for sweep in found if sweep.is_known)


def summary(finding: Finding) -> str:
    """The study's gap and the F1 to ask for in a sentence."""
    gap, target = finding.best_gap, finding.target
    if gap.value is None:
        return f"There is no gap yet: {gap.reason}."
    told = f"On average, positives are rated {number(gap.value)} points {interval(gap)} above negatives."
    if gap.value < 0:
        told = (
            f"On average, positives are rated {number(-gap.value)} points below negatives: gap "
            f"{number(gap.value)} {interval(gap)}."
        )
    if target.value is None:
        return f"{told} No F1 can be recommended: {target.reason}."
    average = " on average" if finding.n_concepts > 1 else ""
    return f"{told} The data support asking for an F1 of {number(target.value)}{average}: {target.reason}."
