"""The map of a whole pack: one dot for all concepts of equal counts, its area their number; the run's choice is ringed."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import plotly.graph_objects as go

from app.charts.table import Table, table
from app.kept import kept
from app.viewmodels.pack import Dot
from engine.figures.base import figure, plain, translucent
from engine.figures.labels import label_dots
from engine.figures.palette import Palette, hue
from engine.figures.plane import Plane, draw_plane, place, plane_of
from engine.stats.quadrants import Bands
from engine.words import count, integer

_LARGEST: Final = 30.0
_SMALLEST: Final = 4.0
_RING: Final = 3.0
_LABELLED_UP_TO: Final = 40
# Room for the names of the lower quadrants below the dots at 0 siblings.
_BELOW: Final = 0.95


@kept
def pack_map(
    dots: Sequence[Dot],
    chosen: Sequence[tuple[str, int, int]],
    *,
    bands: Bands,
    sibling_count: str,
    colours: Palette,
    height: int,
) -> go.Figure:
    """The map; each dot's customdata is its place. `chosen` are names with their counts of senses and siblings."""
    plane = plane_of(((dot.n_senses, dot.n_siblings) for dot in dots), bands, below=_BELOW)
    made = figure(colours, height=height, showlegend=False)
    draw_plane(made, plane, sibling_count=sibling_count, colours=colours, between="right")
    sizes = _sizes(dots)
    _draw_dots(made, dots, sizes, {(n_senses, n_siblings): names for names, n_senses, n_siblings in chosen}, colours)
    _draw_rings(made, dots, sizes, colours)
    if len(chosen) <= _LABELLED_UP_TO:
        _label_chosen(made, dots, sizes, chosen, plane, colours, height)
    return made


def _label_chosen(
    made: go.Figure,
    dots: Sequence[Dot],
    sizes: Sequence[float],
    chosen: Sequence[tuple[str, int, int]],
    plane: Plane,
    colours: Palette,
    height: int,
) -> None:
    radii = {(dot.n_senses, dot.n_siblings): size / 2 + _RING for dot, size in zip(dots, sizes, strict=True)}
    label_dots(
        made,
        [name for name, _, _ in chosen],
        [(place(n_senses), place(n_siblings)) for _, n_senses, n_siblings in chosen],
        plane,
        height=height,
        colours=colours,
        radii=[radii[n_senses, n_siblings] for _, n_senses, n_siblings in chosen],
        others=[(place(n_senses), place(n_siblings), radius) for (n_senses, n_siblings), radius in radii.items()],
    )


def _sizes(dots: Sequence[Dot]) -> list[float]:
    """Diameters: the area follows the number of concepts, but for the smallest dots, which must be seen."""
    most = max((dot.n_concepts for dot in dots), default=1)
    return [max(_SMALLEST, _LARGEST * math.sqrt(dot.n_concepts / most)) for dot in dots]


def _draw_dots(
    made: go.Figure,
    dots: Sequence[Dot],
    sizes: Sequence[float],
    chosen: Mapping[tuple[int, int], str],
    colours: Palette,
) -> None:
    hues = [hue(dot.quadrant, colours) for dot in dots]
    made.add_trace(
        go.Scatter(
            x=[place(dot.n_senses) for dot in dots],
            y=[place(dot.n_siblings) for dot in dots],
            mode="markers",
            marker={
                "size": list(sizes),
                "color": [translucent(colour, 0.55) for colour in hues],
                "line": {"width": 1, "color": hues},
                "opacity": 1,
            },
            customdata=[[dot.place] for dot in dots],
            hovertext=[_hover(dot, chosen.get((dot.n_senses, dot.n_siblings))) for dot in dots],
            hoverinfo="text",
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 1}},
        )
    )


def _draw_rings(made: go.Figure, dots: Sequence[Dot], sizes: Sequence[float], colours: Palette) -> None:
    ringed = [(dot, size) for dot, size in zip(dots, sizes, strict=True) if dot.n_chosen]
    made.add_trace(
        go.Scatter(
            x=[place(dot.n_senses) for dot, _ in ringed],
            y=[place(dot.n_siblings) for dot, _ in ringed],
            mode="markers",
            marker={
                "symbol": "circle-open",
                "color": colours.text,
                "size": [size + 2 * _RING for _, size in ringed],
                "line": {"width": 2, "color": colours.text},
            },
            hoverinfo="skip",
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 1}},
        )
    )


def _hover(dot: Dot, chosen: str | None) -> str:
    rest = dot.n_concepts - len(dot.names)
    names = ", ".join(plain(name, at_most=28) for name in dot.names) + (f" and {integer(rest)} more" if rest else "")
    lines = [
        f"<b>{count(dot.n_concepts, 'concept')}</b> · {f'quadrant {dot.quadrant}' if dot.quadrant else 'no quadrant'}",
        f"{count(dot.n_senses, 'sense')} · {count(dot.n_siblings, 'sibling')}",
        names,
    ]
    if chosen:
        lines.append(f"Ring: this run studies {plain(chosen)}")
    return "<br>".join(lines)


def pack_map_table(dots: Sequence[Dot]) -> Table:
    """One row a dot."""
    columns = ("senses", "siblings", "quadrant", "concepts", "chosen by this run", "first names")
    rows = ((d.n_senses, d.n_siblings, d.quadrant, d.n_concepts, d.n_chosen, ", ".join(d.names)) for d in dots)
    return table(columns, rows)
