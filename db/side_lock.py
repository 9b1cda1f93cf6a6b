"""A lock on a side file, which the system drops when its process ends, however it ends.

It is a `flock`, so copying or closing the file elsewhere in the process does not drop it, and a forked child has it too until
it forgets it. Where `flock` does not work, every lock is granted: there the database's own lock is all there is.
"""

import contextlib
import os
import sys
from pathlib import Path

if sys.platform != "win32":
    import fcntl


class SideLock:
    """The lock on one side file, as one process has it, waits for it or shares it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._descriptor: int | None = None

    def take(self, *, exclusive: bool) -> bool:
        """Try for the lock; False when another process has it. Taking it again does nothing."""
        if sys.platform == "win32":
            return True
        try:
            if self._descriptor is None:
                self._descriptor = _open(self._file)
            fcntl.flock(self._descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def give_up(self) -> None:
        """Let others have the lock."""
        if self._descriptor is not None and sys.platform != "win32":
            # Closing alone would leave the lock to a child that was forked meanwhile and does not know of it.
            with contextlib.suppress(OSError):
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        self.forget()

    def forget(self) -> None:
        """Close the file, in a forked child: the lock stays its parent's."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def sign(self, text: str) -> None:
        """Write who has the lock, in place of who had it."""
        if self._descriptor is not None:
            # A file that belongs to another user, or a full disk, leaves only the name unknown.
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, 0)
                os.pwrite(self._descriptor, text.encode(), 0)

    def signature(self) -> str:
        """What `sign` wrote last; empty where that cannot be told."""
        try:
            return self._file.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            return ""


def _open(file: Path) -> int:
    flags = os.O_CREAT | os.O_CLOEXEC
    try:
        return os.open(file, os.O_RDWR | flags, 0o666)
    except PermissionError:
        return os.open(file, os.O_RDONLY | flags, 0o666)
