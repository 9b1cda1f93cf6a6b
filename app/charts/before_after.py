"""One comparison concept by concept: before and after as dots joined by a line, the one that fell furthest at the top."""

from collections.abc import Sequence
from typing import Final

import plotly.graph_objects as go

from app.charts.table import Table, table
from app.kept import kept
from app.viewmodels.comparisons import Change
from engine.figures.base import figure, plain
from engine.figures.palette import Palette
from engine.words import count, number, signed

ROW_PX: Final = 22


@kept
def before_after(changes: Sequence[Change], *, measure: str, colours: Palette) -> go.Figure:
    """One row a concept; each dot's customdata is its concept."""
    rows = list(changes)[::-1]
    made = figure(colours, height=96 + ROW_PX * len(rows))
    made.update_layout(legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "font": {"size": 12}})
    for colour, moved in ((colours.warning, [r.after < r.before for r in rows]), (colours.accent, None)):
        _lines(made, rows, colour, moved or [r.after >= r.before for r in rows])
    old = {"symbol": "circle-open", "size": 11, "color": colours.muted, "line": {"width": 2}}
    _dots(made, rows, "before", [row.before for row in rows], old)
    hues = [colours.warning if row.after < row.before else colours.accent for row in rows]
    _dots(made, rows, "after", [row.after for row in rows], {"size": 9, "color": hues})
    made.update_xaxes(title=measure, zeroline=False, tickformat=".2f")
    labels = [plain(row.name, at_most=22) for row in rows]
    made.update_yaxes(
        tickvals=list(range(len(rows))), ticktext=labels, range=[-0.7, len(rows) - 0.3], showgrid=False, zeroline=False
    )
    return made


def _lines(made: go.Figure, rows: Sequence[Change], colour: str, drawn: Sequence[bool]) -> None:
    xs: list[float | None] = []
    ys: list[int | None] = []
    for i, (row, is_drawn) in enumerate(zip(rows, drawn, strict=True)):
        if is_drawn:
            xs += [row.before, row.after, None]
            ys += [i, i, None]
    line = {"color": colour, "width": 2}
    made.add_trace(go.Scatter(x=xs, y=ys, mode="lines", line=line, opacity=0.55, hoverinfo="skip", showlegend=False))


def _dots(
    made: go.Figure, rows: Sequence[Change], title: str, values: Sequence[float], marker: dict[str, object]
) -> None:
    made.add_trace(
        go.Scatter(
            x=list(values),
            y=list(range(len(rows))),
            mode="markers",
            name=title,
            marker=marker,
            customdata=[[row.concept] for row in rows],
            hovertext=[_hover(row) for row in rows],
            hoverinfo="text",
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 1}},
        )
    )


def _hover(row: Change) -> str:
    kept = "" if row.kept is None else f"<br>{'Kept' if row.kept else 'Not kept'} for this concept"
    change = f"{number(row.before)} → {number(row.after)}, {signed(row.after - row.before)}"
    return f"<b>{plain(row.name)}</b><br>{change}<br>{count(row.n, 'pair')}, no interval for one concept{kept}"


def before_after_table(changes: Sequence[Change], *, measure: str) -> Table:
    """One row a concept."""
    columns = ("concept", "name", f"{measure} before", f"{measure} after", "pairs", "kept")
    kept = {True: "yes", False: "no", None: None}
    return table(columns, ((one.concept, one.name, one.before, one.after, one.n, kept[one.kept]) for one in changes))
