"""How an arm's ratings are spread, positives above negatives on the same axis."""

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from app.charts.table import Table, table
from app.kept import kept
from engine.figures.base import template
from engine.figures.palette import Palette
from engine.stats.histogram import RatingHistogram
from engine.words import RATINGS, number

_COUNT_REACH = 0.25
"""How far from a rating a line passes the count that stands above its bar, in rating points."""


@kept
def rating_histograms(positive: RatingHistogram, negative: RatingHistogram, *, colours: Palette) -> go.Figure:
    """Counts of the ratings 1 to 5 by arm, each arm's mean as a line; both arms have the same scale."""
    made = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.12)
    made.update_layout(template=template(colours), height=300, showlegend=False, bargap=0.25)
    top = max([*positive.counts, *negative.counts, 1]) * 1.25
    for row, (name, arm, colour) in enumerate(
        (("Positives", positive, colours.positive), ("Negatives", negative, colours.negative)), start=1
    ):
        made.add_trace(
            go.Bar(
                x=list(RATINGS),
                y=list(arm.counts),
                marker={"color": colour, "cornerradius": 3},
                text=[str(n) if n else "" for n in arm.counts],
                textposition="outside",
                cliponaxis=False,
                hovertemplate="rated %{x}: %{y} samples<extra></extra>",
            ),
            row=row,
            col=1,
        )
        mean = "" if arm.mean is None else f"<br>mean {number(arm.mean)}"
        made.update_yaxes(title=f"{name}{mean}", range=[0, top], row=row, col=1, showticklabels=False, showgrid=False)
        if arm.mean is not None:
            made.add_shape(
                type="line",
                x0=arm.mean,
                x1=arm.mean,
                y0=0,
                y1=_line_end(arm, arm.mean, top / 1.25),
                line={"width": 1.5, "dash": "dot", "color": colours.text},
                row=row,
                col=1,
            )
    made.update_xaxes(tickvals=list(RATINGS), range=[0.4, 5.6], showgrid=False, tickangle=0)
    made.update_xaxes(
        title="Rating",
        ticktext=[f"1<br>{RATINGS[1].lower()}", "2", "3", "4", f"5<br>{RATINGS[5].lower()}"],
        row=2,
        col=1,
    )
    return made


def _line_end(arm: RatingHistogram, mean: float, highest: int | float) -> float:
    """How high the line of a mean goes: as high as the highest bar, but not through the count above a bar that it crosses."""
    nearest = min(RATINGS, key=lambda rating: abs(rating - mean))
    count = arm.counts[nearest - 1]
    return count if count and abs(nearest - mean) < _COUNT_REACH else highest


def histograms_table(positive: RatingHistogram, negative: RatingHistogram) -> Table:
    """One row an arm and rating."""
    arms = (("positive", positive), ("negative", negative))
    rows = ((name, rating, n) for name, arm in arms for rating, n in zip(RATINGS, arm.counts, strict=True))
    return table(("arm", "rating (1-5)", "pairs"), rows)
