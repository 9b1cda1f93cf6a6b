"""What a ceiling would be if one assumption were another, with its interval, the floor, and where the reader's setting is."""

from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter
from typing import Final

import plotly.graph_objects as go

from app.charts.table import Table, cells, estimated, table
from app.kept import kept
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


@kept
def sensitivity(sweep: Sweep, *, at: float | None, colours: Palette, height: int) -> go.Figure:
    """A line with its 95 % band; the dotted line below is the F1 of always answering yes."""
    known = [point for point in sweep.points if point.ceiling.estimate.value is not None]
    x = [point.x for point in known]
    here = {"type": "line", "yref": "y domain", "x0": at, "x1": at, "y0": 0, "y1": 1}
    dashes = {"width": 1.3, "dash": "dash", "color": colours.warning}
    return figure(
        colours,
        *_bands(sweep, colours),
        go.Scatter(
            x=x,
            y=[point.ceiling.estimate.value for point in known],
            mode="lines+markers" if sweep.of == "k" else "lines",
            line={"width": 2, "color": colours.accent},
            hovertext=[_hover(point, sweep.of) for point in known],
            hoverinfo="text",
        ),
        go.Scatter(
            x=x,
            y=[point.ceiling.floor for point in known],
            mode="lines",
            line={"width": 1.2, "dash": "dot", "color": colours.muted},
            hovertemplate="always answering yes: %{y:.2f}<extra></extra>",
        ),
        height=height,
        showlegend=False,
        shapes=[] if at is None else [{**here, "line": dashes}],
        xaxis={
            "title": {"text": TITLES[sweep.of]},
            "zeroline": False,
            "showgrid": False,
            **({"tickvals": [1, 2, 3, 4]} if sweep.of == "k" else {"dtick": 0.25, "tick0": 0}),
        },
        yaxis={
            "title": {"text": "F1 ceiling"},
            "range": [0, 1.03],
            "tickformat": ".1f",
            "dtick": 0.2,
            "zeroline": False,
        },
    )


def _bands(sweep: Sweep, colours: Palette) -> Iterator[go.Scatter]:
    """A band wherever neighbours have intervals: none spans a point without."""
    for has_interval, run in groupby(sweep.points, key=lambda point: point.ceiling.estimate.has_interval):
        points = list(run)
        if not has_interval:
            continue
        x = [point.x for point in points]
        low, high = ([end(point.ceiling.estimate) for point in points] for end in (_LOW, _HIGH))
        yield go.Scatter(
            x=[*x, *x[::-1]],
            y=[*high, *low[::-1]],
            mode="lines",
            line={"width": 0},
            fill="toself",
            fillcolor=translucent(colours.accent, 0.14),
            hoverinfo="skip",
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
