"""Two raters' ratings of the same pairs as a table of 5 × 5 squares, darker where there are more pairs."""

from collections.abc import Sequence
from typing import Final

import plotly.graph_objects as go

from app.charts.table import Table, table
from app.kept import kept
from engine.figures.base import figure, plain, translucent
from engine.figures.palette import Palette, blended, contrast
from engine.words import RATINGS, count, integer

SIDE_PX: Final = 400
_SQUARE_PX: Final = 54


@kept
def confusion(
    counts: Sequence[Sequence[int]],
    *,
    first: str,
    second: str,
    colours: Palette,
    chosen: tuple[int, int] | None = None,
) -> go.Figure:
    """Rows are the first rater's ratings, from 5 at the top; a square's customdata is both ratings.

    The diagonal is framed, and so, in the text's colour, is the chosen square. Squares are markers: clicks on a heat map's
    cells do not reach the server.
    """
    made = figure(colours, height=SIDE_PX, width=SIDE_PX + 20, showlegend=False)
    cells = [(row, column, counts[row - 1][column - 1]) for row in RATINGS for column in RATINGS]
    pairs = [(row, column) for row, column, _ in cells]
    most = max([1, *(n for _, _, n in cells)])
    shares = [(n / most) ** 0.6 if n else 0.0 for _, _, n in cells]
    made.add_trace(
        go.Scatter(
            x=[column for _, column, _ in cells],
            y=[row for row, _, _ in cells],
            mode="markers+text",
            text=[integer(n) if n else "·" for _, _, n in cells],
            textfont={"color": [_ink(share, colours) for share in shares], "size": 13},
            marker={
                "symbol": "square",
                "size": _SQUARE_PX,
                "color": [translucent(colours.accent, _opacity(share)) for share in shares],
                "line": {
                    "width": [3 if pair == chosen else 2 if pair[0] == pair[1] else 0 for pair in pairs],
                    "color": [colours.text if pair == chosen else colours.accent for pair in pairs],
                },
            },
            customdata=[[row, column] for row, column, _ in cells],
            hovertext=[
                f"{plain(first)}: {row}, {plain(second)}: {column}<br>{count(n, 'pair')}" for row, column, n in cells
            ],
            hoverinfo="text",
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 1}, "textfont": {"color": colours.text}},
        )
    )
    axis = {"tickvals": list(RATINGS), "range": [0.45, 5.55], "showgrid": False, "zeroline": False, "fixedrange": True}
    made.update_xaxes(title=plain(second, at_most=40), **axis)
    made.update_yaxes(title=plain(first, at_most=40), **axis)
    return made


def _opacity(share: float) -> float:
    return 0.05 + 0.9 * share


def _ink(share: float, colours: Palette) -> str:
    """Of the text's colour and the page's, the one that is the easier to read on such a square."""
    ground = blended(colours.accent, colours.page, _opacity(share))
    return max(colours.text, colours.page, key=lambda ink: contrast(ink, ground))


def confusion_table(counts: Sequence[Sequence[int]], *, first: str, second: str) -> Table:
    """One row a square."""
    columns = (f"rating of {first} (1-5)", f"rating of {second} (1-5)", "pairs")
    return table(columns, ((row, column, counts[row - 1][column - 1]) for row in RATINGS for column in RATINGS))
