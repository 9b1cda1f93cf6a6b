"""The quadrant map: every concept on senses × siblings, the bands as regions, the gap as colour.

Counts are placed at log2(1 + n), so that 1, 10 and 60 all read well and 0 has a place; ticks carry the true counts.
"""

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from app.charts.base import figure, plain, translucent
from app.theme import Palette
from app.viewmodels.overview import MapPoint, spread
from app.viewmodels.words import PROFILES, with_interval
from app.viewmodels.words import number as write

Bands = tuple[int, int, int, int]
_TICKS = (0, 1, 2, 3, 5, 7, 10, 15, 20, 30, 40, 60, 100, 200, 500, 1000)
_LABELLED_UP_TO = 24


def place(n: float) -> float:
    """Where a count stands on an axis."""
    return math.log2(1 + n)


def quadrant_map(
    points: Sequence[MapPoint], *, bands: Bands, largest_gap: float, sibling_title: str, colours: Palette, height: int
) -> go.Figure:
    """The map; each point's customdata is its concept."""
    senses_low, senses_high, siblings_low, siblings_high = bands
    xs = (place(0) - 0.35, place(senses_low + 0.5), place(senses_high - 0.5), _end(points, "n_senses", senses_high))
    ys = (place(0) - 0.35, place(siblings_low + 0.5), place(siblings_high - 0.5), _end(points, "n_siblings", siblings_high))
    made = figure(colours, height=height, showlegend=False)
    _draw_regions(made, xs, ys, colours)
    _draw_points(made, points, largest_gap, colours)
    made.update_xaxes(title="Senses of the word (log scale)", showgrid=False, zeroline=False, **_axis(xs))
    made.update_yaxes(title=f"{sibling_title} (log scale)", showgrid=False, zeroline=False, **_axis(ys))
    return made


def _end(points: Sequence[MapPoint], count: str, high: int) -> float:
    largest = max((getattr(point, count) for point in points), default=0)
    return place(max(largest, 2.2 * high)) + 0.35


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
            fillpattern={"shape": "/", "size": 7, "solidity": 0.14, "fgcolor": colours.none, "bgcolor": "rgba(0,0,0,0)"},
            hoverinfo="skip",
        )
    )
    corners = {"A": (0, 0), "B": (0, 2), "C": (2, 2), "D": (2, 0)}
    for letter, (i, j) in corners.items():
        hue = colours.quadrants[letter]
        box = {"x0": xs[i], "x1": xs[i + 1], "y0": ys[j], "y1": ys[j + 1]}
        made.add_shape(
            type="rect", layer="below", fillcolor=translucent(hue, 0.07), line={"width": 1, "color": translucent(hue, 0.35)}, **box
        )
        made.add_annotation(
            x=box["x0"],
            y=box["y1"],
            text=f"<b>{letter}</b>  <span style='font-size:11.5px'>{PROFILES[letter]}</span>",
            font={"size": 15, "color": hue},
            showarrow=False,
            xanchor="left",
            yanchor="top",
            xshift=4,
            yshift=-2,
        )
    made.add_annotation(
        x=(xs[1] + xs[2]) / 2,
        y=(ys[1] + ys[2]) / 2,
        text="between the bands:<br>no quadrant",
        font={"size": 11, "color": colours.muted},
        bgcolor=colours.page,
        opacity=0.85,
        showarrow=False,
    )


def _draw_points(made: go.Figure, points: Sequence[MapPoint], largest_gap: float, colours: Palette) -> None:
    if not points:
        return
    offsets = spread(points)
    x = [place(point.n_senses) + 0.11 * dx for point, (dx, _) in zip(points, offsets, strict=True)]
    y = [place(point.n_siblings) + 0.13 * dy for point, (_, dy) in zip(points, offsets, strict=True)]
    most = max(point.n_pairs for point in points) or 1
    sizes = [9 + 11 * math.sqrt(point.n_pairs / most) for point in points]
    weak = [i for i, point in enumerate(points) if point.weak]
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
                mode="markers+text" if len(points) <= _LABELLED_UP_TO else "markers",
                text=[plain(points[i].concept, at_most=22) for i in chosen],
                textposition=["top center" if i % 2 else "bottom center" for i in chosen],
                textfont={"size": 11.5, "color": colours.text},
                marker={"size": [sizes[i] for i in chosen], "line": {"width": 1, "color": colours.muted}, "opacity": 1, **look},
                customdata=[[points[i].concept] for i in chosen],
                hovertext=[_hover(points[i]) for i in chosen],
                hoverinfo="text",
                selected={"marker": {"opacity": 1}},
                unselected={"marker": {"opacity": 1}},
                cliponaxis=False,
            )
        )


def _hover(point: MapPoint) -> str:
    placed = f"Quadrant {point.quadrant}" if point.quadrant else f"No quadrant: {plain(point.reason or '', at_most=90)}"
    lines = [
        f"<b>{plain(point.concept)}</b>",
        placed,
        f"{point.n_senses} senses · {point.n_siblings} siblings · {point.n_pairs} samples",
        f"Gap {with_interval(point.gap)}",
        f"Lens F1 {write(point.f1)}",
    ]
    if point.weak:
        lines.append("Ring: the interval is missing or reaches zero")
    return "<br>".join(lines)
