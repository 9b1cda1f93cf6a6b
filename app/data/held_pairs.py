"""The pairs of a run in memory, with all that lists filter and sort by: made from the study, and brought up to date.

All of them are read in parts, between which others have the study. What people and the judge said since is put in by itself: a
pair that moves leaves one cell and comes to another, cells being counts of pairs that are alike in what is filtered by. Texts
are never in it.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import duckdb

from app.data.memory import load_last_rating, unchanged
from app.data.sayings import in_force, read_sayings
from db import connect, query
from db.opening import open_in_memory

_TEXTS_AT_MOST: Final = 12
_SLOW_S: Final = 0.3
"""Time of the processor, for a busy machine must not decide what is shown."""
_VOTES_AT_MOST: Final = 20_000
"""More votes take longer to put in than all to be made anew."""
_FEW: Final = 4
"""Of more pairs what people said takes longer to put in one by one than together."""
_PART_PAIRS: Final = 500_000
"""Of so many pairs the study is asked at once: fewer take less memory, but each asking takes a second and more by itself."""

MADE: Final = (
    "samples.put_people",
    "samples.keep_said",
    "samples.keep_traits",
    "samples.keep_alike",
    "samples.keep_cells",
    "samples.keep_texts",
    "samples.keep_rated",
    "samples.keep_filtered",
)
"""What is done with the pairs and what people said of them, in this order."""

Answer = tuple[list[str], list[Any]]
"""Columns and rows."""


@dataclass(frozen=True)
class Asked:
    """What is held: a run with a judge's ratings, and what these lenses and topics say."""

    run_id: str
    judge_id: str
    lens_ids: tuple[str, ...] = ()
    with_topics: bool = False


@dataclass
class HeldPairs:
    """One table in memory, with what it was made from; its lock guards refreshing."""

    memory: duckdb.DuckDBPyConnection = field(default_factory=lambda: _open_memory())
    lock: threading.Lock = field(default_factory=threading.Lock)
    work: tuple[Any, ...] | None = None
    last_rating: int = 0
    last_vote: tuple[int, int] = (-1, 0)
    """Where the last vote stands in the study, and how many there are."""
    texts: dict[str, None] = field(default_factory=dict)
    rows: dict[tuple[str, str], int | None] = field(default_factory=dict)
    """Where pairs are that somebody rated, by concept and sample."""
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


def count_pairs(folder: Path) -> int:
    """How many pairs all runs of a study have."""

    def count() -> int:
        with connect(folder) as cursor:
            ((n_pairs,),) = cursor.execute(query("samples.n_pairs")).fetchall()
        return int(n_pairs)

    return unchanged(folder, "n pairs", count)


