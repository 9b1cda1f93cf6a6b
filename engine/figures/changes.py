"""What several sides differ by from one base: a panel a measure, for measures have scales of their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from engine.figures.base import plain, template, translucent
from engine.figures.palette import Palette
from engine.stats.estimate import Estimate
from engine.words import count, signed

_ROW_PX: Final = 54
_PANEL_PX: Final = 62
_BELOW: Final = 0.3
"""How far below its mean a side's concepts are drawn, in rows."""


@dataclass(frozen=True, slots=True)
class ConceptChange:
    """A concept's difference; `is_found` where its own test says that it changed."""

    concept: str
    value: float
    is_found: bool


@dataclass(frozen=True, slots=True)
class Panel:
    """A measure: the mean difference of each side, and those of its concepts."""

    measure: str
    sides: tuple[str, ...]
    means: tuple[Estimate, ...]
    concepts: tuple[tuple[ConceptChange, ...], ...]


def change_panels(panels: Sequence[Panel], *, colours: Palette) -> go.Figure:
    """Means with their intervals, concepts as small dots beneath: filled where a concept is found changed."""
    heights = [_PANEL_PX + _ROW_PX * len(panel.sides) for panel in panels]
    made = make_subplots(
        rows=len(panels),
        cols=1,
        row_heights=heights,
        vertical_spacing=min(0.9 / max(1, len(panels) - 1), 56 / sum(heights)) if len(panels) > 1 else 0.0,
        subplot_titles=[plain(panel.measure) for panel in panels],
    )
    made.update_layout(template=template(colours), height=sum(heights) + 40, showlegend=False, margin={"t": 36})
    for row, panel in enumerate(panels, start=1):
        made.add_trace(_concepts(panel, colours), row=row, col=1)
        made.add_trace(_means(panel, colours), row=row, col=1)
        made.add_vline(x=0, line={"width": 1, "color": colours.muted}, row=row, col=1)
        labels = {"tickvals": list(range(len(panel.sides))), "ticktext": [plain(s, at_most=30) for s in panel.sides]}
        made.update_yaxes(**labels, range=[len(panel.sides) - 0.4, -0.5], showgrid=False, zeroline=False, row=row)
        made.update_xaxes(zeroline=False, row=row)
    return made


def _means(panel: Panel, colours: Palette) -> go.Scatter:
    ends = [(e.low, e.high, e.value) for e in panel.means]
    arms = [(v - low, high - v) if None not in (low, high, v) else (0.0, 0.0) for low, high, v in ends]  # type: ignore[operator]
    return go.Scatter(
        x=[estimate.value for estimate in panel.means],
        y=list(range(len(panel.sides))),
        mode="markers",
        marker={"size": 11, "color": colours.accent},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [above for _, above in arms],
            "arrayminus": [below for below, _ in arms],
            "color": colours.accent,
            "thickness": 1.8,
            "width": 0,
        },
        hovertext=[_told(*each) for each in zip(panel.sides, panel.means, strict=True)],
        hoverinfo="text",
    )


def _told(side: str, mean: Estimate) -> str:
    if mean.value is None:
        return f"<b>{plain(side)}</b><br>unknown: {plain(mean.reason or '')}"
    ends = "no interval" if mean.low is None else f"[{signed(mean.low)}, {signed(mean.high)}]"
    return f"<b>{plain(side)}</b><br>{signed(mean.value)} {ends}, {count(mean.n, 'concept')}"


def _concepts(panel: Panel, colours: Palette) -> go.Scatter:
    dots = [(row + _BELOW, one) for row, some in enumerate(panel.concepts) for one in some]
    return go.Scatter(
        x=[one.value for _, one in dots],
        y=[y for y, _ in dots],
        mode="markers",
        marker={
            "size": 6,
            "symbol": ["circle" if one.is_found else "circle-open" for _, one in dots],
            "color": [colours.text if one.is_found else translucent(colours.muted, 0.6) for _, one in dots],
        },
        hovertext=[
            f"<b>{plain(one.concept)}</b><br>{signed(one.value)}{', changed by its own test' if one.is_found else ''}"
            for _, one in dots
        ],
        hoverinfo="text",
    )
