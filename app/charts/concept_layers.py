"""One concept's F1 by layer, a line a family, with intervals; layers joined stand apart at the end."""

from collections.abc import Sequence

import plotly.graph_objects as go

from app.charts.table import Table, estimated, table
from app.kept import kept
from app.viewmodels.concept import LayerLine
from engine.figures.base import figure, plain
from engine.figures.palette import Palette, series
from engine.stats.layers import layers_name
from engine.words import number

HEIGHT = 260
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star")
_ASIDE = 0.1
"""How far families stand apart, so that their intervals do not cover each other."""


@kept
def concept_layers(lines: Sequence[LayerLine], *, colours: Palette) -> go.Figure:
    """One dot a lens; a line joins a family's single layers, and the dashed line is what always firing reaches."""
    made = figure(colours, height=HEIGHT)
    made.update_layout(legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "font": {"size": 12}})
    read = sorted({dot.layers for line in lines for dot in line.dots}, key=lambda layers: (len(layers), layers))
    names = list(map(layers_name, read))
    hues = series(colours)
    for i, line in enumerate(lines):
        shift = (i - (len(lines) - 1) / 2) * _ASIDE
        made.add_trace(_line(line, names, shift, hues[i % len(hues)], _SYMBOLS[i % len(_SYMBOLS)]))
    floor = _floor(lines)
    if floor is not None:
        made.add_hline(y=floor, line={"width": 1.2, "dash": "dash", "color": colours.muted})
    made.update_xaxes(tickvals=list(range(len(names))), ticktext=[plain(name) for name in names], showgrid=False)
    made.update_xaxes(title="What lenses read, joined layers last", range=[-0.5, len(names) - 0.5], zeroline=False)
    made.update_yaxes(title="F1 (dashed: always firing)", range=(-0.03, 1.03), dtick=0.2, zeroline=False)
    return made


def _floor(lines: Sequence[LayerLine]) -> float | None:
    return next((line.always_positive_f1 for line in lines if line.always_positive_f1 is not None), None)


def _line(line: LayerLine, names: Sequence[str], shift: float, colour: str, symbol: str) -> go.Scatter:
    # A gap in the values parts layers joined from the line of single ones.
    dots = [dot for dot in line.dots if len(dot.layers) == 1], [dot for dot in line.dots if len(dot.layers) > 1]
    x = [names.index(dot.name) + shift for dot in dots[0]] + [None] + [names.index(d.name) + shift for d in dots[1]]
    parted = [*dots[0], None, *dots[1]]
    return go.Scatter(
        x=x,
        y=[dot.f1 if dot else None for dot in parted],
        mode="lines+markers",
        name=plain(line.name),
        line={"width": 1.2, "color": colour},
        marker={"size": 10, "color": colour, "symbol": symbol},
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [_arm(dot.high, dot.f1) if dot else 0.0 for dot in parted],
            "arrayminus": [_arm(dot.f1, dot.low) if dot else 0.0 for dot in parted],
            "color": colour,
            "thickness": 1.3,
            "width": 0,
        },
        hovertext=[
            f"{plain(line.name)}, {plain(dot.name)}<br>F1 {number(dot.f1)} [{number(dot.low)}, {number(dot.high)}]"
            if dot
            else ""
            for dot in parted
        ],
        hoverinfo="text",
    )


def _arm(high: float | None, low: float | None) -> float:
    return high - low if high is not None and low is not None else 0.0


def concept_layers_table(lines: Sequence[LayerLine]) -> Table:
    """One row a lens."""
    f1 = estimated("F1", "0-1, out of fold")[:3]
    rows = ((line.name, dot.name, dot.f1, dot.low, dot.high) for line in lines for dot in line.dots)
    return table(("family", "layers", *f1, "F1 of always firing (0-1)"), ((*row, _floor(lines)) for row in rows))
