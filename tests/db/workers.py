"""What the child processes of the tests do; each reports through its pipe as it goes."""

import os
import random
import resource
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import duckdb
from big_study import JUDGE, N_CONCEPTS, RUN

from db import connect, insert, lending, transaction
from db.connect import DATABASE
from db.errors import StudyFull
from db.rows import JudgmentRow, PackRow, PairRow, PromptRow, RatingRow, SampleRow
from db.waiting import Turn, WaitingLine

BATCH = 300
# A server that has imported everything once makes a child start in milliseconds.
_context = get_context("forkserver")
_context.set_forkserver_preload(["workers"])


@contextmanager
def child(work: Callable[..., None], *arguments: Any) -> Iterator[tuple[BaseProcess, Connection]]:
    """A running process that does `work(*arguments, pipe)`, and our end of the pipe; it is killed at the end."""
    ours, theirs = _context.Pipe(duplex=True)
    process = _context.Process(target=work, args=(*arguments, theirs))
    process.start()
    theirs.close()
    try:
        yield process, ours
    finally:
        process.kill()
        process.join()
        ours.close()


def batch(name: str, *, n_bytes: int = 150) -> list[PackRow]:
    """Rows of text that does not compress, the same for the same name."""
    noise = random.Random(name)
    return [PackRow(f"{name}-{i:03d}", name, "1", noise.randbytes(n_bytes).hex(), "", BATCH) for i in range(BATCH)]


def write_batches(folder: Path, first: int, pipe: Connection) -> None:
    """Write batch after batch, naming each once it is committed, until killed."""
    for number in range(first, first + 1_000_000):
        with transaction(folder) as cursor:
            insert(cursor, batch(f"batch-{number}"))
        pipe.send(number)


def add_all(folder: Path, names: list[str], pipe: Connection) -> None:
    """Add the batches of these names and report how many rows were new."""
    pipe.recv()
    n_new = 0
    for name in names:
        with transaction(folder) as cursor:
            n_new += insert(cursor, batch(name))
    pipe.send(n_new)


def hold_lock(file: Path, pipe: Connection) -> None:
    """Hold the database as a foreign program would, until told to let go."""
    connection = duckdb.connect(file)
    pipe.send("held")
    pipe.recv()
    connection.close()
    pipe.send("released")


def hold_cursor(folder: Path, pipe: Connection) -> None:
    """Keep a cursor until told to give it back."""
    with connect(folder):
        pipe.send("held")
        pipe.recv()


def stand_in_line(folder: Path, pipe: Connection) -> None:
    """Wait in line, but look for the turn only when told; then have it until told again."""
    line, turn = WaitingLine(folder / f"{DATABASE}.queue"), Turn(folder / f"{DATABASE}.turn")
    line.join()
    pipe.send("waiting")
    pipe.recv()
    pipe.send(turn.take())
    pipe.recv()
    turn.end()
    line.leave()
    pipe.send("gone")


def die_after_a_fork(folder: Path, pipe: Connection) -> None:
    """End with the database open, as when killed, and leave a forked child that lives on until told."""
    with connect(folder):
        if os.fork():
            os._exit(0)
        pipe.send("alone")
        pipe.recv()
        os._exit(0)


def open_slowly(folder: Path, pipe: Connection) -> None:
    """Stand still between DuckDB's two steps of opening a file; report whether they saw the same state of it.

    DuckDB reads where the latest state begins, then asks for the lock, and does not look again.
    """

    def open_in_two_steps(file: Path) -> duckdb.DuckDBPyConnection:
        seen = begin_of(file)
        assert pipe.recv() == "go on"
        pipe.send("latest" if begin_of(file) == seen else "stale")
        return open_database(file)

    open_database, lending.open_database = lending.open_database, open_in_two_steps
    assert pipe.recv() == "open"
    with connect(folder):
        pass


def begin_of(file: Path) -> bytes:
    """The three headers of a database file, which name its latest state."""
    with file.open("rb") as opened:
        return opened.read(3 * 4096)


def read_without_pause(folder: Path, pipe: Connection) -> None:
    """Keep the database busy from four threads; report when it is."""

    def read() -> None:
        while True:
            with connect(folder) as cursor:
                cursor.execute("select count(*) from packs").fetchall()

    for _ in range(4):
        threading.Thread(target=read, daemon=True).start()
    time.sleep(0.3)
    pipe.send("busy")
    pipe.recv()
    os._exit(0)


