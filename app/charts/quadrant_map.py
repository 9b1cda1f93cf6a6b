"""The quadrant map: every concept on senses × siblings, the bands as regions, the gap as colour.

Counts are placed at log2(1 + n), so that 1, 10 and 60 all read well and 0 has a place; ticks carry the true counts.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import plotly.graph_objects as go

from app.charts.base import figure, plain, translucent
from app.theme import Palette
from app.viewmodels.overview import MapPoint, spread
from app.viewmodels.words import PROFILES, with_interval
from app.viewmodels.words import number as write

Bands = tuple[int, int, int, int]
_TICKS = (0, 1, 2, 3, 5, 7, 10, 15, 20, 30, 40, 60, 100, 200, 500, 1000)
# About what a map has in a window of 1,440 pixels; labels need it only to keep clear of each other.
_WIDTH_PX = 540.0
_LABELLED_UP_TO = 120
_RINGED_UP_TO = 400
_APART = 0.36
_INSIDE = 0.02
_Box = tuple[float, float, float, float]


def place(n: float) -> float:
    """Where a count stands on an axis."""
    return math.log2(1 + n)


def quadrant_map(
    points: Sequence[MapPoint], *, bands: Bands, largest_gap: float, sibling_title: str, colours: Palette, height: int
) -> go.Figure:
    """The map; each point's customdata is its concept."""
    senses_low, senses_high, siblings_low, siblings_high = bands
    xs = (place(0) - 0.35, place(senses_low + 0.5), place(senses_high - 0.5), _end(points, "n_senses", senses_high))
    ys = (
        place(0) - 0.35,
        place(siblings_low + 0.5),
        place(siblings_high - 0.5),
        _end(points, "n_siblings", siblings_high),
    )
    made = figure(colours, height=height, showlegend=False)
    _draw_regions(made, xs, ys, colours)
    _draw_points(made, points, xs, ys, largest_gap, colours)
    if len(points) <= _LABELLED_UP_TO:
        _label_points(made, points, xs, ys, colours, height)
    made.update_xaxes(title="Senses of the word (log scale)", showgrid=False, zeroline=False, **_axis(xs))
    made.update_yaxes(title=f"{sibling_title} (log scale)", showgrid=False, zeroline=False, **_axis(ys))
    return made


def _end(points: Sequence[MapPoint], count: str, high: int) -> float:
    largest = max((getattr(point, count) for point in points), default=0)
    return place(max(largest, 2.2 * high)) + 0.7


def _axis(ends: tuple[float, float, float, float]) -> dict[str, object]:
    ticks = [n for n in _TICKS if place(n) <= ends[-1]]
    return {"range": [ends[0], ends[-1]], "tickvals": [place(n) for n in ticks], "ticktext": [str(n) for n in ticks]}


def _draw_regions(made: go.Figure, xs: Sequence[float], ys: Sequence[float], colours: Palette) -> None:
    cross_x = [xs[1], xs[2], xs[2], xs[3], xs[3], xs[2], xs[2], xs[1], xs[1], xs[0], xs[0], xs[1], xs[1]]
    cross_y = [ys[0], ys[0], ys[1], ys[1], ys[2], ys[2], ys[3], ys[3], ys[2], ys[2], ys[1], ys[1], ys[0]]
    made.add_trace(
        go.Scatter(
            x=cross_x,
            y=cross_y,
            mode="lines",
            line={"width": 0},
            fill="toself",
            fillpattern={
                "shape": "/",
                "size": 7,
                "solidity": 0.12,
                "fgcolor": colours.line,
                "bgcolor": "rgba(0,0,0,0)",
            },
            hoverinfo="skip",
        )
    )
    corners = {"A": (0, 0), "B": (0, 2), "C": (2, 2), "D": (2, 0)}
    for letter, (i, j) in corners.items():
        hue = colours.quadrants[letter]
        right, top = i == 2, j == 2
        box = {"x0": xs[i], "x1": xs[i + 1], "y0": ys[j], "y1": ys[j + 1]}
        made.add_shape(
            type="rect",
            layer="below",
            fillcolor=translucent(hue, 0.07),
            line={"width": 1, "color": translucent(hue, 0.35)},
            **box,
        )
        made.add_annotation(
            x=box["x1" if right else "x0"],
            y=box["y1" if top else "y0"],
            text=f"<b>{letter}</b>  <span style='font-size:11.5px'>{PROFILES[letter]}</span>",
            font={"size": 15, "color": hue},
            showarrow=False,
            xanchor="right" if right else "left",
            yanchor="top" if top else "bottom",
            xshift=-6 if right else 6,
            yshift=-3 if top else 3,
        )
    made.add_annotation(
        x=xs[0],
        y=(ys[1] + ys[2]) / 2,
        text="between the bands: no quadrant",
        font={"size": 11, "color": colours.muted},
        bgcolor=colours.page,
        xanchor="left",
        xshift=6,
        showarrow=False,
    )


