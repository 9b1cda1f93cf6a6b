"""A frozen snapshot as a story: one finding a page, keys to turn it, notes for who speaks, and files to take along."""

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import plotly.graph_objects as go
import streamlit as st

from app import auth, state, theme
from app.charts.shared import figure_table
from app.context import Context
from app.data import snapshots
from app.data.snapshots import Slide, Snapshot
from app.widgets import live, notices, plots
from app.widgets.slides import block_html, heading_html, place
from db.errors import ExpectedError
from engine.figures.palette import DARK

# The story has the whole window: what leads to other screens comes back with the list.
_FULL: Final = (
    '[data-testid="stSidebar"],[data-testid="stMainMenu"],[data-testid="stExpandSidebarButton"],[data-testid="stSidebarCollapsedControl"]'
    "{display:none!important}"
)
# A browser lets only a person's own click or key do this, so it cannot wait for the server.
_WHOLE_SCREEN: Final = """(() => {
  if (window.lensgapFull) return;
  window.lensgapFull = true;
  const turn = () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else document.documentElement.requestFullscreen().catch(() => {});
  };
  document.addEventListener("click", (event) => { if (event.target.closest?.(".lg-full")) turn(); });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, [contenteditable]");
    const alone = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (event.key.toLowerCase() === "f" && alone && !typing && document.querySelector(".lg-full")) turn();
  });
  // The key that closes the story first leaves a note, which stores it.
  window.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.target.tagName !== "TEXTAREA") return;
    event.stopImmediatePropagation();
    event.target.blur();
  }, { capture: true });
})()"""
_UNNAMED: Final = "unnamed"


def story(here: Context, snapshot: Snapshot) -> None:
    """Draw the page that the address names."""
    st.html(f"<style>{_FULL}</style>")
    st.html(f"<script>{_WHOLE_SCREEN}</script>", unsafe_allow_javascript=True)
    slides = snapshots.load_slides(here.folder, snapshot.snapshot_id)
    names = [str(slide["name"]) for slide in slides]
    at = place(names, state.given("slide"))
    _bar(names, at)
    with st.container(key="story-page"):
        _page(slides[at], snapshot, is_first=at == 0)
    _notes(here.folder, snapshot, names[at], number=at + 1)
    _files(here.folder, snapshot)


def _bar(names: Sequence[str], at: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="story-bar"):
        st.button(
            "All snapshots",
            key="story-close",
            icon=":material/close:",
            type="tertiary",
            shortcut="Esc",
            on_click=state.change,
            kwargs={"snapshot": None, "slide": None},
        )
        st.html(f'<span class="lg-note">Page {at + 1} of {len(names)}</span>', width="stretch")
        st.html(
            '<button type="button" class="lg-full" title="Fill the whole screen, or leave it again">Full screen '
            "<kbd>F</kbd></button>",
            width="content",
        )
        _turn("Previous", "Left", names[at - 1] if at else None)
        _turn("Next", "Right", names[at + 1] if at + 1 < len(names) else None)


def _turn(label: str, key: str, to: str | None) -> None:
    # The key names the page that is turned to: a press that comes late turns to where it was meant to.
    st.button(
        label,
        key=f"story-{label}-{to}",
        shortcut=key,
        disabled=to is None,
        on_click=state.change,
        kwargs={"slide": to},
    )


def _page(slide: Slide, snapshot: Snapshot, *, is_first: bool) -> None:
    st.html(f'<div class="lg-story">{heading_html(slide, frozen=snapshot.frozen, is_first=is_first)}</div>')
    for number, block in enumerate(slide["blocks"]):
        if block["kind"] == "chart":
            _chart(block["content"], snapshot, key=f"{slide['name']}-{number}")
        else:
            st.html(f'<div class="lg-story">{block_html(block)}</div>')


def _chart(chart: dict[str, Any], snapshot: Snapshot, *, key: str) -> None:
    is_dark = theme.palette() is DARK
    figure = go.Figure(chart["dark" if is_dark else "light"], skip_invalid=True)
    plots.draw(
        figure,
        key=f"story-{key}-{is_dark}",
        name=f"present {chart['title']}",
        table=lambda: figure_table(figure),
        at=f"{snapshot.name} {snapshot.frozen_at:%Y-%m-%d}",
    )
    notices.note(chart["caption"])


def _notes(folder: Path, snapshot: Snapshot, slide: str, *, number: int) -> None:
    written = snapshots.load_notes(folder, snapshot.snapshot_id).get(slide, "")
    key = f"note-{snapshot.snapshot_id}-{slide}"
    seen = f"{key}-seen"
    # When others have the screen drawn, the field may hold what is being typed and did not come yet.
    is_untouched = st.session_state.get(key) == st.session_state.get(seen) and not live.drew_anew()
    if key not in st.session_state or is_untouched:
        st.session_state[key] = st.session_state[seen] = written

    @auth.members_only
    def keep() -> None:
        mine = str(st.session_state[key])
        try:
            kept = snapshots.add_note(
                folder,
                snapshot.snapshot_id,
                slide=slide,
                note=mine,
                seen=st.session_state[seen],
                by=state.reviewer() or _UNNAMED,
                note_id=uuid.uuid4().hex,
            )
        except ExpectedError as error:
            st.session_state["note-fault"] = f"The note was not stored. {error}"
            return
        st.session_state[key] = st.session_state[seen] = kept
        if kept != mine:
            st.session_state["note-fault"] = "Somebody else changed this note meanwhile. It now holds both texts."

    with st.expander(f"Speaker notes for page {number}{' ·' if written else ''}", key="story-notes"):
        st.text_area(
            "Notes",
            key=key,
            on_change=keep,
            label_visibility="collapsed",
            placeholder="What you want to say here. Saved when you leave the field.",
        )
    if fault := st.session_state.pop("note-fault", None):
        notices.warning(fault)


def _files(folder: Path, snapshot: Snapshot) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="story-files"):
        for label, name, make in (
            ("Slides as HTML", "slides", lambda: snapshots.slides_file(folder, snapshot)),
            ("Report as HTML", "report", lambda: snapshots.report_file(folder, snapshot.snapshot_id)),
        ):
            st.download_button(
                label,
                data=make,
                file_name=f"lensgap-{name}-{snapshot.snapshot_id}.html",
                mime="text/html",
                key=f"story-file-{name}",
                on_click="ignore",
                icon=":material/download:",
                type="tertiary",
                help="A single file with the frozen numbers. Works offline.",
            )
