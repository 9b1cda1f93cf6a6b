"""Whoever waits goes first: while a press is answered, runs of the script that the server asked for stand still.

Scripts of one process take the interpreter from each other, and after a rating every open screen is drawn anew. Such a run waits
between two messages of its own, where Streamlit itself would stop it, and never for long, for news is due within a second.
"""

import threading
import time
from collections.abc import Callable
from typing import Final

STANDS_S: Final = 0.4
"""From its beginning on, a run stands still no longer."""
GLANCE_S: Final = 0.02
"""Between two looks whether somebody has pressed something on the page itself."""


class Precedence:
    """The sessions whose runs somebody waits for, and since when each of the others runs."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._awaited: set[str] = set()
        self._began: dict[str, float] = {}

    def begin(self, session: str, *, is_awaited: bool) -> None:
        """A run of this session's script begins, that somebody waits for or not."""
        self.end(session)
        with self._changed:
            if is_awaited:
                self._awaited.add(session)
            else:
                self._began[session] = time.monotonic()

    def end(self, session: str) -> None:
        """A session's run has ended, however it did."""
        with self._changed:
            self._began.pop(session, None)
            self._awaited.discard(session)
            self._changed.notify_all()

    def stand_aside(self, session: str, *, is_wanted: Callable[[], bool]) -> None:
        """Wait while others are awaited, if this session's run is not; `is_wanted` is whether its own person waits by now."""
        began = self._began.get(session)
        if began is None or not self._awaited:
            return
        with self._changed:
            while self._awaited and (left := began + STANDS_S - time.monotonic()) > 0.0 and not is_wanted():
                self._changed.wait(min(left, GLANCE_S))
