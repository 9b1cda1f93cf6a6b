"""Old and new rating of each tried pair, joined by a line, beside what people said."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from app.charts.table import Table, table
from app.data.rubric_lab import TriedPair
from app.kept import kept
from engine.figures.base import figure, plain
from engine.figures.palette import Palette
from engine.words import RATINGS, number

ROW_PX = 23


@kept
def trial_plot(pairs: Sequence[TriedPair], *, names: Mapping[str, str], colours: Palette) -> go.Figure:
    """One row a pair in their order from the top; each dot's customdata is concept and sample."""
    rows = list(pairs)[::-1]
    made = figure(colours, height=96 + ROW_PX * len(rows))
    made.update_layout(legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "font": {"size": 12}})
    _lines(made, rows, colours)
    people = {"symbol": "diamond-open", "size": 17, "color": colours.warning, "line": {"width": 2}}
    _dots(made, rows, "people", [pair.people_rating for pair in rows], people, names)
    old = {"symbol": "circle-open", "size": 12, "color": colours.muted, "line": {"width": 2}}
    _dots(made, rows, "old", [pair.old_rating for pair in rows], old, names)
    _dots(made, rows, "new", [pair.new_rating for pair in rows], {"size": 9, "color": colours.accent}, names)
    made.update_xaxes(title="Rating", range=[0.7, 5.3], tickvals=list(RATINGS), zeroline=False)
    labels = [f"{plain(names.get(pair.concept, pair.concept), at_most=18)} {_SIGNS[pair.arm]}" for pair in rows]
    made.update_yaxes(
        tickvals=list(range(len(rows))), ticktext=labels, range=[-0.7, len(rows) - 0.3], showgrid=False, zeroline=False
    )
    return made


_SIGNS = {"positive": "<b>+</b>", "negative": "<b>−</b>"}


def _lines(made: go.Figure, rows: Sequence[TriedPair], colours: Palette) -> None:
    """What joins the two ratings of each pair that changed."""
    xs: list[float | None] = []
    ys: list[int | None] = []
    for i, pair in enumerate(rows):
        if pair.old_rating is not None and pair.new_rating is not None:
            xs += [pair.old_rating, pair.new_rating, None]
            ys += [i, i, None]
    line = {"color": colours.accent, "width": 2}
    made.add_trace(go.Scatter(x=xs, y=ys, mode="lines", line=line, opacity=0.55, hoverinfo="skip", showlegend=False))


def _dots(
    made: go.Figure,
    rows: Sequence[TriedPair],
    title: str,
    ratings: Sequence[float | None],
    marker: dict[str, object],
    names: Mapping[str, str],
) -> None:
    shown = [
        (i, pair, rating) for i, (pair, rating) in enumerate(zip(rows, ratings, strict=True)) if rating is not None
    ]
    made.add_trace(
        go.Scatter(
            x=[rating for _, _, rating in shown],
            y=[i for i, _, _ in shown],
            mode="markers",
            name=title,
            marker=marker,
            customdata=[list(pair.key) for _, pair, _ in shown],
            hovertext=[_hover(pair, names) for _, pair, _ in shown],
            hoverinfo="text",
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 1}},
        )
    )


def _hover(pair: TriedPair, names: Mapping[str, str]) -> str:
    people = "nobody" if pair.people_rating is None else number(pair.people_rating, digits=0)
    return (
        f"<b>{plain(names.get(pair.concept, pair.concept))}</b>, {pair.arm}<br>"
        f"old {number(pair.old_rating, digits=1)}, new {number(pair.new_rating, digits=1)}, people {people}"
    )


def trial_table(pairs: Sequence[TriedPair], *, names: Mapping[str, str]) -> Table:
    """One row a pair."""
    ratings = ("old rating (1-5)", "new rating (1-5)", "people's rating (1-5)")
    rows = (
        (p.concept, names.get(p.concept, p.concept), p.sample_id, p.arm, p.old_rating, p.new_rating, p.people_rating)
        for p in pairs
    )
    return table(("concept", "name", "sample", "arm", *ratings), rows)
