"""Answers that may take seconds on a large study: worked out beside the screens, which show the answer before it meanwhile.

Whoever asks waits a moment, which is enough for small studies. One answer is worked out at a time, for all readers together:
several would take each other's time. Stopping the server waits for none. An answer is current while neither the stages' work nor
ratings nor measurements have moved on.
"""

import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from app.data.memory import beside_screens, may_begin, unchanged, unhurried, work_done, work_on
from db import connect, query

T = TypeVar("T")
WAIT_S = 0.25
"""How long a screen waits for an answer before it is drawn without."""
_AT_MOST: Final = 32
_PAYS_AFTER: Final = 3.0
"""An answer that took longer than a screen waits stands for so many times as long, though ratings come in meanwhile."""

_kept: Final[dict[tuple[Path, Hashable], "_Kept"]] = {}
_lock: Final = threading.Lock()


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What is known by now: None before the first answer, and not current while a newer one is being worked out."""

    value: T | None
    is_current: bool


@dataclass(slots=True)
class _Kept:
    """The last answer of a question and what it rests on, and the work for the next."""

    value: Any = None
    as_of: Hashable = None
    future: Future[Any] | None = None
    future_as_of: Hashable = field(default=None)
    took_s: float = 0.0
    not_before: float = 0.0
    """When the next answer may be worked out, on the monotonic clock."""


def as_of(folder: Path) -> tuple[Hashable, ...]:
    """How far stages, ratings and measurements have come, to compare with another time."""
    return (*work_done(folder), *measured(folder))


def measured(folder: Path) -> tuple[Hashable, ...]:
    """How far ratings and measurements have come."""

    def state() -> tuple[Hashable, ...]:
        with connect(folder) as cursor:
            return cursor.execute(query("finding_sources.as_of")).fetchone() or ()

    return unchanged(folder, "as of", state)


def later(
    folder: Path,
    key: Hashable,
    compute: Callable[[], T],
    *,
    of: tuple[str, ...] | None = None,
    also: Hashable = None,
) -> Answer[T]:
    """The answer as of now if it is there or comes in a moment, else the one before it. Raises what `compute` raises.

    It rests on all that is stored; where `of` is given, on these tables alone, and on what `also` stands for.
    """
    now = as_of(folder) if of is None else (work_on(folder, of), also)
    with _lock:
        kept = _kept.setdefault((folder, key), _Kept())
        while len(_kept) > _AT_MOST:
            _kept.pop(next(iter(_kept)))
        if kept.as_of == now:
            return Answer(kept.value, is_current=True)
        if kept.future is None and time.monotonic() < kept.not_before:
            return Answer(kept.value, is_current=False)
        is_awaited = kept.as_of is None
        # What took long will take as long again, and whoever waits for it in vain waits for nothing.
        wait_s = WAIT_S if kept.took_s <= WAIT_S and may_begin(is_awaited=is_awaited) else 0.0
        if kept.future is None:
            kept.future, kept.future_as_of = _start(compute, is_awaited=is_awaited), now
        future = kept.future
    try:
        value, took_s = future.result(wait_s)
    except NotYet:
        return Answer(kept.value, is_current=False)
    except BaseException:
        with _lock:
            kept.future = None
        raise
    with _lock:
        if kept.future is future:
            kept.value, kept.as_of, kept.future, kept.took_s = value, kept.future_as_of, None, took_s
            kept.not_before = time.monotonic() + _PAYS_AFTER * took_s if took_s > WAIT_S else 0.0
        return Answer(kept.value, is_current=kept.as_of == now)


def is_ready(folder: Path, key: Hashable) -> bool:
    """Whether work on this question has ended, so that asking again gives its answer."""
    kept = _kept.get((folder, key))
    if kept is None:
        return True
    return time.monotonic() >= kept.not_before if kept.future is None else kept.future.done()


def _start(compute: Callable[[], T], *, is_awaited: bool) -> "Future[tuple[T, float]]":
    future: Future[tuple[T, float]] = Future()
    threading.Thread(target=_work, args=(future, compute, is_awaited), daemon=True, name="later").start()
    return future


def _work(future: "Future[tuple[T, float]]", compute: Callable[[], T], is_awaited: bool) -> None:
    try:
        future.set_result(_timed(compute, is_awaited=is_awaited))
    except BaseException as error:  # noqa: BLE001 - whoever asks is told
        future.set_exception(error)


def _timed(compute: Callable[[], T], *, is_awaited: bool) -> tuple[T, float]:
    with beside_screens(is_awaited=is_awaited):
        started = time.monotonic()
        return unhurried(compute), time.monotonic() - started
