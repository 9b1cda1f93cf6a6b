"""Turns what DuckDB says went wrong into the few errors that a user is told.

DuckDB has one exception class for a lock, a full disk and a damaged file, so the text decides. An error that is none of
these is a fault of ours and passes through unchanged.
"""

import os
import re
from pathlib import Path

import duckdb

from db.errors import ExpectedError, StudyFull, StudyLocked, StudyShort, StudyUnreadable

_FULL = re.compile(r"no space left|file too large|disk quota exceeded|out of disk|there is not enough space", re.I)
_DAMAGED = re.compile(r"corrupt|checksum|not a valid duckdb|deserializ|serialization error|could not read", re.I)
_OUR_FAULTS = duckdb.ProgrammingError | duckdb.DataError | duckdb.IntegrityError
_HOLDER = re.compile(r"held in (?P<program>.*?) \(PID (?P<pid>\d+)\)")


def is_lock(error: duckdb.Error) -> bool:
    """Whether another process holds the database's lock."""
    return isinstance(error, duckdb.IOException) and "Could not set lock on file" in str(error)


def is_interrupt(error: RuntimeError | duckdb.Error) -> bool:
    """Whether a statement ended because the process was asked to stop."""
    asked = type(error) is RuntimeError and str(error) == "Query interrupted"
    return asked or isinstance(error, duckdb.InterruptException)


def breaks_connection(error: BaseException) -> bool:
    """Whether nothing more can be done on the connection that raised this, so that it must be reopened."""
    return isinstance(error, duckdb.FatalException | duckdb.InternalException)


def in_use(error: duckdb.Error) -> ExpectedError | None:
    """The told error for a failure of a statement, or None when the failure is a fault of ours."""
    text = _first_line(error)
    if isinstance(error, duckdb.OutOfMemoryException):
        return StudyShort(
            "The current requests to the study need more memory than its database may use.",
            hint="Try again in a moment.",
        )
    if _FULL.search(text):
        return StudyFull(f"The study could not be written: {text}.", hint="Free some space and run it again.")
    return _damaged(text) if _DAMAGED.search(text) and not isinstance(error, _OUR_FAULTS) else None


def at_opening(error: duckdb.Error, *, file: Path) -> ExpectedError:
    """The told error for a database file that could not be opened."""
    text = _first_line(error)
    if _FULL.search(text):
        return StudyFull(f"{file.parent} has no room left: {text}.", hint="Free some space and try again.")
    if re.search(r"permission denied|read-only file system|not a directory|no such file", text, re.I):
        return StudyUnreadable(f"{file} cannot be opened for writing: {text}.", hint="Choose a writable folder.")
    return _damaged(text)


def locked(holder: str | None, *, file: Path, wait_s: float) -> StudyLocked:
    """The told error for a database that stayed taken for `wait_s` seconds; it names the holder as far as known."""
    return StudyLocked(
        f"{file} has been in use by {holder or 'another process'} for {wait_s:g} s.",
        hint="Wait until it is done, or stop it, and try again.",
    )


def waiting(holder: str | None, *, file: Path, waited_s: float, longest_s: float) -> str:
    """What is said while a peer has the database and this process waits on."""
    return (
        f"Waiting for {file}: {holder or 'another process of Lensgap'} has had it for {waited_s:g} s. "
        f"Nothing is lost; this goes on for at most {longest_s:g} s."
    )


def this_process() -> str:
    """How a holder is called that is this process."""
    return f"this process itself (PID {os.getpid()})"


def holder(error: duckdb.Error) -> str | None:
    """The holder that DuckDB names when it is refused the lock."""
    match = _HOLDER.search(str(error))
    return match and process(int(match["pid"]), program=match["program"])


def process(pid: int | None, *, program: str | None = None) -> str | None:
    """How a process is called, by its command where the system shows it; None where nothing is known of it."""
    if pid is None:
        return None
    command = _command(pid) or program
    return f"PID {pid} ({command})" if command else f"PID {pid}"


def _damaged(text: str) -> StudyUnreadable:
    return StudyUnreadable(
        f"The study's database is damaged or is no Lensgap study: {text}.",
        hint="Restore the folder from a copy, or start a new study in another folder.",
    )


def _first_line(error: duckdb.Error) -> str:
    return str(error).strip().split("\n")[0].rstrip(".!")


def _command(pid: int) -> str | None:
    """The command line of a process where the system shows it, at most 120 characters."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return None
    words = raw.decode(errors="replace").replace("\0", " ").split()
    return " ".join(words)[:120] or None
