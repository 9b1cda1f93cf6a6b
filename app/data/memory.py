"""Answers that stay true until a stage writes more, kept between the runs of a script and shared by all its readers.

Counting a million verdicts takes a second, and every click runs the script again. What a stage wrote is told apart by row
counts, which the database answers at once; and they are asked for only when its files have changed, for opening the database
takes longer than all that a click needs. Values are immutable and keys few.

A run that writes on makes every answer old within a second. So one that was slow to make is shown as it was, while a thread makes
it anew, though not more often than pays; screens see that as one more thing that was written (`load_change`).
"""

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from db import connect, query
from db.errors import ExpectedError

T = TypeVar("T")
_AT_MOST: Final = 64
_SLOW_S: Final = 0.1
"""Time of the processor, for a busy machine must not decide what is shown."""
_PAYS_AFTER: Final = 20.0
"""A slow answer serves for so many times as long as it took, though stages write on meanwhile."""
_LONGEST_S: Final = 60.0
"""No answer waits longer to be made anew."""

_kept: dict[tuple[Path, Hashable], "_Kept"] = {}
_as_files: dict[tuple[Path, Hashable], tuple[tuple[int, ...], Any]] = {}
_renewed: dict[Path, int] = {}
_making: dict[tuple[Path, Hashable], threading.Lock] = {}
"""One for each answer that was made, so that many who ask at once have it made once."""
_renewing: Final = threading.Lock()
_turn: Final = threading.Lock()
"""Answers are made anew one after the other, for several would take the readers' time."""


@dataclass(slots=True)
class _Kept:
    """A value, the work that it rests on, what making it took, and whether a newer one is under way."""

    work: tuple[Any, ...]
    also: Hashable
    value: Any
    made_at: float = field(default_factory=time.monotonic)
    wall_s: float = 0.0
    cpu_s: float = 0.0
    is_renewed: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """How far a study has come: what the stages wrote, as numbers to compare, and the latest rating's number."""

    work: tuple[Any, ...]
    last_rating: int


def work_done(folder: Path) -> tuple[Any, ...]:
    """What the stages have written, as numbers to compare; with the identity of the file, for a study may be replaced."""

    def work() -> tuple[Any, ...]:
        with connect(folder) as cursor:
            counts = cursor.execute(query("changes.work")).fetchone() or ()
        return (*counts, (folder / "study.duckdb").stat().st_ino)

    return unchanged(folder, "work", work)


def load_last_rating(folder: Path) -> int:
    """The latest rating's number, 0 before the first."""

    def last() -> int:
        with connect(folder) as cursor:
            return int((cursor.execute(query("changes.last_rating")).fetchone() or (0,))[0])

    return unchanged(folder, "last rating", last)


def load_change(folder: Path) -> Change:
    """How far the study has come by now; answers that were made anew count as work."""
    return Change((*work_done(folder), _renewed.get(folder, 0)), load_last_rating(folder))


def file_state(folder: Path) -> tuple[int, ...]:
    """What changes whenever a screen may have news: the database's files, and answers that were made anew."""
    return (*_files(folder), _renewed.get(folder, 0))


def _files(folder: Path) -> tuple[int, ...]:
    """Sizes and times of the database's files, which nobody can write to without changing them; reads them not."""
    state: tuple[int, ...] = ()
    for name in ("study.duckdb", "study.duckdb.wal"):
        try:
            stat = (folder / name).stat()
        except OSError:
            continue
        state += (stat.st_ino, stat.st_size, stat.st_mtime_ns)
    return state


def unchanged(folder: Path, key: Hashable, compute: Callable[[], T]) -> T:
    """The value of this key, computed only where nobody has written to the study since; for what is quick to ask."""
    # Looked at before asking: what is written in between is asked for once more.
    files = _files(folder)
    found = _as_files.get((folder, key))
    if found is not None and files and found[0] == files:
        return found[1]  # type: ignore[no-any-return]
    value = compute()
    _as_files.pop((folder, key), None)
    _as_files[folder, key] = (files, value)
    while len(_as_files) > _AT_MOST:
        _as_files.pop(next(iter(_as_files)), None)
    return value


def remembered(folder: Path, key: Hashable, compute: Callable[[], T], *, also: Hashable = None) -> T:
    """The value of this key as of the work done by now; a slow one may be as of shortly before, while it is made anew.

    `also` is what else it rests on, ratings for instance, of which it is always as of now.
    """
    work = work_done(folder)
    found = _kept.get((folder, key))
    if found is not None and found.also == also:
        if found.work == work:
            return found.value  # type: ignore[no-any-return]
        if found.cpu_s > _SLOW_S and found.work[-1] == work[-1]:
            _renew_later(folder, key, found, compute)
            return found.value  # type: ignore[no-any-return]
    with _making.setdefault((folder, key), threading.Lock()):
        found = _kept.get((folder, key))
        if found is not None and found.work == work and found.also == also:
            return found.value  # type: ignore[no-any-return]
        return _make(folder, key, work, also, compute)


def _make(folder: Path, key: Hashable, work: tuple[Any, ...], also: Hashable, compute: Callable[[], T]) -> T:
    wall, cpu = time.perf_counter(), time.thread_time()
    value = compute()
    kept = _Kept(work, also, value, wall_s=time.perf_counter() - wall, cpu_s=time.thread_time() - cpu)
    _kept.pop((folder, key), None)
    _kept[folder, key] = kept
    while len(_kept) > _AT_MOST:
        oldest = next(iter(_kept))
        _kept.pop(oldest, None)
        _making.pop(oldest, None)
    return value


def _renew_later(folder: Path, key: Hashable, found: _Kept, compute: Callable[[], Any]) -> None:
    """Have a thread make the value anew as soon as that pays, unless one is about to."""
    with _renewing:
        if found.is_renewed:
            return
        found.is_renewed = True
    due = found.made_at + min(_LONGEST_S, _PAYS_AFTER * found.wall_s) - time.monotonic()
    timer = threading.Timer(max(0.0, due), _renew, (folder, key, found, compute))
    timer.daemon = True
    timer.start()


def _renew(folder: Path, key: Hashable, old: _Kept, compute: Callable[[], Any]) -> None:
    try:
        with _turn:
            # Whoever made it meanwhile, since what it rests on beside the work has changed, has made it as of now.
            if _kept.get((folder, key)) is not old:
                return
            _make(folder, key, work_done(folder), old.also, compute)
    except (ExpectedError, OSError):
        # A study that is busy or gone: whoever asks next has it tried again.
        old.is_renewed = False
        return
    note_renewed(folder)


def note_renewed(folder: Path) -> None:
    """Let screens know that something was made anew."""
    with _renewing:
        _renewed[folder] = _renewed.get(folder, 0) + 1
