"""Answers that stay true until a stage writes more, kept between the runs of a script and shared by all its readers.

Counting a million verdicts takes a second, and every click runs the script again. What a stage wrote is told apart by row
counts, which the database answers at once; and they are asked for only when its files have changed, for opening the database
takes longer than all that a click needs. Values are immutable and keys few.

A run that writes on makes every answer old within a second. So one that was slow to make is shown as it was, while a thread makes
it anew, though not more often than pays; screens see that as one more thing that was written (`load_change`). And while the run
has the database, quick answers of a moment ago stand, for waiting for it takes longer than a click may; what this dashboard's
own reviewers wrote is never left out.
"""

import ctypes
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from db import connect, query
from db.connect import files, is_at_hand, n_written
from db.errors import ExpectedError, StudyShort
from db.patience import giving_way

K = TypeVar("K")
T = TypeVar("T")
TABLES: Final = ("runs", "runs", "run_concepts", "pairs", "prompts", "samples", "forms", "judgments", "lenses")
"""The tables that the numbers of `work_done` are of."""
_AT_MOST: Final = 64
_EACH_AT_MOST: Final = 200
_NOTHING: Final = object()
_SLOW_S: Final = 0.1
"""Time of the processor, for a busy machine must not decide what is shown."""
_PAYS_AFTER: Final = 20.0
"""A slow answer serves for so many times as long as it took, though stages write on meanwhile."""
_LONGEST_S: Final = 60.0
"""No answer waits longer to be made anew."""

_STANDS_S: Final = 5.0
"""A quick answer stands no longer while another process has the database."""
_GLANCE_S: Final = 0.1
_TOGETHER_S: Final = 1.0
"""For so long one waits for another who asks the same."""
_SHORT_S: Final = (0.2, 0.6, 2.0)
"""Pauses before asking again where the database ran short of memory, for others end meanwhile."""

_kept: dict[tuple[Path, Hashable], "_Kept"] = {}
_as_files: dict[tuple[Path, Hashable], "_AsFiles"] = {}
_renewed: dict[Path, int] = {}
_making: dict[tuple[Path, Hashable], threading.Lock] = {}
"""One for each answer that was made, so that many who ask at once have it made once."""
_asking: dict[tuple[Path, Hashable], threading.Lock] = {}
_renewing: Final = threading.Lock()
_alone: Final = threading.Lock()
_RESTS: Final = 4.0
"""Work beside the screens is followed by a rest of so many times as long, for it takes the readers' processor."""
_REST_S: Final = (1.0, 10.0)
"""Work after which a shorter rest is due than this is followed by none, and no rest is longer."""
_rested_at = 0.0


class _Basis(NamedTuple):
    """What a value rests on: the work done on tables, `of` which it is made, and what else."""

    work: tuple[Any, ...]
    also: Hashable
    of: tuple[str, ...]


@dataclass(slots=True)
class _Kept:
    """A value, what it rests on, what making it took, and whether a newer one is under way."""

    basis: _Basis
    value: Any
    made_at: float = field(default_factory=time.monotonic)
    wall_s: float = 0.0
    cpu_s: float = 0.0
    is_renewed: bool = False


@dataclass(frozen=True, slots=True)
class _AsFiles:
    """A quick answer: how the files were and how often this process had written when it was asked for, and when."""

    files: tuple[int, ...]
    n_written: int
    value: Any
    asked_at: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True)
class Change:
    """How far a study has come: what the stages wrote, as numbers to compare, and the latest rating's number.

    `seen` is the state of the files (`file_state`) that this was read from; empty where that changed meanwhile.
    """

    work: tuple[Any, ...]
    last_rating: int
    seen: tuple[int, ...] = field(default=(), compare=False)


def work_done(folder: Path) -> tuple[Any, ...]:
    """What the stages have written, as numbers to compare; with the identity of the file, for a study may be replaced.

    But for learning curves, on which little rests: whoever shows them asks how many there are.
    """
    *numbers, _, file = _work(folder).value
    return (*numbers, file)


def _work(folder: Path) -> "_AsFiles":
    def work() -> tuple[Any, ...]:
        with connect(folder) as cursor:
            counts = cursor.execute(query("changes.work")).fetchone() or ()
        return (*counts, (folder / "study.duckdb").stat().st_ino)

    return _as_of_files(folder, "work", work)


def load_last_rating(folder: Path) -> int:
    """The latest rating's number, 0 before the first."""
    return _last_rating(folder).value  # type: ignore[no-any-return]


