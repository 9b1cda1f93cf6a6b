"""A learning curve: F1 over pairs as measured, the curve of best fit, and what it expects of more pairs."""

import numpy as np
import plotly.graph_objects as go

from app.charts.table import Table, cells, estimated, table
from app.viewmodels.growth import Growth
from engine.figures.base import figure
from engine.figures.palette import Palette
from engine.words import integer, interval, number, with_interval


def learning_curve(growth: Growth, *, colours: Palette, height: int = 280) -> go.Figure:
    """Dots with the interval of one standard error each way, a line of the fit, and a ring for each expected F1."""
    made = figure(colours, height=height, showlegend=False)
    points = growth.points
    made.add_trace(
        go.Scatter(
            x=[point.n_train for point in points],
            y=[point.f1 for point in points],
            mode="markers",
            marker={"size": 10, "color": colours.accent},
            error_y={
                "type": "data",
                "array": [point.error for point in points],
                "color": colours.muted,
                "thickness": 1.3,
                "width": 0,
            },
            hovertext=[
                f"<b>{integer(point.n_train)} pairs</b><br>F1 {number(point.f1)} ± {number(point.error)} (standard error)"
                for point in points
            ],
            hoverinfo="text",
        )
    )
    if growth.law is not None:
        reach = max([point.n_train for point in points] + [expected.n_pairs for expected in growth.expected])
        x = np.linspace(points[0].n_train, reach, 80)
        y = [growth.law.f1(float(n)) for n in x]
        line = {"color": colours.accent, "width": 1.4, "dash": "dot"}
        made.add_trace(go.Scatter(x=x.tolist(), y=y, mode="lines", line=line, hoverinfo="skip"))
    known = [one for one in growth.expected if one.f1.value is not None]
    made.add_trace(
        go.Scatter(
            x=[one.n_pairs for one in known],
            y=[one.f1.value for one in known],
            mode="markers",
            marker={"size": 11, "symbol": "circle-open", "color": colours.accent, "line": {"width": 2}},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [(one.f1.high or one.f1.value or 0.0) - (one.f1.value or 0.0) for one in known],
                "arrayminus": [
                    (one.f1.value or 0.0) - (one.f1.low if one.f1.low is not None else one.f1.value or 0.0)
                    for one in known
                ],
                "color": colours.muted,
                "thickness": 1.3,
                "width": 0,
            },
            hovertext=[
                f"<b>{integer(one.n_pairs)} pairs, expected</b><br>F1 {with_interval(one.f1)}"
                if interval(one.f1)
                else f"<b>{integer(one.n_pairs)} pairs, expected</b><br>F1 {number(one.f1.value)}"
                for one in known
            ],
            hoverinfo="text",
        )
    )
    made.update_xaxes(title="Pairs that lenses are fitted on", rangemode="tozero", zeroline=False)
    made.update_yaxes(title="F1 out of fold", tickformat=".2f", zeroline=False)
    return made


def learning_table(growth: Growth) -> Table:
    """One row a number of pairs, measured or expected."""
    columns = ("kind", "pairs", *estimated("F1", "0-1, out of fold"), "standard error")
    measured = (("measured", one.n_train, one.f1, None, None, None, None, one.error) for one in growth.points)
    expected = (("expected", one.n_pairs, *cells(one.f1), None) for one in growth.expected)
    return table(columns, (*measured, *expected))
