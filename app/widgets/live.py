"""What anyone writes shows on every open screen: a look every 0.4 s, which costs two file stats while nothing has changed.

A person's rating draws the screen anew at once. Work of the stages does so at most every few seconds, for a run writes all the
time, and charts that jump cannot be read.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import streamlit as st

from app import data, state
from db.errors import ExpectedError

LOOK_S: Final = 0.4
WORK_S: Final = 15.0
_DRAWN: Final = "drawn-as-of"
_ANEW: Final = "drawn-anew"


class Drawn(NamedTuple):
    """What the study held when this screen was last drawn, and when that was."""

    change: data.Change
    at: float


@contextmanager
def watch(folder: Path) -> Iterator[None]:
    """Draw the screen within anew when somebody rates, or a stage has written.

    The looks begin once it is drawn: a browser sends along with each what all widgets were at that moment, and in the middle of
    a drawing some are not yet what the script has made of them.
    """
    st.session_state[_DRAWN] = Drawn(data.load_change(folder), time.monotonic())
    yield
    # Not where the drawing was broken off, for then another one begins.
    st.fragment(_look, run_every=LOOK_S)(folder)


def _look(folder: Path) -> None:
    drawn: Drawn = st.session_state[_DRAWN]
    try:
        if data.file_state(folder) == drawn.change.seen:
            return
        change = data.load_change(folder)
    except (ExpectedError, OSError):
        # A study that is busy or gone is told by the screen when it is next drawn.
        return
    if is_news(drawn, change, now=time.monotonic()):
        st.session_state[_ANEW] = True
        # The browser may have asked for this look before it heard of the last step, which would be taken back.
        state.catch_up()
        st.rerun()
    if change == drawn.change:
        st.session_state[_DRAWN] = drawn._replace(change=change)


def drew_anew() -> bool:
    """Whether the screen is drawn because somebody else wrote, not because a person is at it; told once."""
    return bool(st.session_state.pop(_ANEW, False))


def is_news(drawn: Drawn, change: data.Change, *, now: float) -> bool:
    """Whether a change is worth another drawing now."""
    return change.last_rating != drawn.change.last_rating or (
        change.work != drawn.change.work and now - drawn.at >= WORK_S
    )
