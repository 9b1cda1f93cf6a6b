"""One concept: its gap in parts, its ceilings, and its lenses beside their baselines."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.data import Lens
from engine.stats.ceiling import Ceiling
from engine.stats.estimate import Estimate
from engine.stats.findings import Finding
from engine.stats.layers import Layers, layers_name
from engine.words import CEILINGS, interval, number

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


@dataclass(frozen=True, slots=True)
class LayerDot:
    """The F1 of a lens with its interval, and what it reads."""

    name: str
    layers: Layers
    f1: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class LayerLine:
    """A family's lenses by what they read, layers joined last."""

    name: str
    dots: tuple[LayerDot, ...]
    always_positive_f1: float | None


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


def layer_lines(lenses: Sequence[Lens]) -> tuple[LayerLine, ...]:
    """The measured lenses of each family and phase that have an F1 at two layers or more."""
    ordered = sorted(lenses, key=lambda lens: (lens.family, lens.phase, len(lens.layers), lens.layers))
    phases = {lens.phase for lens in lenses}
    found: dict[str, list[Lens]] = {}
    for lens in ordered:
        if lens.f1 is not None:
            found.setdefault(lens.family + (f", {lens.phase}" if len(phases) > 1 else ""), []).append(lens)
    return tuple(
        LayerLine(
            name=name,
            dots=tuple(
                LayerDot(layers_name(lens.layers), tuple(lens.layers), lens.f1, lens.f1_low, lens.f1_high)
                for lens in own
            ),
            always_positive_f1=own[0].always_positive_f1,
        )
        for name, own in found.items()
        if len({tuple(lens.layers) for lens in own}) > 1
    )


def _why_none(estimate: Estimate) -> str:
    """Why there is no value, or no interval around it."""
    why = estimate.why_no_interval or "the reason is not known"
    return why if estimate.value is None else f"no interval: {why}"


def _ceiling_row(ceiling: Ceiling, *, deciding: str) -> CeilingRow:
    estimate = ceiling.estimate
    inputs = ", ".join(
        f"{_INPUTS.get(name, name)} = {number(value, digits=0 if name == 'k' else 2)}"
        for name, value in ceiling.inputs.items()
    )
    return CeilingRow(
        name=CEILINGS[ceiling.name],
        value=number(estimate.value),
        interval=interval(estimate) or _why_none(estimate),
        formula=ceiling.formula,
        inputs=inputs,
        labels=ceiling.reference_labels,
        prevalence=number(ceiling.prevalence),
        floor=number(ceiling.floor),
        deciding=ceiling.name == deciding,
    )