def _draw_points(
    made: go.Figure,
    points: Sequence[MapPoint],
    xs: Sequence[float],
    ys: Sequence[float],
    largest_gap: float,
    colours: Palette,
) -> None:
    if not points:
        return
    places = _places(points, xs, ys)
    x, y = [px for px, _ in places], [py for _, py in places]
    most = max(point.n_pairs for point in points) or 1
    # Many concepts get smaller dots, as they would cover each other.
    largest = min(19.0, max(5.0, 19 - 3.2 * math.log2(len(points) / 16)))
    sizes = [largest * (0.45 + 0.55 * math.sqrt(point.n_pairs / most)) for point in points]
    weak = [i for i, point in enumerate(points) if point.weak and len(points) <= _RINGED_UP_TO]
    made.add_trace(
        go.Scatter(
            x=[x[i] for i in weak],
            y=[y[i] for i in weak],
            mode="markers",
            marker={
                "symbol": "circle-open",
                "size": [sizes[i] + 8 for i in weak],
                "line": {"width": 1.6, "color": colours.warning},
            },
            hoverinfo="skip",
        )
    )
    known = [i for i, point in enumerate(points) if point.gap.value is not None]
    unknown = [i for i, point in enumerate(points) if point.gap.value is None]
    scale = {
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
    for chosen, look in (
        (known, {"color": [points[i].gap.value for i in known], **scale}),
        (unknown, {"color": "rgba(0,0,0,0)"}),
    ):
        if not chosen:
            continue
        made.add_trace(
            go.Scatter(
                x=[x[i] for i in chosen],
                y=[y[i] for i in chosen],
                mode="markers",
                marker={
                    "size": [sizes[i] for i in chosen],
                    "line": {"width": 1, "color": colours.muted},
                    "opacity": 1,
                    **look,
                },
                customdata=[[points[i].concept] for i in chosen],
                hovertext=[_hover(points[i]) for i in chosen],
                hoverinfo="text",
                selected={"marker": {"opacity": 1}},
                unselected={"marker": {"opacity": 1}},
                cliponaxis=False,
            )
        )


def _places(points: Sequence[MapPoint], xs: Sequence[float], ys: Sequence[float]) -> list[tuple[float, float]]:
    """Where each dot is drawn: at its counts, moved aside from its equals, but never out of its band."""
    return [
        (
            _within(place(point.n_senses), _APART * dx, xs),
            _within(place(point.n_siblings), _APART * dy, ys),
        )
        for point, (dx, dy) in zip(points, spread(points), strict=True)
    ]


def _within(at: float, offset: float, edges: Sequence[float]) -> float:
    low, high = next(pair for pair in pairwise(edges) if at <= pair[1])
    return min(max(at + offset, low + _INSIDE), high - _INSIDE)


def _label_points(
    made: go.Figure, points: Sequence[MapPoint], xs: Sequence[float], ys: Sequence[float], colours: Palette, height: int
) -> None:
    """Write each concept's name above, below or beside its dot, wherever it covers nothing; leave it out where it must."""
    x_px, y_px = _WIDTH_PX / (xs[3] - xs[0]), (height - 60) / (ys[3] - ys[0])
    dots = [((x - xs[0]) * x_px, (y - ys[0]) * y_px) for x, y in _places(points, xs, ys)]
    top, strip = (ys[3] - ys[0]) * y_px, ((ys[1] + ys[2]) / 2 - ys[0]) * y_px
    taken: list[_Box] = [(0, 185, strip - 9, strip + 9)]
    taken += [(x, x + 185, y, y + 24) for x in (0, _WIDTH_PX - 185) for y in (0, top - 24)]
    taken += [(x - 11, x + 11, y - 11, y + 11) for x, y in dots]
    for point, (x, y) in zip(points, dots, strict=True):
        name = plain(point.concept, at_most=22)
        half = 3.1 * min(len(point.concept), 22)
        for dx, dy, anchor in ((0, 21, "center"), (0, -21, "center"), (16, 0, "left"), (-16, 0, "right")):
            middle = x + dx + {"center": 0.0, "left": half, "right": -half}[anchor]
            box = (middle - half, middle + half, y + dy - 7, y + dy + 7)
            if box[0] >= 0 and box[1] <= _WIDTH_PX and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                made.add_annotation(
                    x=xs[0] + x / x_px,
                    y=ys[0] + y / y_px,
                    text=name,
                    font={"size": 11.5, "color": colours.text},
                    showarrow=False,
                    xanchor=anchor,
                    xshift=dx,
                    yshift=dy,
                )
                break


def _overlap(one: _Box, other: _Box) -> bool:
    return one[0] < other[1] and other[0] < one[1] and one[2] < other[3] and other[2] < one[3]


def _hover(point: MapPoint) -> str:
    placed = f"Quadrant {point.quadrant}" if point.quadrant else f"No quadrant: {plain(point.reason or '', at_most=90)}"
    lines = [
        f"<b>{plain(point.concept)}</b>",
        placed,
        f"{point.n_senses} senses · {point.n_siblings} siblings · {point.n_pairs} pairs",
        f"Gap {with_interval(point.gap)}",
        f"Lens F1 {write(point.f1)}",
    ]
    if point.weak:
        lines.append("Ring: the interval is missing or reaches zero")
    return "<br>".join(lines)
