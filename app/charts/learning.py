"""A learning curve: F1 over pairs as measured, the curve of best fit, and what it expects of more pairs."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.charts.table import Table, cells, estimated, table
from app.kept import kept
from app.viewmodels.growth import Growth
from engine.figures.base import figure
from engine.figures.palette import Palette
from engine.stats.power_law import PowerLaw
from engine.words import integer, interval, number, with_interval


@kept
def learning_curve(growth: Growth, *, colours: Palette, height: int = 280) -> go.Figure:
    """Dots with the interval of one standard error each way, a line of the fit, and a ring for each expected F1."""
    made = figure(colours, height=height, showlegend=False)
    made.add_trace(_measured(growth, colours))
    if growth.law is not None:
        made.add_trace(_fitted(growth, growth.law, colours))
    made.add_trace(_expected(growth, colours))
    made.update_xaxes(title="Pairs that lenses are fitted on", rangemode="tozero", zeroline=False)
    made.update_yaxes(title="F1 out of fold", tickformat=".2f", zeroline=False)
    return made


def _measured(growth: Growth, colours: Palette) -> go.Scatter:
    points = growth.points
    return go.Scatter(
        x=[point.n_train for point in points],
        y=[point.f1 for point in points],
        mode="markers",
        marker={"size": 10, "color": colours.accent},
        error_y=_bars([point.error for point in points], colours),
        hovertext=[
            f"<b>{integer(point.n_train)} pairs</b><br>F1 {number(point.f1)} ± {number(point.error)} (standard error)"
            for point in points
        ],
        hoverinfo="text",
    )


def _fitted(growth: Growth, law: PowerLaw, colours: Palette) -> go.Scatter:
    """The fit from the fewest pairs to the most that are measured or expected."""
    reach = max([point.n_train for point in growth.points] + [expected.n_pairs for expected in growth.expected])
    x = np.linspace(growth.points[0].n_train, reach, 80)
    line = {"color": colours.accent, "width": 1.4, "dash": "dot"}
    return go.Scatter(x=x.tolist(), y=[law.f1(float(n)) for n in x], mode="lines", line=line, hoverinfo="skip")


def _expected(growth: Growth, colours: Palette) -> go.Scatter:
    known = [(one, one.f1.value) for one in growth.expected if one.f1.value is not None]
    above = [(one.f1.high or value) - value for one, value in known]
    below = [value - (value if one.f1.low is None else one.f1.low) for one, value in known]
    return go.Scatter(
        x=[one.n_pairs for one, _ in known],
        y=[value for _, value in known],
        mode="markers",
        marker={"size": 11, "symbol": "circle-open", "color": colours.accent, "line": {"width": 2}},
        error_y=_bars(above, colours) | {"symmetric": False, "arrayminus": below},
        hovertext=[
            f"<b>{integer(one.n_pairs)} pairs, expected</b><br>F1 "
            f"{with_interval(one.f1) if interval(one.f1) else number(value)}"
            for one, value in known
        ],
        hoverinfo="text",
    )


def _bars(lengths: list[float], colours: Palette) -> dict[str, Any]:
    return {"type": "data", "array": lengths, "color": colours.muted, "thickness": 1.3, "width": 0}


def learning_table(growth: Growth) -> Table:
    """One row a number of pairs, measured or expected."""
    columns = ("kind", "pairs", *estimated("F1", "0-1, out of fold"), "standard error (0-1)")
    measured = (("measured", one.n_train, one.f1, None, None, None, None, one.error) for one in growth.points)
    expected = (("expected", one.n_pairs, *cells(one.f1), None) for one in growth.expected)
    return table(columns, (*measured, *expected))
