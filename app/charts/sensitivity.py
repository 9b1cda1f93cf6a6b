"""What a ceiling would be if one assumption were another, with its interval, the floor, and where the reader's setting is."""

from typing import Final

import plotly.graph_objects as go

from app.charts.table import Table, table
from engine.figures.base import figure, translucent
from engine.figures.palette import Palette
from engine.stats.ceiling_sensitivity import Sweep

TITLES: Final = {
    "stability": "Stability s",
    "k": "Cut-off k",
    "prevalence": "Share of positives",
}


def sensitivity(sweep: Sweep, *, at: float | None, colours: Palette, height: int) -> go.Figure:
    """A line with its 95 % band; the dotted line below is the F1 of always answering yes."""
    made = figure(colours, height=height, showlegend=False)
    x = list(sweep.x)
    if sweep.low:
        made.add_trace(
            go.Scatter(
                x=[*x, *x[::-1]],
                y=[*sweep.high, *sweep.low[::-1]],
                mode="lines",
                line={"width": 0},
                fill="toself",
                fillcolor=translucent(colours.accent, 0.14),
                hoverinfo="skip",
            )
        )
    mode = "lines+markers" if sweep.of == "k" else "lines"
    texts = [
        f"{TITLES[sweep.of]} {one:g}: {value:.2f} [{low:.2f}, {high:.2f}]"
        for one, value, low, high in zip(x, sweep.value, sweep.low, sweep.high, strict=True)
    ]
    line = {"width": 2, "color": colours.accent}
    made.add_trace(go.Scatter(x=x, y=sweep.value, mode=mode, line=line, hovertext=texts, hoverinfo="text"))
    floor = {"width": 1.2, "dash": "dot", "color": colours.muted}
    made.add_trace(
        go.Scatter(
            x=x, y=sweep.floor, mode="lines", line=floor, hovertemplate="always answering yes: %{y:.2f}<extra></extra>"
        )
    )
    if at is not None:
        made.add_vline(x=at, line={"width": 1.3, "dash": "dash", "color": colours.warning})
    ticks = {"tickvals": [1, 2, 3, 4]} if sweep.of == "k" else {"dtick": 0.25, "tick0": 0}
    made.update_xaxes(title=TITLES[sweep.of], zeroline=False, showgrid=False, **ticks)
    made.update_yaxes(title="F1 ceiling", range=[0, 1.03], tickformat=".1f", dtick=0.2, zeroline=False)
    return made


def sensitivity_table(sweep: Sweep) -> Table:
    """One row a value of what is assumed."""
    columns = (
        TITLES[sweep.of],
        f"F1 ceiling by {sweep.model}",
        "low end of 95 % interval",
        "high end of 95 % interval",
    )
    ends = (sweep.low, sweep.high) if sweep.low else ((None,) * len(sweep.x),) * 2
    rows = zip(sweep.x, sweep.value, *ends, sweep.floor, strict=True)
    return table((*columns, "F1 of always answering yes"), rows)
