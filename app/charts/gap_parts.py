"""A gap's two parts stacked: what good outputs show, and what degenerate ones add to it or take from it."""

from collections.abc import Sequence

import plotly.graph_objects as go

from app.charts.table import Table, cells, estimated, table
from app.kept import kept
from engine.figures.base import figure, plain
from engine.figures.palette import Palette
from engine.stats.estimate import Estimate
from engine.words import with_interval

_ROW_PX = 30


@kept
def gap_parts(parts: Sequence[tuple[str, Estimate, Estimate]], *, colours: Palette, names: bool = False) -> go.Figure:
    """One bar a row, top down, in the rows' order; parts of opposite signs lie on either side of zero."""
    made = figure(colours, height=96 + _ROW_PX * len(parts), barmode="relative", bargap=0.45)
    made.update_layout(legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "font": {"size": 12}})
    for name, place, colour in (("topicality", 1, colours.accent), ("degeneracy", 2, colours.warning)):
        estimates: list[Estimate] = [part[place] for part in parts]  # type: ignore[misc]
        made.add_trace(
            go.Bar(
                x=[one.value for one in estimates],
                y=list(range(len(parts))),
                orientation="h",
                name=name,
                marker={"color": colour, "cornerradius": 3},
                hovertext=[
                    f"<b>{plain(part[0])}</b><br>{name} {plain(with_interval(one), at_most=200)}, n {one.n}"
                    for part, one in zip(parts, estimates, strict=True)
                ],
                hoverinfo="text",
            )
        )
    made.update_yaxes(
        tickvals=list(range(len(parts))),
        ticktext=[plain(part[0], at_most=26) for part in parts],
        range=[len(parts) - 0.5, -0.5],
        showgrid=False,
        zeroline=False,
        showticklabels=names,
        tickfont={"size": 13, "color": colours.text},
    )
    made.update_xaxes(title="Parts of the gap (rating points)", zeroline=True, tickformat=".2f")
    return made


def gap_parts_table(parts: Sequence[tuple[str, Estimate, Estimate]]) -> Table:
    """One row a group."""
    columns = ("group", *estimated("topicality", "rating points"), *estimated("degeneracy", "rating points"))
    return table(columns, ((name, *cells(first), *cells(second)) for name, first, second in parts))
