"""Several processes on one study: nothing is lost, nothing half-written, and nobody waits for long."""

import random
import time
from pathlib import Path

import numpy as np
import pytest
from workers import (
    BATCH,
    Report,
    add_all,
    batch,
    child,
    die_after_a_fork,
    fill_disk,
    hold_cursor,
    hold_lock,
    open_slowly,
    read_without_pause,
    run_app,
    run_engine,
    stand_in_line,
    write_batches,
)

from db import connect, insert, transaction
from db.connect import DATABASE, is_at_hand
from db.errors import StudyLocked
from db.patience import patient
from tests.support.planted import close_databases


@pytest.mark.slow
def test_an_engine_and_eight_reviewers_share_a_million_pairs(big_study: Path) -> None:
    n_batches, n_ratings, pause_s = 12, 12, 1.0
    with (
        child(run_engine, big_study, n_batches, pause_s) as (_, engine_pipe),
        child(run_app, big_study, n_ratings, pause_s) as (_, app_pipe),
    ):
        app: Report = app_pipe.recv()
        engine: Report = engine_pipe.recv()
    for what, times in (app.seconds | engine.seconds).items():
        p50, p95 = np.percentile(times, [50, 95])
        print(f"{what}: n = {len(times)}, p50 {p50:.3f} s, p95 {p95:.3f} s, longest {max(times):.3f} s")
    assert app.errors == engine.errors == []
    assert (len(app.keys), len(engine.keys)) == (8 * n_ratings, 32 * n_batches)
    with connect(big_study) as cursor:
        ratings = {key for (key,) in cursor.execute("select rating_id from ratings").fetchall()}
        new = cursor.execute(
            "select p.sample_id, count(s.sample_id), count(a.sample_id), count(j.sample_id) from prompts p "
            "left join samples s using (sample_id) left join pairs a using (sample_id) "
            "left join judgments j using (sample_id) where p.sample_id like 'new-%' group by p.sample_id"
        ).fetchall()
    rated = set(app.keys)
    assert ratings == rated, f"lost: {sorted(rated - ratings)}, never acknowledged: {sorted(ratings - rated)}"
    assert {row[0] for row in new} == set(engine.keys)
    assert all(row[1:] == (1, 1, 1) for row in new)
    # Half a second and less where nothing else is under way, which `bench dashboard` measures.
    assert np.median(app.seconds["rating"]) < 2


def rows_by_batch(folder: Path) -> dict[str, int]:
    with connect(folder) as cursor:
        return dict(cursor.execute("select name, count(*) from packs group by name").fetchall())


def test_kills_in_mid_write_lose_nothing_acknowledged_and_leave_nothing_partial(study: Path) -> None:
    draw = random.Random(1)
    acknowledged: set[str] = set()
    for i in range(20):
        with child(write_batches, study, 1_000 * i) as (process, pipe):
            assert pipe.poll(20)
            end = time.monotonic() + draw.uniform(0.0, 0.25)
            while (left := end - time.monotonic()) > 0:
                if pipe.poll(left):
                    acknowledged.add(f"batch-{pipe.recv()}")
            process.kill()
            process.join()
            while pipe.poll():
                try:
                    acknowledged.add(f"batch-{pipe.recv()}")
                except EOFError:
                    break
        found = rows_by_batch(study)
        assert set(found.values()) == {BATCH}
        assert acknowledged <= set(found)
    assert len(acknowledged) > 40, "the kills came too early to prove anything"


def test_two_processes_that_add_the_same_rows_add_them_once(study: Path) -> None:
    names = [f"batch-{i}" for i in range(20)]
    with child(add_all, study, names) as (_, one), child(add_all, study, names) as (_, other):
        one.send("go")
        other.send("go")
        n_new = [one.recv(), other.recv()]
    assert sum(n_new) == 20 * BATCH
    assert rows_by_batch(study) == dict.fromkeys(names, BATCH)


