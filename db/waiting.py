"""How the processes on one database keep apart, and how one that waits lets the holder know.

DuckDB reads the headers of a file, which name its latest state, *before* it asks for the file's lock, and does not look again.
A process that stands still between the two, while another folds its log into the file and closes it, goes on from the state
before: what the other had acknowledged is gone. So a process opens the database only in its turn, which it has from
before DuckDB's first look until the file is closed.

DuckDB's lock tells a holder nothing about who waits either, and giving the database up costs about as much as a query, so a
holder that yields by the clock either starves its peers or wastes its time. A waiter therefore shares a lock on an empty side
file, and the holder learns by trying for the whole one. Where such locks do not work, nobody is ever seen waiting, and the
holder's longest hold is what lets peers in.
"""

import os
from pathlib import Path

from db.side_lock import SideLock


class Turn:
    """The right to have one database open, which one process has at a time."""

    def __init__(self, file: Path) -> None:
        self._lock = SideLock(file)

    def take(self) -> bool:
        """Try for the turn; False while another process has it."""
        return self._lock.take(exclusive=True)

    def sign(self) -> None:
        """Say that this process has the database open, for those who are refused."""
        self._lock.sign(str(os.getpid()))

    def end(self) -> None:
        """Let others have their turn."""
        self._lock.sign("")
        self._lock.give_up()

    def holder(self) -> int | None:
        """The process that has the database open, as far as it signed."""
        text = self._lock.signature()
        return int(text) if text.isascii() and text.isdigit() else None

    def forget(self) -> None:
        """In a forked child: leave the turn to the parent."""
        self._lock.forget()


class WaitingLine:
    """The waiters of one database, as one process sees them: either it waits or it asks whether others do."""

    def __init__(self, file: Path) -> None:
        self._lock = SideLock(file)

    def join(self) -> None:
        """Show that this process waits; joining again, or where locks do not work, does nothing."""
        self._lock.take(exclusive=False)

    def someone_waits(self) -> bool:
        """Whether another process has joined."""
        refused = not self._lock.take(exclusive=True)
        self.leave()
        return refused

    def leave(self) -> None:
        """Stop waiting."""
        self._lock.give_up()

    def forget(self) -> None:
        """In a forked child: leave the place in the line to the parent."""
        self._lock.forget()
