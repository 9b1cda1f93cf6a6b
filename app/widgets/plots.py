"""The one way in which a chart comes to a screen: in our look, and to take along as PNG, SVG or CSV.

The browser has the chart already, so it makes the images, as large and as light or dark as they are on the screen: nothing
needs to be installed for it, and the server does nothing. The CSV is made when it is asked for.
"""

import re
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any, Final, Literal

import plotly.graph_objects as go
import streamlit as st

from app import context, state
from app.charts.table import Table, as_csv
from app.viewmodels.runs import run_names
from app.widgets import markup

_CONFIG: Final = {"displayModeBar": False, "displaylogo": False}
_NAME_CHARS: Final = 60
_FOLLOWED: Final = "clicks-followed-"
_IMAGES: Final = {"png": "the image as it looks now", "svg": "sharp at any size"}


def draw(
    made: go.Figure,
    *,
    key: str,
    name: str,
    table: Callable[[], Table],
    on_select: Callable[[], None] | Literal["rerun", "ignore"] = "ignore",
    width: Literal["stretch", "content"] = "stretch",
    box_px: int | None = None,
    at: str = "",
) -> Any:
    """Draw a chart with its downloads and return what is selected in it.

    `name` is screen and chart in words, for files and those who hear the screen; `table` gives the numbers behind the chart;
    `box_px` is the height of a box that a long chart scrolls in; `at` says in files' names whose numbers these are, else today.
    """
    with st.container(key=f"plot-{key}", gap=None):
        with nullcontext() if box_px is None else st.container(height=box_px, border=False, key=f"{key}-box"):
            picked = st.plotly_chart(
                made,
                theme=None,
                key=key,
                width=width,
                on_select=on_select,
                selection_mode="points",
                config=_CONFIG,
                alt=f"Chart: {name}. Its numbers are in the CSV beneath it.",
            )
        _downloads(key, table, file_name(name, at))
        if box_px is not None:
            # Else only a mouse could scroll it.
            reach = f"document.querySelector('.st-key-{class_of(key)}-box')?.setAttribute('tabindex', '0')"
            st.html(f"<script>{reach}</script>", unsafe_allow_javascript=True)
    return picked


def fresh(key: str) -> str:
    """A key for a chart whose clicks lead elsewhere: another one after each click that was followed.

    A browser may send once more what was selected, with a part of the screen that it asked for by the clock before it heard
    that the chart has gone. Under the same key the chart would come back with that selection: it would lead away again, or the
    next click on the same dot would be no change.
    """
    n_followed = st.session_state.get(_FOLLOWED + key, 0)
    return f"{key}-after-{n_followed}" if n_followed else key


def follow(key: str, picked: Any) -> Any:
    """What is behind the dot that was clicked, None where none was; to be called once where that leads elsewhere."""
    points = picked["selection"]["points"] if picked else []
    named = next((point["customdata"] for point in points if point.get("customdata")), None)
    if named is not None:
        st.session_state[_FOLLOWED + key] = st.session_state.get(_FOLLOWED + key, 0) + 1
    return named


def open_concept(key: str, picked: Any) -> None:
    """Go to the concept whose dot was clicked, if one was."""
    named = follow(key, picked)
    if named is not None:
        concept = named[0] if isinstance(named, list | tuple) else named
        st.switch_page("screens/concept.py", query_params=state.link(concept=concept))


def file_name(name: str, at: str = "") -> str:
    """Study, run where there are several, screen, chart and time, without an ending, for any file system."""
    here = context.current()
    # What is frozen is of its own run, not of the one on screen.
    run = run_names(here.runs)[here.run.run_id] if len(here.runs) > 1 and not at else ""
    when = at or f"{datetime.now(UTC):%Y-%m-%d}"
    return "_".join(filter(None, map(_plain, (here.folder.resolve().name, run, name, when))))


def _plain(text: str) -> str:
    return re.sub(r"[^\w.]+", "-", text)[:_NAME_CHARS].strip("-._")


def _downloads(key: str, table: Callable[[], Table], file: str) -> None:
    with st.popover("Download", icon=":material/download:", type="tertiary", key=f"take-{key}"):
        st.html(_buttons(key, file))
        st.download_button(
            "CSV: the underlying numbers",
            data=lambda: as_csv(table()),
            file_name=f"{file}.csv",
            mime="text/csv",
            key=f"csv-{key}",
            on_click="ignore",
            type="tertiary",
        )
        st.html(f"<script>{_LISTEN}</script>", unsafe_allow_javascript=True)


def class_of(key: str) -> str:
    """As Streamlit makes a class of a key."""
    return re.sub(r"[^a-zA-Z0-9_-]", "-", key.strip())


def _buttons(key: str, file: str) -> str:
    chart = class_of(key)
    buttons = "".join(
        f'<button type="button" data-lg-image="{form}" data-chart="st-key-{chart}" data-file="{markup.text(file)}">'
        f"{form.upper()}: {what}</button>"
        for form, what in _IMAGES.items()
    )
    return f'<div class="lg-images">{buttons}<output role="status"></output></div>'


# Streamlit's part that draws charts leaves plotly in the window. On screen a chart has no ground of its own; in a file it has
# the page's.
_LISTEN: Final = """(() => {
  if (window.lensgapImages) return;
  window.lensgapImages = true;
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("button[data-lg-image]");
    if (!button) return;
    const said = button.parentElement.querySelector("output");
    const { lgImage: format, chart, file: filename } = button.dataset;
    const drawn = document.querySelector(`.${CSS.escape(chart)} .js-plotly-plot`);
    try {
      const page = getComputedStyle(document.documentElement).getPropertyValue("--lg-page").trim();
      const { width, height } = drawn._fullLayout;
      const figure = { data: drawn.data, layout: { ...drawn.layout, width, height, paper_bgcolor: page } };
      await window.Plotly.downloadImage(figure, { format, filename, width, height, scale: format === "png" ? 2 : 1 });
    } catch (error) {
      said.textContent = "The browser could not make the image.";
    }
  });
})()"""
