"""Questions about all pairs of a run, answered from memory, so that each click is answered at once.

Joining a million pairs with what judges said of them takes seconds, and every click asks again. So the pairs stand in a table of
their own (`held_pairs`), shared by all readers; SQL asks it as it would ask the study. It is made anew when a stage has written,
by a thread of its own, and not more often than pays where that is slow. Votes of its judge are put in every few seconds where
they are all that was written, and what people say whenever somebody has rated.
"""

import atexit
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from app.data.held_pairs import Answer, Asked, HeldPairs, build, count_pairs, find_text, put_people, put_votes
from app.data.memory import (
    TABLES,
    load_last_rating,
    note_renewed,
    renew_at,
    renewing,
    surplus,
    unhurried,
    work_done,
)
from db import connect, query
from db.errors import ExpectedError

_AT_MOST: Final = 3
_ANSWERS_AT_MOST: Final = 64
_ALL_BELOW: Final = 100_000
"""Pairs below which topics and lenses are always joined; of more, only when a filter asks for them."""
_PAYS_AFTER: Final = 20.0
"""An index that was slow to make serves for so many times as long, though stages write on meanwhile."""
_VOTES_EVERY_S: Final = 10.0
"""A judge votes all the time; what it said since is put in no more often."""
_VOTES: Final = TABLES.index("judgments")


_indexes: dict[tuple[Path, Asked], HeldPairs] = {}
_indexes_lock: Final = threading.Lock()


@atexit.register
def _close() -> None:
    """Close what is held in memory, for the database's library complains of what is open at the end of a process."""
    for index in _indexes.values():
        index.memory.close()


def asked(folder: Path, run_id: str, judge_id: str, lens_ids: Sequence[str], *, extras: bool) -> Asked:
    """What to hold for a run: lenses and topics where a filter asks for them (`extras`), or pairs are few."""
    if extras or not is_large(folder):
        return Asked(run_id, judge_id, tuple(lens_ids), with_topics=True)
    return Asked(run_id, judge_id)


def is_large(folder: Path) -> bool:
    """Whether the study has so many pairs that what is asked of all of them takes a second and more."""
    return count_pairs(folder) >= _ALL_BELOW


def ask(folder: Path, held: Asked, name: str, *, text: str | None = None, **values: Any) -> Answer:
    """Columns and rows of a query of the index, made or refreshed first; `text` is searched for in the study."""
    index = _index(folder, held)
    key = repr((name, text, sorted(values.items())))
    with index.lock:
        _refresh(folder, held, index)
        if key in index.answers:
            return index.answers[key]
        if text is not None and text not in index.texts:
            find_text(folder, held, index, text)
        cursor = index.memory.cursor()
        answers = index.answers
    with cursor:
        cursor.execute(query("samples.use_held"))
        cursor.execute(query(name), {**values, "text": text})
        answer = [column[0] for column in cursor.description or ()], cursor.fetchall()
    for old in surplus(answers, _ANSWERS_AT_MOST - 1):
        answers.pop(old, None)
    answers[key] = answer
    return answer


def ask_if_held(folder: Path, run_id: str, judge_id: str, name: str, **values: Any) -> Answer | None:
    """As `ask` of a run with a judge's ratings, where its pairs are in memory already; None where they are not."""
    held = Asked(run_id, judge_id)
    index = _indexes.get((folder, held))
    return ask(folder, held, name, **values) if index is not None and index.work is not None else None


def is_at_hand(folder: Path, run_id: str, judge_id: str) -> bool:
    """Whether pairs of a run with a judge's ratings are in memory, or so few that they soon are."""
    index = _indexes.get((folder, Asked(run_id, judge_id)))
    if index is not None and index.work is not None:
        return True
    return not is_large(folder)


def prepare(folder: Path, run_id: str, judge_id: str) -> None:
    """Have the index of a large study made before somebody waits for it, by a thread of its own."""
    if (folder, Asked(run_id, judge_id)) not in _indexes and is_large(folder):
        threading.Thread(target=_prepare, args=(folder, run_id, judge_id), daemon=True, name="lensgap-index").start()


def _prepare(folder: Path, run_id: str, judge_id: str) -> None:
    # A study that is busy or gone is told to whoever asks.
    with suppress(ExpectedError, OSError):
        make(folder, run_id, judge_id)


def make(folder: Path, run_id: str, judge_id: str) -> None:
    """Make the index of a run with a judge's ratings, unless there is one."""
    held = Asked(run_id, judge_id)
    index = _index(folder, held)
    with index.lock:
        _refresh(folder, held, index)


def _index(folder: Path, held: Asked) -> HeldPairs:
    with _indexes_lock:
        index = _indexes.pop((folder, held), None) or HeldPairs()
        _indexes[folder, held] = index
        while len(_indexes) > _AT_MOST:
            _indexes.pop(next(iter(_indexes)))
    return index


def _refresh(folder: Path, held: Asked, index: HeldPairs) -> None:
    work = work_done(folder)
    # Looked up before the ratings themselves: one that comes in between is put in now and once more next time.
    last = load_last_rating(folder)
    if not index.is_fresh(work):
        unhurried(lambda: build(folder, held, index, work))
    elif index.work != work:
        _renew_later(folder, held, index)
    if last > index.last_rating:
        with connect(folder) as cursor:
            put_people(cursor, held, index)
        index.last_rating = last
        index.answers = {}


def _renew_later(folder: Path, held: Asked, index: HeldPairs) -> None:
    """Have a thread put in new votes soon, or make another index as soon as that pays, unless one is about to."""
    if index.is_renewed:
        return
    index.is_renewed = True
    if _is_voted_alone(folder, held, index):
        renew_at(index.voted_at + _VOTES_EVERY_S, _renew_votes, folder, held, index)
    else:
        renew_at(index.built_at + _PAYS_AFTER * index.build_s, _renew, folder, held, index)


def _is_voted_alone(folder: Path, held: Asked, index: HeldPairs) -> bool:
    """Whether nothing but votes on relevance has come since, which the index holds whatever it holds beside them."""
    before, now = index.work, work_done(folder)
    return before is not None and not held.with_topics and _but_votes(before) == _but_votes(now)


def _but_votes(work: tuple[Any, ...]) -> tuple[Any, ...]:
    return (*work[:_VOTES], *work[_VOTES + 1 :])


def _renew_votes(folder: Path, held: Asked, index: HeldPairs) -> None:
    """Put in what the judge said since, or have all made anew where that is not all there is."""
    with renewing(index):
        work = work_done(folder)
        if _is_voted_alone(folder, held, index) and put_votes(folder, held, index, work):
            index.is_renewed = False
            note_renewed(folder)
            return
    renew_at(index.built_at + _PAYS_AFTER * index.build_s, _renew, folder, held, index)


def _renew(folder: Path, held: Asked, old: HeldPairs) -> None:
    """Make another index and put it in the place of the old one, unless that has gone meanwhile."""
    new = HeldPairs()
    with renewing(old):
        try:
            unhurried(lambda: build(folder, held, new, work_done(folder)))
        except BaseException:
            new.memory.close()
            raise
        with _indexes_lock:
            if _indexes.get((folder, held)) is old:
                _indexes[folder, held] = new
        note_renewed(folder)
