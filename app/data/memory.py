"""Answers that stay true until a stage writes more, kept between the runs of a script and shared by all its readers.

Counting a million verdicts takes a second, and every click runs the script again. What a stage wrote is told apart by row
counts, which the database answers at once. Values are immutable and keys few, so two threads that compute one twice do no harm.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from db import connect, query

T = TypeVar("T")
_AT_MOST: Final = 64

_kept: dict[tuple[Path, Hashable], tuple[tuple[Any, ...], Any]] = {}


def work_done(folder: Path) -> tuple[Any, ...]:
    """What the stages have written, as numbers to compare; with the identity of the file, for a study may be replaced."""
    with connect(folder) as cursor:
        counts = cursor.execute(query("changes.work")).fetchone() or ()
    return (*counts, (folder / "study.duckdb").stat().st_ino)


@dataclass(frozen=True, slots=True)
class Change:
    """How far a study has come: what the stages wrote, as numbers to compare, and the latest rating's number."""

    work: tuple[Any, ...]
    last_rating: int


def load_change(folder: Path) -> Change:
    """How far the study has come by now."""
    with connect(folder) as cursor:
        last = cursor.execute(query("changes.last_rating")).fetchone() or (0,)
        return Change(work_done(folder), int(last[0]))


def file_state(folder: Path) -> tuple[int, ...]:
    """Sizes and times of the database's files, which nobody can write to without changing them; reads them not."""
    stats = [path.stat() for path in (folder / "study.duckdb", folder / "study.duckdb.wal") if path.exists()]
    return tuple(number for stat in stats for number in (stat.st_size, stat.st_mtime_ns))


def remembered(folder: Path, key: Hashable, compute: Callable[[], T]) -> T:
    """The value of this key as of the work done by now, computed only when there is none."""
    work = work_done(folder)
    found = _kept.get((folder, key))
    if found is not None and found[0] == work:
        return found[1]  # type: ignore[no-any-return]
    value = compute()
    keep(folder, key, work, value)
    return value


def keep(folder: Path, key: Hashable, work: tuple[Any, ...], value: Any) -> None:
    """Keep a value; the oldest goes when there are too many."""
    _kept.pop((folder, key), None)
    _kept[folder, key] = (work, value)
    while len(_kept) > _AT_MOST:
        _kept.pop(next(iter(_kept)), None)
