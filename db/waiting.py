"""How a process that waits for the database lets its holder know.

DuckDB's lock tells a holder nothing about who waits, and giving the database up costs about as much as a query, so a holder
that yields by the clock either starves its peers or wastes its time. A waiter therefore takes a shared `flock` on an empty
side file, and the holder learns by trying the exclusive one. The system drops the lock of a killed process. Where `flock`
does not work, nobody is ever seen waiting, and the holder's longest hold is what lets peers in.
"""

import os
import sys
from pathlib import Path

if sys.platform != "win32":
    import fcntl


class WaitingLine:
    """The side file of one database, as one process uses it: either it waits or it asks whether others do."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._descriptor: int | None = None

    def join(self) -> None:
        """Show that this process waits; joining again, or where locks do not work, does nothing."""
        self._lock(exclusive=False)

    def someone_waits(self) -> bool:
        """Whether another process has joined."""
        refused = self._lock(exclusive=True)
        self.leave()
        return refused

    def leave(self) -> None:
        """Stop waiting: closing the file drops its lock."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _lock(self, *, exclusive: bool) -> bool:
        """Try for the lock; True when it is refused because another process has it."""
        if sys.platform == "win32":
            return False
        try:
            if self._descriptor is None:
                self._descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            fcntl.flock(self._descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False