def parts(folder: Path, held: Asked) -> Iterator[tuple[int, int]]:
    """First and last positions of the concepts that are asked for at once."""
    n_parts = -(-count_pairs(folder) // _PART_PAIRS) or 1
    with connect(folder) as cursor:
        ((last,),) = cursor.execute(query("samples.last_position"), {"run_id": held.run_id}).fetchall()
    step = -(-((last or 0) + 1) // n_parts)
    for first in range(0, (last or 0) + 1, step):
        yield first, first + step - 1


def build(folder: Path, held: Asked, index: HeldPairs, work: tuple[Any, ...]) -> None:
    """Make everything anew, what people said too; the study is given back after each part."""
    started, cpu = time.monotonic(), time.thread_time()
    values: dict[str, Any] = {"run_id": held.run_id, "judge_id": held.judge_id, "lens_ids": list(held.lens_ids)}
    values |= {"with_topics": held.with_topics}
    keep = "samples.keep_index"
    # Looked up before the ratings and votes themselves: what comes in between is put in now and once more next time.
    last, (last_vote, n_votes, _) = load_last_rating(folder), _load_last_vote(folder, since=-1)
    for first, until in parts(folder, held):
        with connect(folder) as cursor:
            _put(index.memory, cursor, ("samples.index_rows", "incoming", keep), first=first, last=until, **values)
        keep = "samples.keep_more"
        _compress(index)
    index.last_rating = 0
    with connect(folder) as cursor:
        _keep_people(cursor, held, index)
    for name in MADE:
        index.memory.execute(query(name))
    _compress(index)
    index.last_rating, index.last_vote = last, (last_vote, n_votes)
    index.texts.clear()
    index.rows.clear()
    index.answers = {}
    index.work = work
    index.built_at = index.voted_at = time.monotonic()
    index.build_s = index.built_at - started
    index.is_slow = time.thread_time() - cpu > _SLOW_S


def _compress(index: HeldPairs) -> None:
    # Somebody may be reading what was there before.
    with suppress(duckdb.TransactionException):
        index.memory.execute(query("samples.compress_held"))


def put_people(cursor: duckdb.DuckDBPyConnection, held: Asked, index: HeldPairs) -> None:
    """Put in what people said since; the cells that its pairs leave and come to are counted along."""
    since = {"run_id": held.run_id, "last_rating": index.last_rating}
    rated = cursor.execute(query("samples.rated_since"), since).fetchall()
    if not rated:
        return
    if len(rated) <= _FEW:
        _put_few(cursor, held, index, rated)
    else:
        _keep_people(cursor, held, index)
        _move(index.memory, "samples.put_people")


def _move(memory: duckdb.DuckDBPyConnection, put: str) -> None:
    """Put in what was said, between leaving cells and coming to others."""
    with _at_once(memory):
        memory.execute(query("samples.move_cells"), {"sign": -1})
        memory.execute(query(put))
        memory.execute(query("samples.move_cells"), {"sign": 1})


@contextmanager
def _at_once(memory: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Whoever counts meanwhile sees all of what is changed within, or nothing."""
    memory.execute("begin")
    try:
        yield
        memory.execute("commit")
    except BaseException:
        with suppress(duckdb.Error):
            memory.execute("rollback")
        raise


def _load_last_vote(folder: Path, *, since: int) -> tuple[int, int, int]:
    """Where the last vote stands in its table, how many there are, and how many after a place."""
    with connect(folder) as cursor:
        ((last, n, n_since),) = cursor.execute(query("samples.last_vote"), {"since": since}).fetchall()
    return last, n, n_since


def put_votes(folder: Path, held: Asked, index: HeldPairs, work: tuple[Any, ...]) -> bool:
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
        _move(index.memory, "samples.put_votes")
        index.memory.execute(query("samples.fold_cells"))
        index.last_vote, index.work, index.voted_at = (last, n), work, time.monotonic()
        index.answers = {}
    return True


def _keep_people(cursor: duckdb.DuckDBPyConnection, held: Asked, index: HeldPairs) -> None:
    rows_into = ("samples.people", "incoming_people", "samples.keep_people")
    _put(index.memory, cursor, rows_into, run_id=held.run_id, last_rating=index.last_rating)


def _put_few(
    cursor: duckdb.DuckDBPyConnection, held: Asked, index: HeldPairs, rated: Sequence[tuple[str, str]]
) -> None:
    """As `_keep_people` and `_move` in a quarter of the time: each pair is looked up by itself."""
    histories = read_sayings(cursor, held.run_id, sorted({sample_id for _, sample_id in rated}))
    rows = {pair: _row_of(cursor, held, index, pair) for pair in rated}
    with _at_once(index.memory):
        for pair, row_id in rows.items():
            told: dict[str, int | None] = {"row_id": row_id, "override_rating": None, "audit_rating": None}
            told |= {f"{source}_rating": saying.rating for source, saying in in_force(histories.get(pair, ())).items()}
            if row_id is not None:
                index.memory.execute(query("samples.move_pair"), told)
                index.memory.execute(query("samples.put_pair"), told)


def _row_of(cursor: duckdb.DuckDBPyConnection, held: Asked, index: HeldPairs, pair: tuple[str, str]) -> int | None:
    """Where a pair is held, which the study tells; None of one that is not, for it has no output."""
    if pair not in index.rows:
        concept, sample_id = pair
        asked = {"run_id": held.run_id, "concept": concept, "sample_id": sample_id}
        place = cursor.execute(query("samples.place"), asked).fetchone() or (None,)
        found = index.memory.execute(query("samples.row_of"), {"place": place[0]}).fetchall()
        index.rows[pair] = next((row_id for row_id, *names in found if names == [concept, sample_id]), None)
    return index.rows[pair]


def _put(
    memory: duckdb.DuckDBPyConnection, cursor: duckdb.DuckDBPyConnection, rows_into: tuple[str, str, str], **values: Any
) -> None:
    """Hand the rows of a query of the study, a part at a time and under a name, to a statement in memory."""
    rows, name, into = rows_into
    memory.register(name, cursor.sql(query(rows), params=values).to_arrow_reader(100_000))
    memory.execute(query(into))
    memory.unregister(name)


def find_text(folder: Path, held: Asked, index: HeldPairs, text: str) -> None:
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
