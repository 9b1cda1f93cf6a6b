"""The way to a study's database: `connect` to read, `transaction` to write, `create_study` to begin.

Borrow late and give back soon: no cursor is held while a model or a judge works, for every other process waits meanwhile.
How processes take turns is told in `lending`. Never open the database file by other means in a process that uses it: closing
any descriptor of the file silently drops DuckDB's lock.
"""

import atexit
import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from db import failures
from db.errors import ExpectedError, StudyFull, StudyUnreadable
from db.lending import Lender
from db.opening import open_database
from db.patience import patience
from db.stopping import stoppable

DATABASE = "study.duckdb"

_lenders: dict[Path, Lender] = {}
_followed: dict[Path, Lender] = {}
"""By the folder as it was named: to follow a name anew takes longer than many a question."""
_lenders_lock = threading.Lock()
_inherited: dict[Path, Lender] = {}


def create_study(folder: Path) -> None:
    """Make a folder with an empty study; does nothing where a study is already.

    Raises StudyUnreadable when the folder cannot be made or written to, StudyFull when the disk is full.
    """
    file = folder / DATABASE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        exists = file.exists()
    except OSError as error:
        raise _unwritable(folder, error) from error
    if not exists:
        _make_database(file)


@contextmanager
def connect(folder: Path, *, wait_s: float | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """Lend a cursor on the study's database, in autocommit; for reading.

    Raises StudyMissing, StudyUnreadable, StudyFull, or StudyLocked when another process keeps the database for `wait_s`
    seconds, else for as long as this process is patient.
    """
    lender = _lender(folder)
    with stoppable():
        cursor = lender.borrow(patience(wait_s))
    broken = False
    try:
        with stoppable(cursor):
            yield cursor
    except duckdb.Error as error:
        broken = failures.breaks_connection(error)
        if told := failures.in_use(error):
            raise told from error
        raise
    finally:
        lender.give_back(cursor, broken=broken)


@contextmanager
def transaction(folder: Path, *, wait_s: float | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """Lend a cursor inside a transaction that is committed at the end, and rolled back on any exception.

    Transactions of one process run one after the other, so that two threads that add the same row never conflict.
    Raises what `connect` raises.
    """
    with connect(folder, wait_s=wait_s) as cursor, _only_writer(folder, wait_s=patience(wait_s).wait_s):
        cursor.execute("begin")
        try:
            yield cursor
            # COMMIT after a failed statement that the caller swallowed would report success and keep nothing.
            cursor.execute("select 1")
            cursor.execute("commit")
            _lender(folder).n_written += 1
        except BaseException:
            # A commit that failed has rolled back already, and a broken connection has nothing to roll back.
            with suppress(duckdb.Error):
                cursor.execute("rollback")
            raise


def n_written(folder: Path) -> int:
    """How many transactions this process has committed to the study."""
    return _lender(folder).n_written


def files(folder: Path) -> tuple[int, ...]:
    """What changes whenever somebody commits to the study: its files' sizes and times, but for this process's own closing."""
    return _lender(folder).files()


def is_at_hand(folder: Path) -> bool:
    """Whether the study can be read without waiting for another process."""
    return _lender(folder).is_at_hand()


@contextmanager
def _only_writer(folder: Path, *, wait_s: float) -> Iterator[None]:
    lock = _lender(folder).write_lock
    if not lock.acquire(timeout=wait_s):
        raise failures.locked(failures.this_process(), file=folder / DATABASE, wait_s=wait_s)
    try:
        yield
    finally:
        lock.release()


def _lender(folder: Path) -> Lender:
    there = _seen(folder)
    if there is None:
        return _follow(folder)
    lender = _followed.get(folder)
    # A link may lead elsewhere by now, and where it led be another's.
    if lender is None or _seen(lender.file.parent) != there:
        lender = _followed[folder] = _follow(folder)
    return lender


def _seen(folder: Path) -> tuple[int, int] | None:
    """Which folder stands under an absolute name; None where none does, or the name depends on where this process is."""
    if not folder.is_absolute():
        return None
    try:
        there = folder.stat()
    except OSError:
        return None
    return there.st_dev, there.st_ino


def _follow(folder: Path) -> Lender:
    file = _resolve(folder) / DATABASE
    if file in _inherited:
        # DuckDB would hand the child its parent's database, without a lock.
        raise RuntimeError(f"{file} was open when this process was forked; start the process by spawn or forkserver")
    with _lenders_lock:
        if file not in _lenders:
            _lenders[file] = Lender(file)
        return _lenders[file]


def _resolve(folder: Path) -> Path:
    try:
        return folder.resolve()
    except (OSError, RuntimeError) as error:
        # Python before 3.13 raises RuntimeError for links that lead in a circle.
        said = error.strerror if isinstance(error, OSError) else None
        raise StudyUnreadable(
            f"{folder} cannot be followed to a folder: {said or error}.", hint="Name a folder that you may open."
        ) from error


def _make_database(file: Path) -> None:
    """Make the database under another name and link it into place, so that no half-made one is ever seen."""
    draft = file.with_name(f".{DATABASE}.{uuid.uuid4().hex}")
    try:
        connection = open_database(draft)
        connection.execute("checkpoint")
        connection.close()
        _put_in_place(draft, file)
    except duckdb.Error as error:
        raise failures.at_opening(error, file=file) from error
    except OSError as error:
        raise _unwritable(file.parent, error) from error
    finally:
        for left in (draft, draft.with_name(draft.name + ".wal")):
            with suppress(OSError):
                left.unlink(missing_ok=True)


def _put_in_place(draft: Path, file: Path) -> None:
    try:
        os.link(draft, file)
    except FileExistsError:
        return  # another process was first, and its study stands
    except OSError:
        # Some file systems have no links; renaming is as good but for two processes at the same instant.
        if not file.exists():
            draft.rename(file)


def _unwritable(folder: Path, error: OSError) -> ExpectedError:
    if error.errno is not None and "space" in os.strerror(error.errno).lower():
        return StudyFull(f"{folder} has no room left.", hint="Free some space and try again.")
    return StudyUnreadable(
        f"{folder} cannot be written to: {error.strerror or error}.", hint="Choose a writable folder."
    )


def close_all() -> None:
    """Close all databases of this process now, whoever uses them; for its end."""
    for lender in _lenders.values():
        lender.close()


def _start_afresh() -> None:
    """After a fork: forget the parent's lenders, but keep those alive that are open, for closing them would write."""
    global _lenders_lock
    for lender in _lenders.values():
        lender.forget()
    _inherited.update((file, lender) for file, lender in _lenders.items() if lender.is_open)
    _lenders.clear()
    _followed.clear()
    _lenders_lock = threading.Lock()


atexit.register(close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_afresh)
