"""All pairs of a run in memory, as far as lists filter and sort by them, so that each click is answered at once.

Joining a million pairs with what judges said of them takes seconds, and every click asks again. So the pairs stand in a table of
their own, in memory, shared by all readers; SQL asks it as it would ask the study. It is made anew when a stage has written,
by a thread of its own, in parts between which others have the study, and not more often than pays where that is slow. Votes of
its judge are put in every few seconds where they are all that was written, and what people say whenever somebody has rated.
Counts are taken from cells, one for all pairs that are alike in what is filtered by; a rating moves its pair from one cell to
another. Texts are never in it.
"""

import atexit
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import duckdb

from app.data.memory import (
    TABLES,
    load_last_rating,
    note_renewed,
    renew_at,
    renewing,
    surplus,
    unchanged,
    unhurried,
    work_done,
)
from db import connect, query
from db.errors import ExpectedError
from db.opening import open_in_memory

_AT_MOST: Final = 3
_TEXTS_AT_MOST: Final = 12
_ANSWERS_AT_MOST: Final = 64
_ALL_BELOW: Final = 100_000
"""Pairs below which topics and lenses are always joined; of more, only when a filter asks for them."""
_SLOW_S: Final = 0.3
"""Time of the processor, for a busy machine must not decide what is shown."""
_PAYS_AFTER: Final = 20.0
"""An index that was slow to make serves for so many times as long, though stages write on meanwhile."""
_VOTES_EVERY_S: Final = 10.0
"""A judge votes all the time; what it said since is put in no more often."""
_VOTES_AT_MOST: Final = 20_000
"""More votes take longer to put in than all to be made anew."""
_VOTES: Final = TABLES.index("judgments")
_PART_PAIRS: Final = 500_000
"""Of so many pairs the study is asked at once: fewer take less memory, but each asking takes a second and more by itself."""

_MADE: Final = (
    "samples.put_people",
    "samples.keep_said",
    "samples.keep_alike",
    "samples.keep_cells",
    "samples.keep_texts",
    "samples.keep_filtered",
)
"""What is done with the pairs and what people said of them, in this order."""

Answer = tuple[list[str], list[Any]]
"""Columns and rows."""


@dataclass(frozen=True)
class Asked:
    """What an index holds: a run with a judge's ratings, and what these lenses and topics say."""

    run_id: str
    judge_id: str
    lens_ids: tuple[str, ...] = ()
    with_topics: bool = False


@dataclass
class _Index:
    """One table in memory, with what it was made from; its lock guards refreshing."""

    memory: duckdb.DuckDBPyConnection = field(default_factory=lambda: _open_memory())
    lock: threading.Lock = field(default_factory=threading.Lock)
    work: tuple[Any, ...] | None = None
    last_rating: int = 0
    last_vote: tuple[int, int] = (-1, 0)
    """Where the last vote stands in the study, and how many there are."""
    texts: dict[str, None] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    """Of questions since the last refreshing, which puts an empty one in its place: a late answer goes into the old one."""
    built_at: float = 0.0
    voted_at: float = 0.0
    build_s: float = 0.0
    is_slow: bool = False
    is_renewed: bool = False

    def is_fresh(self, work: tuple[Any, ...]) -> bool:
        """Whether it holds all that matters, or as much as one may wait for while another one is made."""
        return self.work == work or (self.is_slow and self.work is not None and self.work[-1] == work[-1])


def _open_memory() -> duckdb.DuckDBPyConnection:
    memory = open_in_memory()
    memory.execute(query("samples.attach_held"))
    return memory.execute(query("samples.use_held"))


@atexit.register
def _close() -> None:
    """Close what is held in memory, for the database's library complains of what is open at the end of a process."""
    for index in _indexes.values():
        index.memory.close()


_indexes: dict[tuple[Path, Asked], _Index] = {}
_indexes_lock: Final = threading.Lock()


def asked(folder: Path, run_id: str, judge_id: str, lens_ids: Sequence[str], *, extras: bool) -> Asked:
    """What to hold for a run: lenses and topics where a filter asks for them (`extras`), or pairs are few."""
    if extras or not is_large(folder):
        return Asked(run_id, judge_id, tuple(lens_ids), with_topics=True)
    return Asked(run_id, judge_id)


def is_large(folder: Path) -> bool:
    """Whether the study has so many pairs that what is asked of all of them takes a second and more."""
    return unchanged(folder, "n pairs", lambda: _n_pairs(folder)) >= _ALL_BELOW


