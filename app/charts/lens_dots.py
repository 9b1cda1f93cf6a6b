"""Measured F1 of each lens with its interval, beside the baselines that give it its meaning."""

from collections.abc import Sequence

import plotly.graph_objects as go

from app.charts.table import Cell, Table, cells, estimated, table
from app.kept import kept
from app.viewmodels.concept import LensDots
from engine.figures.base import figure, plain
from engine.figures.palette import Palette
from engine.stats.estimate import Estimate
from engine.words import number

AXIS = (-0.03, 1.02)
"""Beyond 0 and 1, so that a marker at either end is whole."""
_SYMBOLS = {
    "always positive": "triangle-up-open",
    "shuffled labels": "x-thin-open",
    "text only": "diamond-open",
    "length only": "square-open",
}


@kept
def lens_plot(rows: Sequence[LensDots], *, ceiling: Estimate, colours: Palette) -> go.Figure:
    """One row a lens that has an F1; the ceiling is a line with its interval as a band."""
    measured = [row for row in rows if row.f1 is not None][::-1]
    made = figure(colours, height=110 + 34 * len(measured))
    made.update_layout(legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "font": {"size": 12}})
    _draw_ceiling(made, ceiling, colours)
    names = [plain(row.name) for row in measured]
    for baseline, symbol in _SYMBOLS.items():
        f1s = [dict(row.baselines)[baseline] for row in measured]
        made.add_trace(_baseline(baseline, symbol, f1s, names, colours))
    made.add_trace(_lenses(measured, names, colours))
    made.update_xaxes(
        title="F1, out of fold (dashed: ceiling)", range=AXIS, tick0=0, dtick=0.2, tickformat=".1f", zeroline=False
    )
    made.update_yaxes(showgrid=False)
    return made


def _draw_ceiling(made: go.Figure, ceiling: Estimate, colours: Palette) -> None:
    if ceiling.low is not None and ceiling.high is not None:
        made.add_vrect(
            x0=ceiling.low, x1=ceiling.high, fillcolor=colours.accent, opacity=0.08, line_width=0, layer="below"
        )
    if ceiling.value is not None:
        made.add_vline(x=ceiling.value, line={"width": 1.5, "dash": "dash", "color": colours.accent})


def _baseline(
    name: str, symbol: str, f1s: Sequence[float | None], lenses: Sequence[str], colours: Palette
) -> go.Scatter:
    return go.Scatter(
        x=f1s,
        y=lenses,
        mode="markers",
        name=name,
        marker={
            "symbol": symbol,
            "size": 10,
            "color": colours.muted,
            "line": {"width": 1.8, "color": colours.muted},
        },
        hovertemplate=f"{name}: F1 %{{x:.2f}}<extra></extra>",
    )


def _lenses(measured: Sequence[LensDots], names: Sequence[str], colours: Palette) -> go.Scatter:
    return go.Scatter(
        x=[row.f1 for row in measured],
        y=names,
        mode="markers",
        name="lens",
        marker={"size": 12, "color": colours.accent},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [_arm(row.high, row.f1) for row in measured],
            "arrayminus": [_arm(row.f1, row.low) for row in measured],
            "color": colours.accent,
            "thickness": 1.6,
            "width": 0,
        },
        hovertext=[f"F1 {number(r.f1)} [{number(r.low)}, {number(r.high)}], {r.n} pairs" for r in measured],
        hoverinfo="text",
    )


def _arm(high: float | None, low: float | None) -> float:
    return high - low if high is not None and low is not None else 0.0


def lens_dots_table(rows: Sequence[LensDots], *, ceiling: Estimate) -> Table:
    """One row a lens, with the concept's ceiling beside each."""
    baselines = (f"F1 of {name} (0-1)" for name in _SYMBOLS)
    columns = ("lens", *estimated("F1", "0-1, out of fold"), *baselines, *estimated("F1 ceiling", "0-1"))
    return table(columns, ((*_numbers(row), *cells(ceiling)) for row in rows))


def _numbers(row: LensDots) -> tuple[Cell, ...]:
    baselines = dict(row.baselines)
    return row.name, row.f1, row.low, row.high, row.n, row.reason, *(baselines[name] for name in _SYMBOLS)
