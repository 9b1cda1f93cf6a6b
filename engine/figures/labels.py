"""Names beside the dots of a map: above, below or beside, wherever they cover nothing; left out where they must."""

from collections.abc import Sequence
from typing import Final

import plotly.graph_objects as go

from engine.figures.base import plain, translucent
from engine.figures.palette import Palette
from engine.figures.plane import Plane

# About what a map has in a window of 1,440 pixels; labels need it only to keep clear of each other.
_WIDTH_PX: Final = 540.0
_AXIS_PX: Final = 60
_AT_MOST: Final = 22
_RADIUS_PX: Final = 10.0
_CORNER_PX: Final = (185, 24)
_LINE_PX: Final = 11.0
_Box = tuple[float, float, float, float]


def label_dots(
    made: go.Figure,
    names: Sequence[str],
    dots: Sequence[tuple[float, float]],
    plane: Plane,
    *,
    height: int,
    colours: Palette,
    radii: Sequence[float] | None = None,
    others: Sequence[tuple[float, float, float]] = (),
) -> None:
    """Write the names of dots of these radii in pixels; `others` (with radii) are covered only where it must be."""
    radii = radii or [_RADIUS_PX] * len(dots)
    x_px = _WIDTH_PX / (plane.xs[3] - plane.xs[0])
    y_px = (height - _AXIS_PX) / (plane.ys[3] - plane.ys[0])
    places = [((x - plane.xs[0]) * x_px, (y - plane.ys[0]) * y_px) for x, y in dots]
    taken = _taken(places, radii, plane, y_px)
    around = [_box_around((x - plane.xs[0]) * x_px, (y - plane.ys[0]) * y_px, radius) for x, y, radius in others]
    ground = {"bgcolor": translucent(colours.page, 0.82), "borderpad": 1} if others else {}
    written = []
    for name, place, radius, at in zip(names, places, radii, dots, strict=True):
        found = _free_spot(name, place, radius, taken + around) or _free_spot(name, place, radius, taken)
        if found is not None:
            dx, dy, anchor, box = found
            taken.append(box)
            label = {"x": at[0], "y": at[1], "text": plain(name, at_most=_AT_MOST), "showarrow": False}
            font = {"size": 11.5, "color": colours.text}
            written.append({**label, "font": font, "xanchor": anchor, "xshift": dx, "yshift": dy, **ground})
    # One by one they would all be checked again with each.
    made.update_layout(annotations=[*made.layout.annotations, *written])


def _taken(places: Sequence[tuple[float, float]], radii: Sequence[float], plane: Plane, y_px: float) -> list[_Box]:
    """What labels must not cover: the strip's and the corners' names, and the dots themselves."""
    wide, high = _CORNER_PX
    top = (plane.ys[3] - plane.ys[0]) * y_px
    strip = ((plane.ys[1] + plane.ys[2]) / 2 - plane.ys[0]) * y_px
    taken: list[_Box] = [(0, wide, strip - 9, strip + 9)]
    taken += [(x, x + wide, y, y + high) for x in (0, _WIDTH_PX - wide) for y in (0, top - high)]
    return taken + [_box_around(x, y, radius) for (x, y), radius in zip(places, radii, strict=True)]


def _free_spot(
    name: str, place: tuple[float, float], radius: float, taken: Sequence[_Box]
) -> tuple[float, float, str, _Box] | None:
    half, up, aside = 3.1 * min(len(name), _AT_MOST), radius + _LINE_PX, radius + _LINE_PX / 2
    for dx, dy, anchor in ((0.0, up, "center"), (0.0, -up, "center"), (aside, 0.0, "left"), (-aside, 0.0, "right")):
        middle = place[0] + dx + {"center": 0.0, "left": half, "right": -half}[anchor]
        box = (middle - half, middle + half, place[1] + dy - 7, place[1] + dy + 7)
        if box[0] >= 0 and box[1] <= _WIDTH_PX and not any(_overlap(box, other) for other in taken):
            return dx, dy, anchor, box
    return None


def _box_around(x: float, y: float, radius: float) -> _Box:
    return x - radius, x + radius, y - radius, y + radius


def _overlap(one: _Box, other: _Box) -> bool:
    return one[0] < other[1] and other[0] < one[1] and one[2] < other[3] and other[2] < one[3]
