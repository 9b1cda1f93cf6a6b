"""Mean F1 by layer, the layer on screen filled."""

from collections.abc import Sequence

import plotly.graph_objects as go

from app.charts.table import Table, cells, estimated, table
from app.kept import kept
from app.viewmodels.lenses import LayerMean
from engine.figures.base import figure, plain
from engine.figures.palette import Palette
from engine.words import interval, signed, with_interval


@kept
def layer_sweep(layers: Sequence[LayerMean], *, colours: Palette, height: int) -> go.Figure:
    """One dot a layer with its interval over concepts."""
    made = figure(colours, height=height, showlegend=False)
    names = [plain(one.layer, at_most=18) for one in layers]
    made.add_trace(
        go.Scatter(
            x=names,
            y=[one.f1.value for one in layers],
            mode="lines+markers",
            line={"width": 1.2, "color": colours.accent},
            marker={
                "size": 11,
                "color": colours.accent,
                "symbol": ["circle" if one.is_shown else "circle-open" for one in layers],
                "line": {"width": 2, "color": colours.accent},
            },
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [_arm(one.f1.high, one.f1.value) for one in layers],
                "arrayminus": [_arm(one.f1.value, one.f1.low) for one in layers],
                "color": colours.muted,
                "thickness": 1.3,
                "width": 0,
            },
            hovertext=[_hover(one) for one in layers],
            hoverinfo="text",
        )
    )
    made.update_xaxes(title="What lenses read, first layers first", type="category", showgrid=False)
    made.update_yaxes(title="Mean F1, 95 % interval", tickformat=".2f", zeroline=False)
    return made


def _arm(high: float | None, low: float | None) -> float:
    return high - low if high is not None and low is not None else 0.0


def _hover(one: LayerMean) -> str:
    told = f"<b>{plain(one.layer).capitalize()}</b><br>Mean F1 {with_interval(one.f1)}<br>{one.f1.n} concepts"
    if one.is_shown:
        return f"{told}<br>The layer on screen"
    return (
        f"{told}<br>Against the layer on screen {signed(one.against.value)} {interval(one.against)}, paired by concept"
    )


def layer_sweep_table(layers: Sequence[LayerMean]) -> Table:
    """One row a layer."""
    columns = ("layer", *estimated("mean F1", "0-1, over concepts"), *estimated("less the layer on screen", "F1"))
    return table(columns, ((one.layer, *cells(one.f1), *cells(one.against)) for one in layers))
