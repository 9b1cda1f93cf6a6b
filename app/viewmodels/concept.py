"""One concept: its gap in parts, its ceilings, and its lenses beside their baselines."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.data import Lens
from app.viewmodels.words import CEILINGS, interval, number
from engine.stats.ceiling import Ceiling
from engine.stats.findings import Finding
from engine.stats.layers import layers_name

_INPUTS = {
    "good": "good positives",
    "activation": "activation quality",
    "stability": "stability s",
    "k": "cut-off k",
    "off_topic_positive": "off-topic positives r₊",
    "on_topic_negative": "on-topic negatives r₋",
    "gap": "gap",
}
_BASELINES = (
    ("always positive", "always_positive_f1"),
    ("shuffled labels", "shuffled_f1"),
    ("text only", "text_only_f1"),
    ("length only", "length_only_f1"),
)


@dataclass(frozen=True, slots=True)
class CeilingRow:
    """One ceiling model as written; `deciding` marks the one that sets the target."""

    name: str
    value: str
    interval: str
    formula: str
    inputs: str
    labels: str
    prevalence: str
    floor: str
    deciding: bool


@dataclass(frozen=True, slots=True)
class LensDots:
    """One lens as a row of dots: its F1 with interval, and each baseline by name."""

    name: str
    f1: float | None
    low: float | None
    high: float | None
    baselines: tuple[tuple[str, float | None], ...]
    n: int
    reason: str | None


def ceiling_rows(finding: Finding, *, deciding: str) -> tuple[CeilingRow, ...]:
    """Every ceiling model, the deciding one first."""
    ordered = sorted(finding.ceilings.values(), key=lambda ceiling: ceiling.name != deciding)
    return tuple(_ceiling_row(ceiling, deciding=deciding) for ceiling in ordered)


def lens_dots(lenses: Sequence[Lens]) -> tuple[LensDots, ...]:
    """A row a lens, families together and layers in order."""
    ordered = sorted(lenses, key=lambda lens: (lens.family, lens.phase, len(lens.layers), lens.layers))
    phases = {lens.phase for lens in lenses}
    return tuple(
        LensDots(
            name=f"{lens.family}, {layers_name(lens.layers)}" + (f", {lens.phase}" if len(phases) > 1 else ""),
            f1=lens.f1,
            low=lens.f1_low,
            high=lens.f1_high,
            baselines=tuple((name, getattr(lens, field)) for name, field in _BASELINES),
            n=lens.n_positive + lens.n_negative,
            reason=lens.reason,
        )
        for lens in ordered
    )


def _ceiling_row(ceiling: Ceiling, *, deciding: str) -> CeilingRow:
    estimate = ceiling.estimate
    inputs = ", ".join(
        f"{_INPUTS.get(name, name)} = {number(value, digits=0 if name == 'k' else 2)}"
        for name, value in ceiling.inputs.items()
    )
    return CeilingRow(
        name=CEILINGS[ceiling.name],
        value=number(estimate.value),
        interval=interval(estimate) if estimate.value is not None else estimate.reason or "",
        formula=ceiling.formula,
        inputs=inputs,
        labels=ceiling.reference_labels,
        prevalence=number(ceiling.prevalence),
        floor=number(ceiling.floor),
        deciding=ceiling.name == deciding,
    )
