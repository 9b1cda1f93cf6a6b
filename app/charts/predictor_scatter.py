"""Measured F1 against one predictor, a dot a concept."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from app.charts.table import Table, table
from app.kept import kept
from engine.figures.base import figure, plain
from engine.figures.palette import Palette, hue
from engine.words import UNKNOWN, number

_MANY = 60
_UNITS = {"gap": "rating points", "good share": "0–1, of positives", "topic accuracy": "0–1"}


@dataclass(frozen=True, slots=True)
class Dot:
    """A concept with both numbers."""

    concept: str
    name: str
    quadrant: str | None
    x: float
    f1: float


def named(predictor: str) -> str:
    """A predictor with its unit, where it has one that its name does not tell."""
    return f"{predictor} ({_UNITS[predictor]})" if predictor in _UNITS else predictor


@kept
def predictor_scatter(dots: Sequence[Dot], *, predictor: str, colours: Palette, height: int) -> go.Figure:
    """One dot a concept in its quadrant's hue; each dot's customdata is its concept."""
    made = figure(colours, height=height, showlegend=False)
    few = len(dots) <= _MANY
    made.add_trace(
        go.Scatter(
            x=[dot.x for dot in dots],
            y=[dot.f1 for dot in dots],
            mode="markers+text" if few else "markers",
            text=[dot.quadrant or UNKNOWN for dot in dots],
            textfont={"size": 9.5, "color": colours.page},
            marker={"size": 16 if few else 8, "color": [hue(dot.quadrant, colours) for dot in dots], "opacity": 0.95},
            customdata=[[dot.concept] for dot in dots],
            hovertext=[
                f"<b>{plain(dot.name)}</b><br>{plain(predictor)} {number(dot.x)}<br>F1 {number(dot.f1)}" for dot in dots
            ],
            hoverinfo="text",
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 1}},
        )
    )
    made.update_xaxes(title=named(predictor).capitalize(), zeroline=False)
    made.update_yaxes(title="Measured F1, out of fold", zeroline=False, tickformat=".2f")
    return made


def predictor_table(dots: Sequence[Dot], *, predictor: str) -> Table:
    """One row a concept."""
    columns = ("concept", "name", "quadrant", named(predictor), "F1 (0-1, out of fold)")
    return table(columns, ((dot.concept, dot.name, dot.quadrant, dot.x, dot.f1) for dot in dots))
