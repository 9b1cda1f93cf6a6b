"""What a ceiling, and the F1 to ask for, would be if stability, cut-off or prevalence were others: for sliders, plots and report.

A sweep moves one assumption and follows the model that depends on it. At the reader's own setting it says what the finding's own
ceiling says, for it is worked out alike: of several concepts the mean over them, also at another share of positives than theirs.
Every point uses the same Jeffreys draws, so that a curve is as smooth as its formula.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from engine.stats.ceiling import Ceiling, CeilingName, Target
from engine.stats.ceiling_means import ceiling_values, mean_ceilings
from engine.stats.counts import stack_cells
from engine.stats.findings import Finding, Settings
from engine.stats.resampling import FloatArray

Assumption = Literal["stability", "k", "prevalence"]
MODELS: Final[dict[Assumption, CeilingName]] = {
    "stability": "propagation",
    "k": "label_noise",
    "prevalence": "label_noise",
}
"""The ceiling that each assumption moves."""
STABILITIES: Final = tuple(float(s) for s in np.round(np.linspace(0.0, 1.0, 21), 2))
CUTS: Final = (1.0, 2.0, 3.0, 4.0)
PREVALENCES: Final = tuple(float(p) for p in np.round(np.linspace(0.05, 0.95, 19), 2))


@dataclass(frozen=True, slots=True)
class Point:
    """The ceiling at one value of what is assumed, and the F1 to ask for if this ceiling decided."""

    x: float
    ceiling: Ceiling
    target: Target


@dataclass(frozen=True, slots=True)
class Sweep:
    """A model's ceiling at each value of one assumption, in the order in which they were asked for."""

    model: CeilingName
    of: Assumption
    points: tuple[Point, ...]

    @property
    def is_known(self) -> bool:
        """Whether the ceiling has a value anywhere."""
        return any(point.ceiling.estimate.value is not None for point in self.points)


def sweep_ceiling(
    finding: Finding, of: Assumption, values: Sequence[float], *, prevalence: float | None = None
) -> Sweep:
    """Follow the ceiling that ``of`` moves over ``values``, all else as in the finding's settings.

    ``prevalence`` is the share of positives, by default the data's own; a sweep of the prevalence itself has no use for it.
    ValueError for values outside their range.
    """
    cells = None if finding.n_concepts < 2 else stack_cells(finding.concepts)
    found = (_ceiling(finding, of, float(x), prevalence, cells) for x in values)
    points = (Point(float(x), one, finding.target_at(one)) for x, one in zip(values, found, strict=True))
    return Sweep(MODELS[of], of, tuple(points))


def _ceiling(finding: Finding, of: Assumption, x: float, prevalence: float | None, cells: FloatArray | None) -> Ceiling:
    model, settings = MODELS[of], _settings(finding.settings, of, x)
    share = x if of == "prevalence" else prevalence
    pooled = finding.pooled_ceilings(settings, prevalence=share)
    if cells is None:
        return pooled[model]
    concepts = ceiling_values(cells, k=settings.k, stability=settings.stability, prevalence=share)
    return mean_ceilings({model: concepts[model]}, {model: pooled[model]})[model]


def _settings(settings: Settings, of: Assumption, x: float) -> Settings:
    match of:
        case "stability":
            return replace(settings, stability=x)
        case "k":
            return replace(settings, k=int(x))
        case "prevalence":
            return settings