def _last_rating(folder: Path) -> "_AsFiles":
    def last() -> int:
        with connect(folder) as cursor:
            return int((cursor.execute(query("changes.last_rating")).fetchone() or (0,))[0])

    return _as_of_files(folder, "last rating", last)


def load_change(folder: Path) -> Change:
    """How far the study has come by now; answers that were made anew count as work."""
    renewed = _renewed.get(folder, 0)
    work, last = _work(folder), _last_rating(folder)
    seen = (*work.files, renewed) if work.files == last.files else ()
    return Change((*work.value, renewed), last.value, seen)


def file_state(folder: Path) -> tuple[int, ...]:
    """What changes whenever a screen may have news: the database's files, and answers that were made anew."""
    return (*files(folder), _renewed.get(folder, 0))


def is_free(folder: Path) -> bool:
    """Whether the study can be opened at once."""
    try:
        with connect(folder, wait_s=_GLANCE_S):
            return True
    except ExpectedError:
        return False


def unchanged(folder: Path, key: Hashable, compute: Callable[[], T]) -> T:
    """The value of this key, computed only where somebody has written to the study since; for what is quick to ask.

    While another process has the database, the value stands as it was a moment ago, unless this process has written since.
    """
    return _as_of_files(folder, key, compute).value  # type: ignore[no-any-return]


def _as_of_files(folder: Path, key: Hashable, compute: Callable[[], Any]) -> _AsFiles:
    found = _standing(folder, key)
    if found is not None:
        return found
    # Many ask at once as soon as something was written. Nobody waits long for another, who may be waiting for a cursor.
    lock = _asking.setdefault((folder, key), threading.Lock())
    is_first = lock.acquire(timeout=_TOGETHER_S)
    try:
        return _standing(folder, key) or _ask_anew(folder, key, compute)
    finally:
        if is_first:
            lock.release()


def _standing(folder: Path, key: Hashable) -> _AsFiles | None:
    """The value that is kept, if it holds or there is nothing better without waiting."""
    found, now = _as_files.get((folder, key)), files(folder)
    if found is None or not now:
        return None
    if found.files == now:
        return found
    is_own = found.n_written != n_written(folder)
    is_old = time.monotonic() - found.asked_at > _STANDS_S
    return None if is_own or is_old or is_at_hand(folder) else found


def _ask_anew(folder: Path, key: Hashable, compute: Callable[[], Any]) -> _AsFiles:
    # Looked at before asking: what is written in between is asked for once more.
    looked, written = files(folder), n_written(folder)
    asked_at = time.monotonic()
    kept = _AsFiles(looked, written, unhurried(compute), asked_at)
    _as_files.pop((folder, key), None)
    _as_files[folder, key] = kept
    for old in surplus(_as_files, _AT_MOST):
        _as_files.pop(old, None)
        _asking.pop(old, None)
    return kept


def surplus(kept: Mapping[K, Any], n: int) -> tuple[K, ...]:
    """The keys of all but the latest `n`; read in one step, for other threads add theirs meanwhile."""
    keys = tuple(kept)
    return keys[: max(0, len(keys) - n)]


@contextmanager
def beside_screens(*, is_awaited: bool = False) -> Iterator[None]:
    """Within, a thread works alone at what no reader waits for: several would take the readers' time and memory.

    All such work together takes a part of the time, however much of it there is; what somebody has no answer to yet
    (`is_awaited`) waits for its turn, not for the rest after another's.
    """
    while True:
        with _alone:
            rest_s = 0.0 if is_awaited else _rested_at - time.monotonic()
            if rest_s <= 0.0:
                with giving_way(), _followed_by_rest():
                    yield
                return
        time.sleep(rest_s)


@contextmanager
def _followed_by_rest() -> Iterator[None]:
    global _rested_at
    started = time.monotonic()
    try:
        yield
    finally:
        now = time.monotonic()
        least, most = _REST_S
        rest_s = min(most, _RESTS * (now - started))
        if rest_s >= least:
            _rested_at = max(_rested_at, now + rest_s)


def may_begin(*, is_awaited: bool = False) -> bool:
    """Whether work beside the screens would begin at once."""
    return not _alone.locked() and (is_awaited or time.monotonic() >= _rested_at)


def give_up_freed() -> None:
    """Hand the system what a large query has freed, of which the C library of Linux else keeps hundreds of megabytes."""
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def unhurried(compute: Callable[[], T]) -> T:
    """What is computed, tried again after a while where all that is asked at once exceeds the database's memory."""
    for pause_s in _SHORT_S:
        try:
            return compute()
        except StudyShort:
            time.sleep(pause_s)
    return compute()


