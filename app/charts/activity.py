"""Ratings by day, a colour a person."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import plotly.graph_objects as go

from app.charts.table import Table, table
from app.data.team import Day
from app.kept import kept
from engine.figures.base import figure, plain
from engine.figures.palette import Palette, series
from engine.words import count

_NAMED: Final = 4
OTHERS: Final = "everybody else"


@kept
def activity(days: Sequence[Day], *, colours: Palette, height: int = 240) -> go.Figure:
    """Stacked bars a day; those who rated least are one colour together."""
    totals: dict[str, int] = {}
    for day in days:
        totals[day.reviewer] = totals.get(day.reviewer, 0) + day.n
    ranked = sorted(totals, key=lambda name: (-totals[name], name))
    # With one person too many for the colours, two share the last one.
    named = ranked if len(ranked) <= _NAMED + 1 else ranked[:_NAMED]
    made = figure(colours, height=height, showlegend=len(ranked) > 1)
    hues = series(colours)
    for place, name in enumerate([*named, *([OTHERS] if len(named) < len(ranked) else [])]):
        own = _by_day(days, {name} if name in named else set(ranked) - set(named))
        label = plain(name, at_most=30)
        made.add_trace(
            go.Bar(
                x=list(own),
                y=list(own.values()),
                name=label,
                marker={"color": hues[place % len(hues)], "line": {"width": 0}},
                hovertext=[f"<b>{label}</b><br>{day}: {count(n, 'rating')}" for day, n in own.items()],
                hoverinfo="text",
            )
        )
    # A bar of few days is no wider than one of many.
    gap = max(0.35, 1 - len({day.day for day in days}) / 8)
    made.update_layout(barmode="stack", bargap=gap, legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0})
    in_order = [_written(day) for day in sorted({day.day for day in days})]
    made.update_xaxes(type="category", categoryorder="array", categoryarray=in_order, nticks=4, tickangle=0)
    made.update_xaxes(title="Day (UTC)", showgrid=False)
    made.update_yaxes(title="Ratings a day", rangemode="tozero", zeroline=False)
    return made


def _by_day(days: Sequence[Day], names: set[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for day in days:
        if day.reviewer in names:
            found[_written(day.day)] = found.get(_written(day.day), 0) + day.n
    return found


def _written(day: datetime) -> str:
    return f"{day:%d %b %Y}"


def activity_table(days: Sequence[Day]) -> Table:
    """One row a day and person, days as spreadsheets read them."""
    return table(("day", "reviewer", "ratings"), ((f"{day.day:%Y-%m-%d}", day.reviewer, day.n) for day in days))
