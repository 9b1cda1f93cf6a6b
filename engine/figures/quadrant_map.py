"""The quadrant map: every concept of the run on senses × siblings, the bands as regions, the gap as colour."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import plotly.graph_objects as go

from engine.figures.base import figure, plain
from engine.figures.labels import label_dots
from engine.figures.palette import Palette
from engine.figures.plane import Plane, draw_plane, place, plane_of
from engine.figures.points import MapPoint, spread
from engine.stats.quadrants import Bands
from engine.words import count, with_interval
from engine.words import number as write

_LABELLED_UP_TO = 120
_RINGED_UP_TO = 400
_APART = 0.36
_INSIDE = 0.02


def quadrant_map(
    points: Sequence[MapPoint], *, bands: Bands, largest_gap: float, sibling_count: str, colours: Palette, height: int
) -> go.Figure:
    """The map of the points whose counts are known; each point's customdata is its concept."""
    points = [point for point in points if point.counts]
    counts = [point.counts for point in points if point.counts]
    plane = plane_of(counts, bands)
    made = figure(colours, height=height, showlegend=False)
    draw_plane(made, plane, sibling_count=sibling_count, colours=colours)
    dots = _places(counts, plane)
    _draw_points(made, points, dots, largest_gap, colours)
    if len(points) <= _LABELLED_UP_TO:
        label_dots(made, [point.name for point in points], dots, plane, height=height, colours=colours)
    return made


def _draw_points(
    made: go.Figure,
    points: Sequence[MapPoint],
    dots: Sequence[tuple[float, float]],
    largest_gap: float,
    colours: Palette,
) -> None:
    if not points:
        return
    sizes = _sizes(points)
    _ring_weak(made, points, dots, sizes, colours)
    known = [i for i, point in enumerate(points) if point.gap.value is not None]
    unknown = [i for i, point in enumerate(points) if point.gap.value is None]
    by_gap = {"color": [points[i].gap.value for i in known], **_gap_scale(largest_gap, colours)}
    for chosen, look in ((known, by_gap), (unknown, {"color": "rgba(0,0,0,0)"})):
        if chosen:
            marker = {"line": {"width": 1, "color": colours.muted}, "opacity": 1, **look}
            _draw_dots(
                made,
                [points[i] for i in chosen],
                [dots[i] for i in chosen],
                {"size": [sizes[i] for i in chosen], **marker},
            )


def _sizes(points: Sequence[MapPoint]) -> list[float]:
    """Diameters in pixels; areas grow with the pairs."""
    most = max(point.n_pairs for point in points) or 1
    # Many concepts get smaller dots, as they would cover each other.
    largest = min(19.0, max(5.0, 19 - 3.2 * math.log2(len(points) / 16)))
    return [largest * (0.45 + 0.55 * math.sqrt(point.n_pairs / most)) for point in points]


def _ring_weak(
    made: go.Figure,
    points: Sequence[MapPoint],
    dots: Sequence[tuple[float, float]],
    sizes: Sequence[float],
    colours: Palette,
) -> None:
    weak = [i for i, point in enumerate(points) if point.weak and len(points) <= _RINGED_UP_TO]
    made.add_trace(
        go.Scatter(
            x=[dots[i][0] for i in weak],
            y=[dots[i][1] for i in weak],
            mode="markers",
            marker={
                "symbol": "circle-open",
                "color": colours.warning,
                "size": [sizes[i] + 8 for i in weak],
                "line": {"width": 1.6, "color": colours.warning},
            },
            hoverinfo="skip",
        )
    )


def _gap_scale(largest_gap: float, colours: Palette) -> dict[str, Any]:
    return {
        "cmin": -largest_gap,
        "cmax": largest_gap,
        "colorscale": [list(stop) for stop in colours.gap_scale],
        "colorbar": {
            "title": {"text": "Gap (rating points)", "side": "right", "font": {"size": 12, "color": colours.muted}},
            "thickness": 10,
            "outlinewidth": 0,
            "tickfont": {"size": 11, "color": colours.muted},
            "tickformat": ".1f",
            "len": 0.9,
        },
    }


def _draw_dots(
    made: go.Figure, points: Sequence[MapPoint], dots: Sequence[tuple[float, float]], marker: dict[str, Any]
) -> None:
    made.add_trace(
        go.Scatter(
            x=[x for x, _ in dots],
            y=[y for _, y in dots],
            mode="markers",
            marker=marker,
            customdata=[[point.concept] for point in points],
            hovertext=[_hover(point) for point in points],
            hoverinfo="text",
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 1}},
            cliponaxis=False,
        )
    )


def _places(counts: Sequence[tuple[int, int]], plane: Plane) -> list[tuple[float, float]]:
    """Where each dot is drawn: at its counts, moved aside from its equals, but never out of its band."""
    return [
        (
            _within(place(n_senses), _APART * dx, plane.xs),
            _within(place(n_siblings), _APART * dy, plane.ys),
        )
        for (n_senses, n_siblings), (dx, dy) in zip(counts, spread(counts), strict=True)
    ]


def _within(at: float, offset: float, edges: Sequence[float]) -> float:
    low, high = next(pair for pair in pairwise(edges) if at <= pair[1])
    return min(max(at + offset, low + _INSIDE), high - _INSIDE)


def _hover(point: MapPoint) -> str:
    placed = f"Quadrant {point.quadrant}" if point.quadrant else f"No quadrant: {plain(point.reason or '', at_most=90)}"
    n_senses, n_siblings = point.counts or (0, 0)
    lines = [
        f"<b>{plain(point.name)}</b>" + (f" · {plain(point.concept)}" if point.name != point.concept else ""),
        placed,
        " · ".join((count(n_senses, "sense"), count(n_siblings, "sibling"), count(point.n_pairs, "pair"))),
        f"Gap {with_interval(point.gap)}",
        f"Lens F1 {write(point.f1)}",
    ]
    if point.weak:
        lines.append("Ring: the interval is missing or reaches zero")
    return "<br>".join(lines)
