"""All pairs of a run in memory, as far as lists filter and sort by them, so that each click is answered at once.

Joining a million pairs with what judges said of them takes seconds, and every click asks again. So the pairs stand in a table of
their own, in memory, shared by all readers; SQL asks it as it would ask the study. It is made anew when a stage has written,
though not more often than pays; what people say is put in whenever somebody has rated. Texts are never in it.
"""

import atexit
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import duckdb

from app.data.memory import work_done
from db import connect, query

_AT_MOST: Final = 3
_TEXTS_AT_MOST: Final = 12
_ANSWERS_AT_MOST: Final = 64
_ALL_BELOW: Final = 100_000
"""Pairs below which topics and lenses are always joined; of more, only when a filter asks for them."""
_SLOW_S: Final = 0.5
_PAYS_AFTER: Final = 20.0
"""An index that was slow to make serves for so many times as long, though stages write on meanwhile."""


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

    memory: duckdb.DuckDBPyConnection = field(default_factory=lambda: duckdb.connect(":memory:"))
    lock: threading.Lock = field(default_factory=threading.Lock)
    work: tuple[Any, ...] | None = None
    last_rating: int = 0
    texts: dict[str, None] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    """Of questions since the last refreshing, which puts an empty one in its place: a late answer goes into the old one."""
    built_at: float = 0.0
    build_s: float = 0.0

    def is_fresh(self, work: tuple[Any, ...]) -> bool:
        """Whether nothing that matters was written since."""
        if self.work == work:
            return True
        is_same_file = self.work is not None and self.work[-1] == work[-1]
        age = time.monotonic() - self.built_at
        return is_same_file and self.build_s > _SLOW_S and age < _PAYS_AFTER * self.build_s


@atexit.register
def _close() -> None:
    """Close what is held in memory, for the database's library complains of what is open at the end of a process."""
    for index in _indexes.values():
        index.memory.close()


_indexes: dict[tuple[Path, Asked], _Index] = {}
_indexes_lock: Final = threading.Lock()


def asked(folder: Path, run_id: str, judge_id: str, lens_ids: Sequence[str], *, extras: bool) -> Asked:
    """What to hold for a run: lenses and topics where a filter asks for them (`extras`), or pairs are few."""
    with connect(folder) as cursor:
        ((n_pairs,),) = cursor.execute(query("samples.n_pairs")).fetchall()
    if extras or n_pairs < _ALL_BELOW:
        return Asked(run_id, judge_id, tuple(lens_ids), with_topics=True)
    return Asked(run_id, judge_id)


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
        cursor.execute(query(name), {**values, "text": text})
        answer = [column[0] for column in cursor.description or ()], cursor.fetchall()
    while len(answers) >= _ANSWERS_AT_MOST:
        answers.pop(next(iter(answers), ""), None)
    answers[key] = answer
    return answer


def _index(folder: Path, held: Asked) -> _Index:
    with _indexes_lock:
        index = _indexes.pop((folder, held), None) or _Index()
        _indexes[folder, held] = index
        while len(_indexes) > _AT_MOST:
            _indexes.pop(next(iter(_indexes)))
    return index


def _refresh(folder: Path, held: Asked, index: _Index) -> None:
    work = work_done(folder)
    with connect(folder) as cursor:
        # Read before the ratings themselves: one that comes in between is put in now and once more next time.
        ((last,),) = cursor.execute(query("changes.last_rating")).fetchall()
        is_new = not index.is_fresh(work)
        if is_new:
            _build(cursor, held, index)
            index.work = work
        if is_new or last != index.last_rating:
            index.memory.execute(query("samples.forget_people"))
            _put(index.memory, cursor, ("samples.people", "incoming_people", "samples.put_people"), run_id=held.run_id)
            index.last_rating = last
            index.answers = {}


def _build(cursor: duckdb.DuckDBPyConnection, held: Asked, index: _Index) -> None:
    started = time.monotonic()
    values = {"run_id": held.run_id, "judge_id": held.judge_id, "lens_ids": list(held.lens_ids)}
    rows_into = ("samples.index_rows", "incoming", "samples.keep_index")
    _put(index.memory, cursor, rows_into, with_topics=held.with_topics, **values)
    for name in ("samples.keep_texts", "samples.keep_filtered"):
        index.memory.execute(query(name))
    index.texts.clear()
    index.built_at = time.monotonic()
    index.build_s = index.built_at - started


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
