"""A value of each concept on two sides, joined by a line: which rose, which fell, and by how much."""

from collections.abc import Sequence

import plotly.graph_objects as go

from app.charts.table import Table, table
from app.kept import kept
from app.viewmodels.run_comparison import Dumbbell
from engine.figures.base import figure, plain
from engine.figures.palette import Palette


@kept
def dumbbell(rows: Sequence[Dumbbell], *, title: str, colours: Palette) -> go.Figure:
    """One row a concept, top down; an open dot before, a filled one after."""
    made = figure(colours, height=90 + 22 * len(rows))
    places = list(range(len(rows)))
    xs = [x for one in rows for x in (one.before, one.after, None)]
    ys = [y for place in places for y in (place, place, None)]
    made.add_scatter(
        x=xs, y=ys, mode="lines", line={"color": colours.muted, "width": 1.5}, hoverinfo="skip", showlegend=False
    )
    for name, values, symbol in (
        ("before", [one.before for one in rows], "circle-open"),
        ("after", [one.after for one in rows], "circle"),
    ):
        made.add_scatter(
            x=values,
            y=places,
            mode="markers",
            name=name,
            marker={"symbol": symbol, "size": 10, "color": colours.accent, "line": {"width": 2}},
            hovertemplate="%{x:.2f}",
        )
    labels = [plain(one.concept, at_most=28) for one in rows]
    made.update_yaxes(tickvals=places, ticktext=labels, range=[len(rows) - 0.4, -0.6], showgrid=False, zeroline=False)
    made.update_xaxes(title=title, tickformat=".2f")
    made.update_layout(legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0})
    return made


def dumbbell_table(rows: Sequence[Dumbbell], *, title: str, before: str, after: str) -> Table:
    """One row a concept: its value on both sides, by the names of these."""
    columns = ("concept", f"{title} before: {before}", f"{title} after: {after}")
    return table(columns, ((one.concept, one.before, one.after) for one in rows))
