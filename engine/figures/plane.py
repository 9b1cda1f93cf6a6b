"""The plane of senses × siblings that both maps share: its scale, its bands as regions, its axes.

Counts are placed at log2(1 + n), so that 1, 10 and 60 all read well and 0 has a place; ticks carry the true counts.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import plotly.graph_objects as go

from engine.figures.base import translucent
from engine.figures.palette import Palette
from engine.stats.quadrants import Bands
from engine.words import PROFILES

_TICKS: Final = (0, 1, 2, 3, 5, 7, 10, 15, 20, 30, 40, 60, 100, 150, 200, 300, 500, 1000, 2000, 5000, 10_000)
_MARGIN: Final = 0.35
_CORNERS: Final = {"A": (0, 0), "B": (0, 2), "C": (2, 2), "D": (2, 0)}
SIBLING_TITLES: Final = {"distinct": "Siblings", "study": "Siblings, as the study counts them"}
Edges = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Plane:
    """Where the low band begins and ends and the high one begins and ends, on each axis."""

    xs: Edges
    ys: Edges


def place(n: float) -> float:
    """Where a count stands on an axis."""
    return math.log2(1 + n)


def plane_of(counts: Iterable[tuple[int, int]], bands: Bands, *, below: float = _MARGIN) -> Plane:
    """A plane that holds these counts of senses and siblings, with a margin below 0 siblings."""
    found = list(counts)
    senses = max((n_senses for n_senses, _ in found), default=0)
    siblings = max((n_siblings for _, n_siblings in found), default=0)
    return Plane(
        _edges(senses, bands.senses_low, bands.senses_high, _MARGIN),
        _edges(siblings, bands.siblings_low, bands.siblings_high, below),
    )


def _edges(largest: int, low: int, high: int, margin: float) -> Edges:
    return (place(0) - margin, place(low + 0.5), place(high - 0.5), place(max(largest, 2.2 * high)) + 0.7)


def draw_plane(
    made: go.Figure, plane: Plane, *, sibling_count: str, colours: Palette, between: Literal["left", "right"] = "left"
) -> None:
    """Draw regions and axes; what lies between the bands is named at one end of it."""
    _hatch_between(made, plane, colours)
    for letter, (i, j) in _CORNERS.items():
        _draw_region(made, letter, (plane.xs[i], plane.xs[i + 1]), (plane.ys[j], plane.ys[j + 1]), colours)
    made.add_annotation(
        x=plane.xs[0] if between == "left" else plane.xs[-1],
        y=(plane.ys[1] + plane.ys[2]) / 2,
        text="between the bands: no quadrant",
        font={"size": 11, "color": colours.muted},
        bgcolor=colours.page,
        xanchor=between,
        xshift=6 if between == "left" else -6,
        showarrow=False,
    )
    made.update_xaxes(title="Senses, as the pack counts them (log scale)", **_axis(plane.xs))
    made.update_yaxes(title=f"{SIBLING_TITLES[sibling_count]} (log scale)", **_axis(plane.ys))


def _axis(edges: Edges) -> dict[str, object]:
    ticks = [n for n in _TICKS if place(n) <= edges[-1]]
    return {
        "range": [edges[0], edges[-1]],
        "tickvals": [place(n) for n in ticks],
        "ticktext": [f"{n:,}".replace(",", "\u202f") for n in ticks],
        "showgrid": False,
        "zeroline": False,
    }


def _hatch_between(made: go.Figure, plane: Plane, colours: Palette) -> None:
    xs, ys = plane.xs, plane.ys
    cross_x = [xs[1], xs[2], xs[2], xs[3], xs[3], xs[2], xs[2], xs[1], xs[1], xs[0], xs[0], xs[1], xs[1]]
    cross_y = [ys[0], ys[0], ys[1], ys[1], ys[2], ys[2], ys[3], ys[3], ys[2], ys[2], ys[1], ys[1], ys[0]]
    pattern = {"shape": "/", "size": 7, "solidity": 0.12, "fgcolor": colours.line, "bgcolor": "rgba(0,0,0,0)"}
    made.add_trace(
        go.Scatter(
            x=cross_x,
            y=cross_y,
            mode="lines",
            line={"width": 0},
            fill="toself",
            fillpattern=pattern,
            hoverinfo="skip",
        )
    )


def _draw_region(made: go.Figure, letter: str, across: Sequence[float], up: Sequence[float], colours: Palette) -> None:
    hue = colours.quadrants[letter]
    right, top = _CORNERS[letter][0] == 2, _CORNERS[letter][1] == 2
    made.add_shape(
        type="rect",
        layer="below",
        fillcolor=translucent(hue, 0.07),
        line={"width": 1, "color": translucent(hue, 0.35)},
        x0=across[0],
        x1=across[1],
        y0=up[0],
        y1=up[1],
    )
    made.add_annotation(
        x=across[right],
        y=up[top],
        text=f"<b>{letter}</b>  <span style='font-size:11.5px'>{PROFILES[letter]}</span>",
        font={"size": 15, "color": hue},
        showarrow=False,
        xanchor="right" if right else "left",
        yanchor="top" if top else "bottom",
        xshift=-6 if right else 6,
        yshift=-3 if top else 3,
    )
