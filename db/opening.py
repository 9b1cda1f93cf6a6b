"""How every database of ours is opened: reaching its own files only, within what the process may take, its schema up to date."""

from pathlib import Path

import duckdb

from db.errors import StudyMissing, StudyUnreadable
from db.migrate import migrate
from db.stopping import stoppable

# Closing folds the log into the file (10 ms at a million pairs); every later opening would replay it (150 ms at 2 MB).
# A study may come from a stranger, whose views could read any file of ours: the database reaches its own files only, and no
# statement can change that.
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "enable_external_access": False,
    "lock_configuration": True,
}

_limits: dict[str, str | bool | int | float | list[str]] = {}


def limit(*, memory: str, threads: int) -> None:
    """Let no database that is opened from now on take more; what exceeds it goes to files beside the study for a while."""
    _limits.update(memory_limit=memory, threads=threads)


def open_database(file: Path) -> duckdb.DuckDBPyConnection:
    """Open a database file with the settings of all studies and bring its schema up to date; creates a missing one.

    Raises duckdb.Error as DuckDB does, and StudyUnreadable for a schema that is not ours or newer.
    """
    connection = duckdb.connect(file, config=_SETTINGS | _limits)
    try:
        with stoppable(connection):
            migrate(connection, file=file)
    except BaseException:
        connection.close()
        raise
    return connection


def open_in_memory() -> duckdb.DuckDBPyConnection:
    """Open a database of this process alone, on as many threads as those in files may take."""
    return duckdb.connect(":memory:", config={name: value for name, value in _limits.items() if name == "threads"})


def require(file: Path) -> None:
    """Raise StudyMissing where there is no such file, StudyUnreadable where that cannot be told."""
    try:
        exists = file.exists()
    except OSError as error:
        raise StudyUnreadable(
            f"{file.parent} cannot be read: {error.strerror or error}.", hint="Name a folder that you may open."
        ) from error
    if not exists:
        raise StudyMissing(
            f"{file.parent} holds no study (no {file.name}).",
            hint="Make one with `lensgap run` or `lensgap demo`, or name another folder.",
        )


def file_state(file: Path) -> tuple[int, ...]:
    """Sizes and times of the database's files, which nobody can write to without changing them; reads them not."""
    state: tuple[int, ...] = ()
    for one in (file, file.with_name(file.name + ".wal")):
        try:
            stat = one.stat()
        except OSError:
            continue
        state += (stat.st_ino, stat.st_size, stat.st_mtime_ns)
    return state


def file_number(file: Path) -> int | None:
    """What tells a file from another one of the same name; None where there is none."""
    try:
        return file.stat().st_ino
    except OSError:
        return None
