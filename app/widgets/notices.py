"""Calm sentences where something is missing or went wrong; never a traceback."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import streamlit as st

from app import state
from app.widgets import markup
from db.errors import ExpectedError, StudyLocked

TO_RUNS: Final = ("Continue it under Runs", "runs")
"""Where a run is begun and gone on with."""
_LOOK_S: Final = 2.0


def empty(
    title: str, sentence: str, *, command: str | None = None, icon: str = "○", to: tuple[str, str] | None = None
) -> None:
    """An empty state: what is missing, and what to do; `to` is a link that leads there, by its words and its screen."""
    code = f"<code>{markup.text(command)}</code>" if command else ""
    st.html(
        f'<div class="lg-empty"><div class="lg-empty-icon">{icon}</div><h3>{markup.text(title)}</h3>'
        f"<p>{markup.text(sentence)}</p>{code}</div>"
    )
    if to is not None:
        label, screen = to
        st.page_link(f"screens/{screen}.py", label=label, query_params=state.link())


def told(error: ExpectedError) -> None:
    """An expected error as a title and one sentence."""
    empty(error.title, str(error), icon="!")
    st.button("Try again", key="try-again", width="content")


@contextmanager
def expected_errors(is_free: Callable[[], bool]) -> Iterator[None]:
    """Show an expected error in place of what could not be drawn, and end the run of the script there.

    Where another process has the study, the screen is drawn as soon as it `is_free`.
    """
    try:
        yield
    except ExpectedError as error:
        told(error)
        if isinstance(error, StudyLocked):
            st.fragment(_look, run_every=_LOOK_S)(is_free)
        st.stop()


def _look(is_free: Callable[[], bool]) -> None:
    if is_free():
        st.rerun()


def note(sentence: str, *, command: str | None = None) -> None:
    """A muted line of our own words, and the command that helps."""
    code = f" <code>{markup.text(command)}</code>" if command else ""
    st.html(f'<p class="lg-note">{markup.text(sentence)}{code}</p>')


def warning(sentence: str) -> None:
    """A line that should not be missed."""
    st.html(f'<p class="lg-warning" role="alert">{markup.text(sentence)}</p>')


def heading(title: str, *, help_text: str | None = None) -> None:
    """A section's title with an explanation on hover."""
    hint = f'<span class="lg-hint" tabindex="0" title="{markup.text(help_text)}">?</span>' if help_text else ""
    st.html(f'<h4 class="lg-heading">{markup.text(title)}{hint}</h4>')