def _n_pairs(folder: Path) -> int:
    with connect(folder) as cursor:
        ((n_pairs,),) = cursor.execute(query("samples.n_pairs")).fetchall()
    return int(n_pairs)


def ask(folder: Path, held: Asked, name: str, *, text: str | None = None, **values: Any) -> Answer:
    """Columns and rows of a query of the index, made or refreshed first; `text` is searched for in the study."""
    index = _index(folder, held)
    key = repr((name, text, sorted(values.items())))
    with index.lock:
        _refresh(folder, held, index)
        if key in index.answers:
            return index.answers[key]
        if text is not None and text not in index.texts:
            _find(folder, held, index, text)
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


def _index(folder: Path, held: Asked) -> _Index:
    with _indexes_lock:
        index = _indexes.pop((folder, held), None) or _Index()
        _indexes[folder, held] = index
        while len(_indexes) > _AT_MOST:
            _indexes.pop(next(iter(_indexes)))
    return index


def _refresh(folder: Path, held: Asked, index: _Index) -> None:
    work = work_done(folder)
    # Looked up before the ratings themselves: one that comes in between is put in now and once more next time.
    last = load_last_rating(folder)
    if not index.is_fresh(work):
        unhurried(lambda: _build(folder, held, index, work))
    elif index.work != work:
        _renew_later(folder, held, index)
    if last > index.last_rating:
        with connect(folder) as cursor:
            _put_people(cursor, held, index)
        index.last_rating = last
        index.answers = {}


def _renew_later(folder: Path, held: Asked, index: _Index) -> None:
    """Have a thread put in new votes soon, or make another index as soon as that pays, unless one is about to."""
    if index.is_renewed:
        return
    index.is_renewed = True
    if _is_voted_alone(folder, held, index):
        renew_at(index.voted_at + _VOTES_EVERY_S, _renew_votes, folder, held, index)
    else:
        renew_at(index.built_at + _PAYS_AFTER * index.build_s, _renew, folder, held, index)


def _is_voted_alone(folder: Path, held: Asked, index: _Index) -> bool:
    """Whether nothing but votes on relevance has come since, which the index holds whatever it holds beside them."""
    before, now = index.work, work_done(folder)
    return before is not None and not held.with_topics and _but_votes(before) == _but_votes(now)


def _but_votes(work: tuple[Any, ...]) -> tuple[Any, ...]:
    return (*work[:_VOTES], *work[_VOTES + 1 :])


def _renew_votes(folder: Path, held: Asked, index: _Index) -> None:
    """Put in what the judge said since, or have all made anew where that is not all there is."""
    with renewing(index):
        work = work_done(folder)
        if _is_voted_alone(folder, held, index) and _put_votes(folder, held, index, work):
            index.is_renewed = False
            note_renewed(folder)
            return
    renew_at(index.built_at + _PAYS_AFTER * index.build_s, _renew, folder, held, index)


def _renew(folder: Path, held: Asked, old: _Index) -> None:
    """Make another index and put it in the place of the old one, unless that has gone meanwhile."""
    new = _Index()
    with renewing(old):
        try:
            unhurried(lambda: _build(folder, held, new, work_done(folder)))
        except BaseException:
            new.memory.close()
            raise
        with _indexes_lock:
            if _indexes.get((folder, held)) is old:
                _indexes[folder, held] = new
        note_renewed(folder)


