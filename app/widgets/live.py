"""What anyone writes shows on every open screen, without anybody's asking: the server has those drawn anew that are behind."""

import threading
import time
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import streamlit as st

from app import data, push, state
from app.news import Drawn, Page, Watch

_WITHOUT_GAPS: Final = frozenset({"pack", "present", "rubric_lab", "runs", "team"})
"""Screens on which a rating moves no gap, ceiling or target."""
_watches: Final[dict[Path, Watch]] = {}
_lock: Final = threading.Lock()


@contextmanager
def watch(folder: Path, screen: str) -> Iterator[None]:
    """Have the screen within, by its name in addresses, drawn anew when somebody rates, or a stage has written."""
    session = push.here()
    if session is None:
        yield
        return
    watch = _watch(folder)
    drawn = Drawn(data.load_change(folder), time.monotonic())
    watch.begin(session, Page(drawn, st.session_state[state.RUN], shows_gaps=screen not in _WITHOUT_GAPS))
    watch.start()
    yield
    watch.end(session)


def redraw_when_ready(folder: Path, key: Hashable) -> None:
    """Have this screen drawn anew once an answer that is worked out beside it has come."""
    session = push.here()
    if session is not None:
        _watch(folder).wait_for(session, key)


def drew_anew() -> bool:
    """Whether the screen is drawn because somebody else wrote, not because a person is at it."""
    return push.is_asked_for()


def _watch(folder: Path) -> Watch:
    with _lock:
        return _watches.setdefault(folder, Watch(folder, push.ask, push.await_end))