def remembered(
    folder: Path, key: Hashable, compute: Callable[[], T], *, also: Hashable = None, of: tuple[str, ...] = TABLES
) -> T:
    """The value of this key as of the work done by now; a slow one may be as of shortly before, while it is made anew.

    `also` is what else it rests on, ratings for instance, of which it is always as of now. `of` names the tables that it rests
    on: a judge's votes come every second and change little of what is shown.
    """
    work = work_on(folder, of)
    found = _kept.get((folder, key))
    if found is not None and found.basis.also == also:
        if found.basis.work == work:
            return found.value  # type: ignore[no-any-return]
        if found.cpu_s > _SLOW_S and found.basis.work[-1] == work[-1]:
            _renew_later(folder, key, found, compute)
            return found.value  # type: ignore[no-any-return]
    with _making.setdefault((folder, key), threading.Lock()):
        found = _kept.get((folder, key))
        if found is not None and (found.basis.work, found.basis.also) == (work, also):
            return found.value  # type: ignore[no-any-return]
        return _make(folder, key, _Basis(work, also, of), compute)


def remembered_each(
    folder: Path, name: str, key: Hashable, compute: Callable[[], T], *, of: tuple[str, ...] = TABLES
) -> T:
    """As `remembered`, for many small answers of a kind, which must not take the place of large ones."""
    kept: dict[Hashable, Any] = remembered(folder, ("each", name), dict, of=of)
    found = kept.get(key, _NOTHING)
    if found is not _NOTHING:
        return found  # type: ignore[no-any-return]
    value = compute()
    if len(kept) >= _EACH_AT_MOST:
        kept.clear()
    kept[key] = value
    return value


def work_on(folder: Path, tables: tuple[str, ...]) -> tuple[Any, ...]:
    """What the stages have written into these tables, and the identity of the file."""
    *numbers, file = work_done(folder)
    return (*(number for number, table in zip(numbers, TABLES, strict=False) if table in tables), file)


def _make(folder: Path, key: Hashable, basis: _Basis, compute: Callable[[], T]) -> T:
    wall, cpu = time.perf_counter(), time.thread_time()
    value = unhurried(compute)
    kept = _Kept(basis, value, wall_s=time.perf_counter() - wall, cpu_s=time.thread_time() - cpu)
    _kept.pop((folder, key), None)
    _kept[folder, key] = kept
    for old in surplus(_kept, _AT_MOST):
        _kept.pop(old, None)
        _making.pop(old, None)
    if kept.cpu_s > _SLOW_S:
        give_up_freed()
    return value


def _renew_later(folder: Path, key: Hashable, found: _Kept, compute: Callable[[], Any]) -> None:
    """Have a thread make the value anew as soon as that pays, unless one is about to."""
    with _renewing:
        if found.is_renewed:
            return
        found.is_renewed = True
    renew_at(found.made_at + min(_LONGEST_S, _PAYS_AFTER * found.wall_s), _renew, folder, key, found, compute)


def renew_at(due: float, renew: Callable[..., None], *arguments: Any) -> None:
    """Have a thread of its own renew something once that is due, on the monotonic clock."""
    timer = threading.Timer(max(0.0, due - time.monotonic()), renew, arguments)
    timer.daemon = True
    timer.start()


def _renew(folder: Path, key: Hashable, old: _Kept, compute: Callable[[], Any]) -> None:
    with renewing(old):
        # Whoever made it meanwhile, since what it rests on beside the work has changed, has made it as of now.
        if _kept.get((folder, key)) is not old:
            return
        _make(folder, key, old.basis._replace(work=work_on(folder, old.basis.of)), compute)
        note_renewed(folder)


class Renewed(Protocol):
    """What is replaced by something newer, and whether that is under way."""

    is_renewed: bool


@contextmanager
def renewing(old: Renewed) -> Iterator[None]:
    """Within, a thread makes something newer beside the screens; where that fails, whoever asks next has it tried again.

    A study that is busy or gone is told to them.
    """
    try:
        with beside_screens():
            yield
    except BaseException as error:
        old.is_renewed = False
        if not isinstance(error, ExpectedError | OSError):
            raise


def note_renewed(folder: Path) -> None:
    """Let screens know that something was made anew."""
    with _renewing:
        _renewed[folder] = _renewed.get(folder, 0) + 1
