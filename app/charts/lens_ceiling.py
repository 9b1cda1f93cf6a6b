"""Measured F1 of each concept's lens against its ceiling; what lies above the diagonal is more than the data permit."""

import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import Final

import plotly.graph_objects as go

from app.charts.table import Table, cells, estimated, table
from app.kept import kept
from app.viewmodels.lenses import LensPoint
from engine.figures.base import figure, plain, translucent
from engine.figures.labels import label_dots
from engine.figures.palette import Palette, hue
from engine.figures.plane import Plane
from engine.stats.estimate import Estimate
from engine.words import UNKNOWN, number, signed, with_interval

_BARS_UP_TO: Final = 60
_LABELLED_UP_TO: Final = 30
_SIZE: Final = 16
_SMALL: Final = 9
_APART: Final = 0.016
_LINE_CHARS: Final = 62


@kept
def lens_ceiling(points: Sequence[LensPoint], *, ceiling: str, colours: Palette, height: int) -> go.Figure:
    """One dot a concept that has both numbers; clearly suspect ones are ringed; each dot's customdata is its concept."""
    shown = [point for point in points if point.headroom is not None]
    low, is_few = _lowest(shown), len(shown) <= _BARS_UP_TO
    made = figure(colours, height=height, showlegend=False, margin={"l": 8, "r": 8, "t": 26, "b": 8})
    _draw_line(made, low, colours)
    made.add_trace(
        go.Scatter(
            x=_side_by_side(shown),
            y=[point.f1.value for point in shown],
            mode="markers+text" if is_few else "markers",
            text=[point.quadrant or UNKNOWN for point in shown],
            textfont={"size": 9.5, "color": colours.page},
            marker={
                "size": _SIZE if is_few else _SMALL,
                "color": [hue(point.quadrant, colours) for point in shown],
                "line": {
                    "width": [2.5 if point.excess else 1 for point in shown],
                    "color": [colours.warning if point.excess else colours.page for point in shown],
                },
                "opacity": 1,
            },
            error_y=_bars(shown, colours) if is_few else None,
            customdata=[[point.concept] for point in shown],
            hovertext=[_hover(point, ceiling) for point in shown],
            hoverinfo="text",
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 1}},
        )
    )
    _label(made, shown, low, colours, height)
    ticks = {"range": [low, 1.03], "tickformat": ".1f", "tick0": 0, "dtick": 0.1 if low > 0.35 else 0.2}
    made.update_xaxes(title=f"F1 ceiling ({ceiling})", zeroline=False, **ticks)
    made.update_yaxes(title="Measured F1, out of fold, 95 % interval", zeroline=False, **ticks)
    return made


def _lowest(points: Sequence[LensPoint]) -> float:
    """Where both axes begin: one tenth below the lowest of all that is drawn."""
    ends = [e for p in points for e in (p.ceiling.value, p.f1.value, p.f1.low) if e is not None]
    return max(-0.03, int(10 * min([*ends, 0.7]) - 0.3) / 10)


def _side_by_side(points: Sequence[LensPoint]) -> list[float]:
    """Ceilings, of dots that would cover each other moved a little to either side."""
    places = [(round(50 * (p.ceiling.value or 0.0)), round(50 * (p.f1.value or 0.0))) for p in points]
    crowd, seen = Counter(places), Counter[tuple[int, int]]()
    moved = []
    for point, place in zip(points, places, strict=True):
        moved.append(
            (point.ceiling.value or 0.0) + _APART * min(1, 8 / crowd[place]) * (seen[place] - (crowd[place] - 1) / 2)
        )
        seen[place] += 1
    return moved


