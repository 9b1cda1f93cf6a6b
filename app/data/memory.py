"""Answers that stay true until a stage writes more, kept between the runs of a script and shared by all its readers.

Counting a million verdicts takes a second, and every click runs the script again. What a stage wrote is told apart by row
counts, which the database answers at once. Values are immutable and keys few, so two threads that compute one twice do no harm.
"""

from collections.abc import Callable, Hashable
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
