"""Values with intervals in rows, several series beside each other in each row: gaps and their parts, ceilings, lenses."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import plotly.graph_objects as go

from engine.figures.base import figure, in_lines, plain
from engine.figures.palette import Palette
from engine.stats.estimate import Estimate
from engine.words import with_interval

SYMBOLS: Final = ("circle", "square", "diamond", "triangle-up", "x", "cross")
_ROW_PX: Final = 15
_LABEL_CHARS: Final = 26
_LABEL_LINES: Final = 4
"""Enough for two raters, each with what tells it from others of its model."""
_ASIDE: Final = 0.72
"""Share of a row's height that its series are spread over."""


@dataclass(frozen=True, slots=True)
class Series:
    """One value a row; the `main` series is filled and in the accent colour, others are told apart by their symbols."""

    name: str
    values: tuple[Estimate, ...]
    main: bool = False


def interval_dots(
    rows: Sequence[str],
    series: Sequence[Series],
    *,
    title: str,
    colours: Palette,
    line: tuple[float, str] | None = None,
    span: tuple[float, float] | None = None,
) -> go.Figure:
    """One row a name, top down; `line` is a value with its name, drawn across all rows, `span` what the axis shows."""
    labels = [in_lines(name, wide=_LABEL_CHARS, n_lines=_LABEL_LINES) for name in rows]
    most = max((label.count("<br>") + 1 for label in labels), default=1)
    n_lines = max(len(series), 2, 1.25 * most)
    asides = ((i - (len(series) - 1) / 2) * _ASIDE / max(1, len(series)) for i in range(len(series)))
    return figure(
        colours,
        *(
            _trace(rows, one, aside, SYMBOLS[i % len(SYMBOLS)], colours)
            for i, (one, aside) in enumerate(zip(series, asides, strict=True))
        ),
        height=96 + round(_ROW_PX * len(rows) * n_lines),
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "font": {"size": 12}},
        yaxis={
            "tickvals": list(range(len(rows))),
            "ticktext": labels,
            # Below the last row there is room for the line's name.
            "range": [len(rows) - (0.1 if line else 0.5), -0.5],
            "showgrid": False,
            "zeroline": False,
            "tickfont": {"size": 13, "color": colours.text},
        },
        xaxis={"title": {"text": title}, "zeroline": span is None, "range": span, "tickformat": ".2f"},
        **_lines(len(rows), line, colours),
    )


def _lines(n_rows: int, line: tuple[float, str] | None, colours: Palette) -> dict[str, list[dict[str, object]]]:
    """What parts the rows, and the line with its name."""
    rule = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "line": {"width": 1, "color": colours.line}}
    shapes: list[dict[str, object]] = [{**rule, "y0": edge - 0.5, "y1": edge - 0.5} for edge in range(1, n_rows)]
    if line is None:
        return {"shapes": shapes}
    value, name = line
    dashes = {"width": 1.3, "dash": "dash", "color": colours.warning}
    across = {"type": "line", "yref": "paper", "x0": value, "x1": value, "y0": 0, "y1": 1, "line": dashes}
    place = {"x": value, "y": 0, "yref": "paper", "yanchor": "bottom", "xanchor": "right", "xshift": -4}
    font = {"size": 11.5, "color": colours.warning}
    return {
        "shapes": [*shapes, across],
        "annotations": [{"text": plain(name), "font": font, "showarrow": False, **place}],
    }


def _trace(rows: Sequence[str], series: Series, aside: float, symbol: str, colours: Palette) -> go.Scatter:
    colour = colours.accent if series.main else colours.muted
    return go.Scatter(
        x=[estimate.value for estimate in series.values],
        y=[row + aside for row in range(len(rows))],
        mode="markers",
        name=plain(series.name),
        marker={
            "size": 11 if series.main else 9,
            "symbol": symbol if series.main else f"{symbol}-open",
            "color": colour,
            "line": {"width": 1.6, "color": colour},
        },
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [_arm(e.high, e.value) for e in series.values],
            "arrayminus": [_arm(e.value, e.low) for e in series.values],
            "color": colour,
            "thickness": 1.8 if series.main else 1.2,
            "width": 0,
        },
        hovertext=[
            f"<b>{plain(name)}</b><br>{plain(series.name)} {plain(with_interval(e), at_most=200)}, n {e.n}"
            for name, e in zip(rows, series.values, strict=True)
        ],
        hoverinfo="text",
    )


def _arm(high: float | None, low: float | None) -> float:
    return high - low if high is not None and low is not None else 0.0
