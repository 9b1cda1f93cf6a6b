"""What lenses say against what is so: the share of positives among pairs of like probability."""

from collections.abc import Sequence
from typing import Final

import plotly.graph_objects as go

from app.charts.table import Table, cells, estimated, table
from app.kept import kept
from engine.figures.base import figure
from engine.figures.palette import Palette
from engine.stats.calibration import ReliabilityBin
from engine.words import integer, number, with_interval

_AXIS: Final = (-0.03, 1.03)


@kept
def reliability(bins: Sequence[ReliabilityBin], *, colours: Palette, height: int) -> go.Figure:
    """One dot a bin with its interval; on the diagonal, a probability of 0.7 is right seven times in ten."""
    made = figure(colours, height=height, showlegend=False)
    line = {"width": 1.5, "dash": "dash", "color": colours.muted}
    made.add_shape(type="line", layer="below", x0=0, y0=0, x1=1, y1=1, line=line)
    made.add_trace(
        go.Scatter(
            x=[one.mean_probability for one in bins],
            y=[one.positive.value for one in bins],
            mode="lines+markers",
            line={"width": 1.2, "color": colours.accent},
            marker={"size": 9, "color": colours.accent},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [_arm(one.positive.high, one.positive.value) for one in bins],
                "arrayminus": [_arm(one.positive.value, one.positive.low) for one in bins],
                "color": colours.accent,
                "thickness": 1.4,
                "width": 0,
            },
            hovertext=[_hover(one) for one in bins],
            hoverinfo="text",
        )
    )
    axis = {"range": list(_AXIS), "tick0": 0, "dtick": 0.2, "tickformat": ".1f", "zeroline": False}
    made.update_xaxes(title="Probability that the lens gives", **axis)
    made.update_yaxes(title="Share that is positive", **axis)
    return made


def _arm(high: float | None, low: float | None) -> float:
    return high - low if high is not None and low is not None else 0.0


def _hover(one: ReliabilityBin) -> str:
    return (
        f"Lenses say {number(one.mean_probability)} ({number(one.lowest)} to {number(one.highest)})"
        f"<br>Positive are {with_interval(one.positive)}<br>{integer(one.n)} pairs"
    )


def reliability_table(bins: Sequence[ReliabilityBin]) -> Table:
    """One row a group of like probability."""
    columns = ("lowest probability (0-1)", "highest probability (0-1)", "mean probability (0-1)", "pairs")
    return table(
        (*columns, *estimated("share that is positive", "0-1")),
        ((one.lowest, one.highest, one.mean_probability, one.n, *cells(one.positive)) for one in bins),
    )