def _parts(folder: Path, held: Asked) -> Iterator[tuple[int, int]]:
    """First and last positions of the concepts that are asked for at once."""
    n_parts = -(-unchanged(folder, "n pairs", lambda: _n_pairs(folder)) // _PART_PAIRS) or 1
    with connect(folder) as cursor:
        ((last,),) = cursor.execute(query("samples.last_position"), {"run_id": held.run_id}).fetchall()
    step = -(-((last or 0) + 1) // n_parts)
    for first in range(0, (last or 0) + 1, step):
        yield first, first + step - 1


def _build(folder: Path, held: Asked, index: _Index, work: tuple[Any, ...]) -> None:
    """Make everything anew, what people said too; the study is given back after each part."""
    started, cpu = time.monotonic(), time.thread_time()
    values: dict[str, Any] = {"run_id": held.run_id, "judge_id": held.judge_id, "lens_ids": list(held.lens_ids)}
    values |= {"with_topics": held.with_topics}
    keep = "samples.keep_index"
    # Looked up before the ratings and votes themselves: what comes in between is put in now and once more next time.
    last, (last_vote, n_votes, _) = load_last_rating(folder), _load_last_vote(folder, since=-1)
    for first, until in _parts(folder, held):
        with connect(folder) as cursor:
            _put(index.memory, cursor, ("samples.index_rows", "incoming", keep), first=first, last=until, **values)
        keep = "samples.keep_more"
        _compress(index)
    index.last_rating = 0
    with connect(folder) as cursor:
        _keep_people(cursor, held, index)
    for name in _MADE:
        index.memory.execute(query(name))
    _compress(index)
    index.last_rating, index.last_vote = last, (last_vote, n_votes)
    index.texts.clear()
    index.answers = {}
    index.work = work
    index.built_at = index.voted_at = time.monotonic()
    index.build_s = index.built_at - started
    index.is_slow = time.thread_time() - cpu > _SLOW_S


def _compress(index: _Index) -> None:
    # Somebody may be reading what was there before.
    with suppress(duckdb.TransactionException):
        index.memory.execute(query("samples.compress_held"))


def _put_people(cursor: duckdb.DuckDBPyConnection, held: Asked, index: _Index) -> None:
    """Put in what people said since; the cells that its pairs leave and come to are counted along."""
    _keep_people(cursor, held, index)
    index.memory.execute(query("samples.move_cells"), {"sign": -1})
    index.memory.execute(query("samples.put_people"))
    index.memory.execute(query("samples.move_cells"), {"sign": 1})


def _load_last_vote(folder: Path, *, since: int) -> tuple[int, int, int]:
    """Where the last vote stands in its table, how many there are, and how many after a place."""
    with connect(folder) as cursor:
        ((last, n, n_since),) = cursor.execute(query("samples.last_vote"), {"since": since}).fetchall()
    return last, n, n_since


def _put_votes(folder: Path, held: Asked, index: _Index, work: tuple[Any, ...]) -> bool:
    """Put in what the judge said since; False where that is too much, or votes have gone, so that new ones cannot be told."""
    before, n_before = index.last_vote
    last, n, n_since = _load_last_vote(folder, since=before)
    if n - n_before != n_since or n_since > _VOTES_AT_MOST:
        return False
    judge = {"judge_id": held.judge_id}
    with connect(folder) as cursor:
        voted_on = cursor.execute(query("samples.voted_on"), {**judge, "last_vote": before}).fetchall()
        asked = {**judge, "sample_ids": [sample_id for (sample_id,) in voted_on]}
        votes = cursor.sql(query("samples.votes"), params=asked).to_arrow_table()
    with index.lock:
        index.memory.register("incoming_votes", votes)
        index.memory.execute(query("samples.keep_votes"))
        index.memory.unregister("incoming_votes")
        index.memory.execute(query("samples.move_cells"), {"sign": -1})
        index.memory.execute(query("samples.put_votes"))
        index.memory.execute(query("samples.move_cells"), {"sign": 1})
        index.memory.execute(query("samples.fold_cells"))
        index.last_vote, index.work, index.voted_at = (last, n), work, time.monotonic()
        index.answers = {}
    return True


def _keep_people(cursor: duckdb.DuckDBPyConnection, held: Asked, index: _Index) -> None:
    rows_into = ("samples.people", "incoming_people", "samples.keep_people")
    _put(index.memory, cursor, rows_into, run_id=held.run_id, last_rating=index.last_rating)


def _put(
    memory: duckdb.DuckDBPyConnection, cursor: duckdb.DuckDBPyConnection, rows_into: tuple[str, str, str], **values: Any
) -> None:
    """Hand the rows of a query of the study, a part at a time and under a name, to a statement in memory."""
    rows, name, into = rows_into
    memory.register(name, cursor.sql(query(rows), params=values).to_arrow_reader(100_000))
    memory.execute(query(into))
    memory.unregister(name)


def _find(folder: Path, held: Asked, index: _Index, text: str) -> None:
    """Keep which samples have a text; the oldest search goes when there are too many."""
    with connect(folder) as cursor:
        cursor.execute(query("samples.matching"), {"run_id": held.run_id, "text": text})
        found = [sample_id for (sample_id,) in cursor.fetchall()]
    if len(index.texts) >= _TEXTS_AT_MOST:
        oldest = next(iter(index.texts))
        index.texts.pop(oldest)
        index.memory.execute(query("samples.forget_text"), {"text": oldest})
    index.memory.execute(query("samples.keep_found"), {"text": text, "sample_ids": found})
    index.texts[text] = None
