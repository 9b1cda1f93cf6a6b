"""What all figures share: type, colours, margins, and how names from a study are written into them."""

import html
import textwrap
from functools import lru_cache
from typing import Any

import plotly.graph_objects as go

from engine.figures.palette import FONT, Palette
from engine.markup import CONTROLS


@lru_cache
def template(colours: Palette) -> go.layout.Template:
    """The plotly template of a theme, which figures copy."""
    axis = {
        "gridcolor": colours.line,
        "linecolor": colours.line,
        "zerolinecolor": colours.line,
        "tickcolor": colours.line,
        "tickfont": {"size": 12, "color": colours.muted},
        "title": {"font": {"size": 12.5, "color": colours.muted}, "standoff": 8},
        "automargin": True,
    }
    return go.layout.Template(
        layout={
            "font": {"family": FONT, "size": 13, "color": colours.text},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
            "hoverlabel": {
                "bgcolor": colours.surface,
                "bordercolor": colours.line,
                "font": {"family": FONT, "size": 12.5, "color": colours.text},
                "align": "left",
            },
            "xaxis": axis,
            "yaxis": axis,
            "dragmode": False,
        }
    )


def figure(colours: Palette, *traces: Any, **layout: Any) -> go.Figure:
    """A figure of our look; each change that is made of it afterwards takes plotly as long as a trace."""
    return go.Figure(list(traces), {"template": template(colours), **layout})


def plain(text: str, *, at_most: int = 60) -> str:
    """A text for a label or hover: escaped, control characters replaced, and cut short with an ellipsis."""
    return _escaped(_visible(text if len(text) <= at_most else text[: at_most - 1] + "…"))


def in_lines(text: str, *, wide: int, n_lines: int = 2) -> str:
    """A text for a label, `plain` but broken into lines of so many characters; an ellipsis ends what is longer still."""
    lines = textwrap.wrap(_visible(text), wide, break_on_hyphens=False)
    if len(lines) > n_lines:
        lines[n_lines - 1 :] = [lines[n_lines - 1][: wide - 1] + "…"]
    return "<br>".join(map(_escaped, lines))


def _visible(text: str) -> str:
    return CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)


def _escaped(text: str) -> str:
    # A text between dollar signs would be read as LaTeX.
    return html.escape(text, quote=False).replace("$", "&#36;")


def translucent(colour: str, opacity: float) -> str:
    """A #rrggbb colour as rgba."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"
