"""What a ceiling would be if one assumption were another, with its interval, the floor, and where the reader's setting is."""

from itertools import groupby
from operator import attrgetter
from typing import Final

import plotly.graph_objects as go

from app.charts.table import Table, cells, estimated, table
from engine.figures.base import figure, translucent
from engine.figures.palette import Palette
from engine.stats.ceiling_sensitivity import Assumption, Point, Sweep
from engine.words import CEILINGS, interval, number

TITLES: Final[dict[Assumption, str]] = {
    "stability": "Stability s",
    "k": "Cut-off k",
    "prevalence": "Share of positives",
}
_LOW, _HIGH = attrgetter("low"), attrgetter("high")


def sensitivity(sweep: Sweep, *, at: float | None, colours: Palette, height: int) -> go.Figure:
    """A line with its 95 % band; the dotted line below is the F1 of always answering yes."""
    made = figure(colours, height=height, showlegend=False)
    _draw_bands(made, sweep, colours)
    known = [point for point in sweep.points if point.ceiling.estimate.value is not None]
    x = [point.x for point in known]
    made.add_trace(
        go.Scatter(
            x=x,
            y=[point.ceiling.estimate.value for point in known],
            mode="lines+markers" if sweep.of == "k" else "lines",
            line={"width": 2, "color": colours.accent},
            hovertext=[_hover(point, sweep.of) for point in known],
            hoverinfo="text",
        )
    )
    floor = {"width": 1.2, "dash": "dot", "color": colours.muted}
    made.add_trace(
        go.Scatter(
            x=x,
            y=[point.ceiling.floor for point in known],
            mode="lines",
            line=floor,
            hovertemplate="always answering yes: %{y:.2f}<extra></extra>",
        )
    )
    if at is not None:
        made.add_vline(x=at, line={"width": 1.3, "dash": "dash", "color": colours.warning})
    ticks = {"tickvals": [1, 2, 3, 4]} if sweep.of == "k" else {"dtick": 0.25, "tick0": 0}
    made.update_xaxes(title=TITLES[sweep.of], zeroline=False, showgrid=False, **ticks)
    made.update_yaxes(title="F1 ceiling", range=[0, 1.03], tickformat=".1f", dtick=0.2, zeroline=False)
    return made


def _draw_bands(made: go.Figure, sweep: Sweep, colours: Palette) -> None:
    """A band wherever neighbours have intervals: none spans a point without."""
    for has_interval, run in groupby(sweep.points, key=lambda point: point.ceiling.estimate.has_interval):
        points = list(run)
        if not has_interval:
            continue
        x = [point.x for point in points]
        low, high = ([end(point.ceiling.estimate) for point in points] for end in (_LOW, _HIGH))
        made.add_trace(
            go.Scatter(
                x=[*x, *x[::-1]],
                y=[*high, *low[::-1]],
                mode="lines",
                line={"width": 0},
                fill="toself",
                fillcolor=translucent(colours.accent, 0.14),
                hoverinfo="skip",
            )
        )


def _hover(point: Point, of: Assumption) -> str:
    estimate, target = point.ceiling.estimate, point.target.value
    told = f"{TITLES[of]} {point.x:g}: {number(estimate.value)} {interval(estimate) or '(no interval)'}"
    asked = f"it would support asking for {number(target)}" if target else "it would support no tier"
    return f"{told}<br>{asked}"


def sensitivity_table(sweep: Sweep) -> Table:
    """One row a value of what is assumed."""
    columns = (
        TITLES[sweep.of],
        *estimated(f"F1 ceiling by {CEILINGS[sweep.model].lower()}", "0-1"),
        "F1 of always answering yes (0-1)",
        "F1 to ask for if this ceiling decided (0-1)",
        "why to ask for this F1, or for none",
    )
    rows = (
        (point.x, *cells(point.ceiling.estimate), point.ceiling.floor, point.target.value, point.target.reason)
        for point in sweep.points
    )
    return table(columns, rows)