def fill_disk(folder: Path, n_bytes: int, pipe: Connection) -> None:
    """Write batches until no file may grow above `n_bytes`; then lift the limit and write one more."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    number, told = 0, None
    try:
        while True:
            with transaction(folder) as cursor:
                insert(cursor, batch(f"batch-{number}", n_bytes=1_500))
            number += 1
    except StudyFull as error:
        told = str(error)
    pipe.send((number, told))
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    with transaction(folder) as cursor:
        insert(cursor, batch("afterwards"))
    pipe.send("written")


@dataclass
class Report:
    """What one side of the long run did: keys acknowledged, errors shown, seconds each call took."""

    keys: list[str]
    errors: list[str]
    seconds: dict[str, list[float]]


def run_engine(folder: Path, n_batches: int, work_s: float, pipe: Connection) -> None:
    """Write what an engine writes, a batch after every `work_s` seconds of work."""
    report = Report([], [], {"batch": []})
    for number in range(n_batches):
        time.sleep(work_s)
        rows = engine_batch(number)
        start = time.monotonic()
        try:
            with transaction(folder) as cursor:
                for part in rows:
                    insert(cursor, part)
        except Exception as error:  # noqa: BLE001 - whatever a user would be shown is what is counted
            report.errors.append(repr(error))
        else:
            report.seconds["batch"].append(time.monotonic() - start)
            report.keys += [row.sample_id for row in rows[0]]
    pipe.send(report)


def engine_batch(number: int) -> tuple[list[PromptRow], list[SampleRow], list[PairRow], list[JudgmentRow]]:
    """32 new samples of one concept, with their pairs and judgments."""
    now = datetime(2026, 1, 1)
    concept = f"concept-{number % N_CONCEPTS:05d}"
    names = [f"new-{number:05d}-{i:02d}" for i in range(32)]
    draws = [1_000 + 32 * number + i for i in range(32)]
    prompts = [
        PromptRow(name, RUN, concept, "define", draw, "Write.", number, draw)
        for name, draw in zip(names, draws, strict=True)
    ]
    samples = [SampleRow(name, "It is what it is. " * 10, "stop", (1, 2, 3), 5, now) for name in names]
    pairs = [PairRow(RUN, concept, name, "positive", None, 0.5, 300) for name in names]
    judgments = [JudgmentRow(JUDGE, concept, name, 0, 4, "so", None, "4", 90, 3, 0.0, now) for name in names]
    return prompts, samples, pairs, judgments


def run_app(folder: Path, n_ratings: int, pause_s: float, pipe: Connection) -> None:
    """Eight reviewers in threads: read a histogram and a page, rate a pair of it, pause; each so many times."""
    report = Report([], [], {"histogram": [], "page": [], "rating": []})
    threads = [
        threading.Thread(target=review, args=(folder, f"reviewer-{i}", n_ratings, pause_s, report)) for i in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pipe.send(report)


def review(folder: Path, reviewer: str, n_ratings: int, pause_s: float, report: Report) -> None:
    random_numbers = random.Random(reviewer)
    for number in range(n_ratings):
        time.sleep(pause_s * random_numbers.uniform(0.5, 1.5))
        concept = f"concept-{random_numbers.randrange(N_CONCEPTS):05d}"
        try:
            with timed(report, "histogram"):
                read(folder, "select * from rating_histograms($run, $judge) where concept = $concept", concept)
            with timed(report, "page"):
                page = read(folder, _PAGE, concept)
            with timed(report, "rating"):
                key = f"{reviewer}-{number}"
                rate(folder, key, concept, page[random_numbers.randrange(len(page))][0], reviewer)
            report.keys.append(key)
        except Exception as error:  # noqa: BLE001 - whatever a user would be shown is what is counted
            report.errors.append(repr(error))


_PAGE = """
select v.sample_id, v.verdict, s.output from verdicts($run, $judge) v join samples s using (sample_id)
where v.concept = $concept order by v.position limit 50
"""


@contextmanager
def timed(report: Report, what: str) -> Iterator[None]:
    start = time.monotonic()
    yield
    report.seconds[what].append(time.monotonic() - start)


def read(folder: Path, sql: str, concept: str) -> list[Any]:
    with connect(folder) as cursor:
        return cursor.execute(sql, {"run": RUN, "judge": JUDGE, "concept": concept}).fetchall()


def rate(folder: Path, key: str, concept: str, sample_id: str, reviewer: str) -> None:
    row = RatingRow(
        key, RUN, concept, sample_id, reviewer, "override", 3, None, None, False, None, datetime(2026, 1, 1)
    )
    with transaction(folder) as cursor:
        assert insert(cursor, [row]) == 1, f"{key} was taken for another rating"
