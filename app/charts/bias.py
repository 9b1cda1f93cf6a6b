"""How far one rater lies above another, arm by arm, around a line at no bias."""

from collections.abc import Sequence

import plotly.graph_objects as go

from app.kept import kept
from engine.figures.dots import Series, interval_dots
from engine.figures.palette import Palette


@kept
def bias_dots(names: Sequence[str], series: Sequence[Series], *, colours: Palette) -> go.Figure:
    """One row a pair of raters, top down."""
    made = interval_dots(names, series, title="Bias (rating points), 95 % interval", colours=colours)
    made.add_vline(x=0, line={"width": 1, "color": colours.muted})
    return made
