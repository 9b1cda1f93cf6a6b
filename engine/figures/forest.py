"""Gaps of many concepts as dots with their intervals, smallest at the top, for that is where the trouble is."""

from collections.abc import Sequence

import plotly.graph_objects as go

from engine.figures.base import figure, plain
from engine.figures.palette import Palette, hue
from engine.figures.points import MapPoint
from engine.words import count, with_interval

ROW_PX = 24


def forest(points: Sequence[MapPoint], *, colours: Palette) -> go.Figure:
    """One row a concept; a hollow dot is a gap without an interval, a dash in the label one that is unknown."""
    ordered = sorted(points, key=lambda point: (point.gap.value is not None, -(point.gap.value or 0.0)))
    made = figure(colours, height=64 + ROW_PX * len(ordered), showlegend=False)
    made.add_vline(x=0, line={"width": 1, "color": colours.muted})
    made.add_trace(
        go.Scatter(
            x=[point.gap.value for point in ordered],
            y=list(range(len(ordered))),
            mode="markers",
            marker={
                "size": 10,
                "color": [hue(point.quadrant, colours) for point in ordered],
                "symbol": ["circle" if point.gap.has_interval else "circle-open" for point in ordered],
            },
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [_arm(point.gap.high, point.gap.value) for point in ordered],
                "arrayminus": [_arm(point.gap.value, point.gap.low) for point in ordered],
                "color": colours.muted,
                "thickness": 1.3,
                "width": 0,
            },
            customdata=[[point.concept] for point in ordered],
            hovertext=[
                f"<b>{plain(p.name)}</b><br>Gap {with_interval(p.gap)}<br>{count(p.n_pairs, 'pair')}" for p in ordered
            ],
            hoverinfo="text",
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 1}},
        )
    )
    labels = [f"{plain(point.name, at_most=20)}  <b>{point.quadrant or '–'}</b>" for point in ordered]
    made.update_yaxes(
        tickvals=list(range(len(ordered))),
        ticktext=labels,
        range=[-0.7, len(ordered) - 0.3],
        showgrid=False,
        zeroline=False,
    )
    made.update_xaxes(title="Gap (rating points), 95 % interval", zeroline=False)
    return made


def _arm(high: float | None, low: float | None) -> float:
    return high - low if high is not None and low is not None else 0.0
