"""Tables of the figures that screens share with the report, and of any frozen figure."""

import html
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import plotly.graph_objects as go

from app.charts.table import Cell, Table, cells, estimated, table
from engine.figures.dots import Series
from engine.figures.points import MapPoint

_TAG: Final = re.compile(r"<[^>]*>")


def map_table(points: Sequence[MapPoint]) -> Table:
    """One row a concept: its place on the map, empty where it has none, and its gap."""
    columns = ("concept", "name", "quadrant", "senses", "siblings", "pairs", *estimated("gap", "rating points"))
    return table(
        (*columns, "lens F1 (0-1, out of fold)"),
        ((p.concept, p.name, p.quadrant, p.n_senses, p.n_siblings, p.n_pairs, *cells(p.gap), p.f1) for p in points),
    )


def intervals_table(rows: Sequence[str], series: Sequence[Series], *, measure: str, unit: str) -> Table:
    """One row a name and series."""
    found: Iterator[tuple[Cell, ...]] = (
        (name, one.name, *cells(value)) for one in series for name, value in zip(rows, one.values, strict=True)
    )
    return table(("name", "series", *estimated(measure, unit)), found)


def figure_table(figure: go.Figure) -> Table:
    """One row a drawn value, read from the figure itself, whose axes name the columns; for figures that were frozen."""
    layout = figure.layout
    axes = (("x", layout.xaxis), ("y", layout.yaxis))
    x, y = (_words(axis.title.text) or ("name" if axis.ticktext else name) for name, axis in axes)
    rows = [row for trace in figure.data if trace.x is not None and trace.y is not None for row in _rows(trace, layout)]
    ends = ("low end of interval", "high end of interval")
    return table(("series", x, y, *ends, "says"), rows)


def _rows(trace: Any, layout: Any) -> Iterator[tuple[Cell, ...]]:
    says = trace.hovertext if isinstance(trace.hovertext, tuple) else (trace.hovertext,) * len(trace.x)
    if trace.hoverinfo == "skip":
        return
    for i, (x, y) in enumerate(zip(trace.x, trace.y, strict=True)):
        along, value = (trace.error_x, x) if trace.error_x.array is not None else (trace.error_y, y)
        yield (
            _words(trace.name),
            _tick(x, layout.xaxis),
            _tick(y, layout.yaxis),
            *_ends(along, value, i),
            _words(says[i] if i < len(says) else None),
        )


def _ends(bars: Any, value: Any, i: int) -> tuple[float | None, float | None]:
    """An interval's ends; none where it has no length, for then there is none."""
    if bars.array is None or value is None or not (bars.array[i] or (bars.arrayminus or bars.array)[i]):
        return None, None
    return value - (bars.arrayminus or bars.array)[i], value + bars.array[i]


def _tick(value: Any, axis: Any) -> Cell:
    """What the axis writes at a value where it names places, whose markers may stand a little aside; else the value."""
    if axis.ticktext and isinstance(value, int | float):
        named = dict(zip(axis.tickvals, axis.ticktext, strict=True))
        return _words(named.get(round(value), "").replace("<br>", " "))
    return value if isinstance(value, int | float) or value is None else str(value)


def _words(written: str | None) -> str | None:
    """What plotly shows of a text: without tags and references."""
    if not written:
        return None
    lines = (html.unescape(_TAG.sub(" ", line)).split() for line in written.split("<br>"))
    return "; ".join(" ".join(words) for words in lines if words)