def test_held_lock_is_one_error_that_names_the_holder_and_no_patience_lengthens(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("db.patience.WAIT_S", 0.2)
    told: list[str] = []
    with child(hold_lock, study / DATABASE) as (process, pipe):
        assert pipe.recv() == "held"
        start = time.monotonic()
        with (
            patient(told.append),
            pytest.raises(StudyLocked, match=rf"PID {process.pid} \(.*python.*\) for 0.2 s"),
            connect(study),
        ):
            pass
        assert 0.2 <= time.monotonic() - start < 5
        assert told == []
        pipe.send("let go")
        assert pipe.recv() == "released"
        with connect(study, wait_s=5) as cursor:
            assert cursor.execute("select 1").fetchall() == [(1,)]


def test_process_that_stands_still_while_opening_misses_nothing(study: Path) -> None:
    with child(open_slowly, study) as (_, pipe):
        with transaction(study) as cursor:
            pipe.send("open")
            pipe.poll(0.5)  # time to begin with the opening, were that allowed
            insert(cursor, batch("one"))
        close_databases()
        pipe.send("go on")
        assert pipe.recv() == "latest"


def test_peer_that_keeps_the_database_is_named_when_patience_is_over(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("db.patience.WAIT_S", 0.1)
    monkeypatch.setattr("db.patience.PEER_S", 0.15)
    told: list[str] = []
    with child(hold_cursor, study) as (process, pipe):
        assert pipe.recv() == "held"
        with (
            patient(told.append),
            pytest.raises(StudyLocked, match=rf"PID {process.pid} \(.*python.*\) for 0.2 s"),
            connect(study),
        ):
            pass
        assert len(told) == 1
        assert not is_at_hand(study)
        pipe.send("give it back")
        with connect(study) as cursor:
            assert cursor.execute("select 1").fetchall() == [(1,)]
            assert is_at_hand(study)


def test_patient_process_tells_whom_it_waits_for_and_outlasts_a_peer(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("db.patience.WAIT_S", 0.1)
    told: list[str] = []
    with child(hold_cursor, study) as (process, pipe):

        def tell(sentence: str) -> None:
            told.append(sentence)
            if len(told) == 2:
                pipe.send("give it back")

        assert pipe.recv() == "held"
        with patient(tell), transaction(study) as cursor:
            insert(cursor, batch("patient"))
    assert rows_by_batch(study) == {"patient": BATCH}
    for sentence, waited in zip(told, ("0.1", "0.2"), strict=False):
        assert f"PID {process.pid} (" in sentence
        assert f"for {waited} s. Nothing is lost" in sentence


def test_busy_process_steps_back_until_a_slow_peer_has_had_its_turn(study: Path) -> None:
    with child(stand_in_line, study) as (_, pipe):
        assert pipe.recv() == "waiting"
        with connect(study):
            pass
        # It has just given up the database to the peer, and may not take it again before.
        close_databases()
        with pytest.raises(StudyLocked), connect(study, wait_s=0.3):
            pass
        pipe.send("look")
        assert pipe.recv() is True
        pipe.send("go")
        assert pipe.recv() == "gone"
        with connect(study) as cursor:
            assert cursor.execute("select 1").fetchall() == [(1,)]


def test_peer_that_stands_still_keeps_others_waiting_now_and_then_and_not_for_long(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("db.lending.STEP_BACK_S", 0.6)
    with child(stand_in_line, study) as (_, pipe):
        assert pipe.recv() == "waiting"
        for _ in range(2):
            with connect(study, wait_s=10):
                pass
            close_databases()
        with connect(study, wait_s=0.4) as cursor:
            assert cursor.execute("select 1").fetchall() == [(1,)]
        monkeypatch.setattr("db.lending.AGAIN_S", 0.0)
        close_databases()
        with pytest.raises(StudyLocked), connect(study, wait_s=0.3):
            pass


def test_turn_of_a_dead_process_does_not_pass_to_its_forked_child(study: Path) -> None:
    with child(die_after_a_fork, study) as (_, pipe):
        assert pipe.recv() == "alone"
        with connect(study, wait_s=5) as cursor:
            assert cursor.execute("select 1").fetchall() == [(1,)]
        pipe.send("end")


def test_idle_process_lets_others_in(study: Path) -> None:
    with connect(study) as cursor:
        cursor.execute("select 1")
    time.sleep(1)
    with child(hold_lock, study / DATABASE) as (_, pipe):
        # A foreign program does not queue, so it must find the database free at once.
        assert pipe.recv() == "held"


def test_busy_process_gives_a_waiting_one_its_turn(study: Path) -> None:
    with child(read_without_pause, study) as (_, pipe):
        assert pipe.recv() == "busy"
        waits = []
        for _ in range(6):
            start = time.monotonic()
            with connect(study, wait_s=10):
                pass
            waits.append(time.monotonic() - start)
            time.sleep(0.25)
    assert max(waits) < 3


@pytest.mark.parametrize("n_bytes", [3_000_000, 20_000_000], ids=["in-the-log", "in-a-checkpoint"])
def test_full_disk_is_told_and_keeps_what_was_acknowledged(study: Path, n_bytes: int) -> None:
    with child(fill_disk, study, n_bytes) as (_, pipe):
        n_batches, told = pipe.recv()
        assert "Free some space" in told
        assert pipe.recv() == "written"
    expected = {f"batch-{i}" for i in range(n_batches)} | {"afterwards"}
    found = rows_by_batch(study)
    assert set(found.values()) == {BATCH}
    # The batch that failed may be there, whole: then only folding the log into the file had no room.
    assert expected <= set(found) <= expected | {f"batch-{n_batches}"}
    assert n_batches > 0
