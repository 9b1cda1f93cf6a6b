"""A judge's bias batch by batch in time, or version by version of its rubric, each arm a line."""

from collections.abc import Sequence

import plotly.graph_objects as go

from app.charts.table import Table, cells, estimated, table
from app.kept import kept
from engine.figures.base import figure, plain
from engine.figures.palette import Palette
from engine.stats.estimate import Estimate
from engine.words import with_interval


@kept
def drift(batches: Sequence[tuple[str, dict[str, Estimate]]], *, colours: Palette, height: int) -> go.Figure:
    """One dot a batch and arm with its interval; at zero the judge agrees with people on average."""
    made = figure(colours, height=height)
    made.update_layout(legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "font": {"size": 12}})
    made.add_hline(y=0, line={"width": 1, "color": colours.muted})
    labels = [plain(label, at_most=24) for label, _ in batches]
    for i, (arm, colour) in enumerate((("positive", colours.positive), ("negative", colours.negative))):
        bias = [arms[arm] for _, arms in batches]
        made.add_trace(
            go.Scatter(
                x=[place + 0.06 * (2 * i - 1) for place in range(len(batches))],
                y=[one.value for one in bias],
                mode="lines+markers",
                name=f"{arm}s",
                line={"width": 1.2, "color": colour},
                marker={"size": 9, "color": colour},
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "array": [_arm(one.high, one.value) for one in bias],
                    "arrayminus": [_arm(one.value, one.low) for one in bias],
                    "color": colour,
                    "thickness": 1.4,
                    "width": 0,
                },
                hovertext=[
                    f"{label}, {arm}s<br>bias {plain(with_interval(one), at_most=200)}"
                    for label, one in zip(labels, bias, strict=True)
                ],
                hoverinfo="text",
            )
        )
    made.update_xaxes(
        title="In the order of time", tickvals=list(range(len(labels))), ticktext=labels, showgrid=False, zeroline=False
    )
    made.update_yaxes(title="Judge minus people (rating points)", zeroline=False)
    return made


def _arm(high: float | None, low: float | None) -> float:
    return high - low if high is not None and low is not None else 0.0


def drift_table(batches: Sequence[tuple[str, dict[str, Estimate]]]) -> Table:
    """One row a batch and arm."""
    columns = ("batch", "arm", *estimated("judge minus people", "rating points"))
    return table(columns, ((label, arm, *cells(one)) for label, arms in batches for arm, one in arms.items()))