def _draw_line(made: go.Figure, low: float, colours: Palette) -> None:
    made.add_trace(
        go.Scatter(
            x=[low, 1.03, low, low],
            y=[low, 1.03, 1.03, low],
            mode="lines",
            line={"width": 0},
            fill="toself",
            fillcolor=translucent(colours.warning, 0.07),
            hoverinfo="skip",
        )
    )
    line = {"width": 1.5, "dash": "dash", "color": colours.muted}
    made.add_shape(type="line", layer="below", x0=low, y0=low, x1=1.03, y1=1.03, line=line)
    for text, side, colour in (
        ("above the ceiling: more than the labels permit", "left", colours.warning),
        ("below it: headroom", "right", colours.muted),
    ):
        made.add_annotation(
            x=low if side == "left" else 1.03,
            y=1.03 if side == "left" else low,
            text=text,
            font={"size": 11.5, "color": colour},
            showarrow=False,
            xanchor=side,
            yanchor="bottom",
            xshift=0 if side == "left" else -6,
            yshift=3,
        )


def _bars(points: Sequence[LensPoint], colours: Palette) -> dict[str, object]:
    return {
        "type": "data",
        "symmetric": False,
        "array": [_arm(point.f1.high, point.f1.value) for point in points],
        "arrayminus": [_arm(point.f1.value, point.f1.low) for point in points],
        "color": translucent(colours.muted, 0.6),
        "thickness": 1.2,
        "width": 0,
    }


def _arm(high: float | None, low: float | None) -> float:
    return high - low if high is not None and low is not None else 0.0


def _label(made: go.Figure, points: Sequence[LensPoint], low: float, colours: Palette, height: int) -> None:
    """Name the dots: all while they are few, else the clear suspects."""
    named = points if len(points) <= _LABELLED_UP_TO else [point for point in points if point.excess][:_LABELLED_UP_TO]
    places = {p.concept: (x, p.f1.value or 0.0) for p, x in zip(points, _side_by_side(points), strict=True)}
    label_dots(
        made,
        [point.name for point in named],
        [places[point.concept] for point in named],
        Plane((low, low, 1.03, 1.03), (low, low, 1.03, 1.03)),
        height=height,
        colours=colours,
        radii=[_SIZE / 2 + 1] * len(named),
    )


def _hover(point: LensPoint, ceiling: str) -> str:
    lines = [
        f"<b>{plain(point.name)}</b> · {f'quadrant {point.quadrant}' if point.quadrant else 'no quadrant'}",
        f"F1 {with_interval(point.f1)} on {point.f1.n} pairs",
        f"Ceiling {with_interval(point.ceiling)}, {ceiling}",
        f"Headroom {signed(point.headroom)}",
        f"Always firing {number(point.always_positive)}, words alone {number(point.text_only)}",
        _brier(point.brier),
        *_folded(point.excess),
        *_folded(
            point.graduation.why if point.graduation else None, "Graduated: " if _has(point) else "Not graduated: "
        ),
        *_folded(point.alarm, "Shortcut alarm. "),
    ]
    return "<br>".join(line for line in lines if line)


def _has(point: LensPoint) -> bool:
    return point.graduation is not None and point.graduation.reached is not None


def _brier(brier: Estimate) -> str:
    return f"Brier score {with_interval(brier)}" if brier.value is not None else ""


def _folded(sentence: str | None, before: str = "") -> list[str]:
    """A sentence in lines, for plotly breaks none."""
    return [plain(line, at_most=200) for line in textwrap.wrap(f"{before}{sentence}", _LINE_CHARS)] if sentence else []


def lens_ceiling_table(points: Sequence[LensPoint], *, ceiling: str) -> Table:
    """One row a concept, also of those that are not drawn, for a number is missing."""
    measures = (*estimated("F1", "0-1, out of fold"), *estimated(f"F1 ceiling by {ceiling}", "0-1"))
    columns = (
        "concept",
        "name",
        "quadrant",
        *measures,
        "F1 of always firing (0-1)",
        "F1 of words alone (0-1)",
        "suspect because",
    )
    return table(
        columns,
        (
            (p.concept, p.name, p.quadrant, *cells(p.f1), *cells(p.ceiling), p.always_positive, p.text_only, p.excess)
            for p in points
        ),
    )
