"""The server's process: what it reads before it listens, and how it ends while threads are in the database's library."""

import gc
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from app import beforehand, server
from app.beforehand import read_ahead
from app.data import browsing, memory
from db.errors import StudyLocked
from tests.app.test_screens import MAIN, open_screen
from tests.support.dashboard import wait_for
from tests.support.synthetic_study import build_study

SERVE_BESIDE_A_LONG_QUERY = """
import sys, threading
from pathlib import Path
from app.server import main
from db import connect

def ask():
    with connect(Path(sys.argv[1])) as cursor:
        asked.set()
        cursor.execute("select count(*) from range(1000000000000) a where hash(range) = 1").fetchall()

asked = threading.Event()
threading.Thread(target=ask, daemon=True).start()
asked.wait()
main(sys.argv[2:])
"""


def test_a_server_ends_at_once_and_in_peace_while_a_thread_is_in_a_query(tmp_path: Path) -> None:
    study = build_study(tmp_path / "study", n_concepts=1, n_pairs=2, n_between=0)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", SERVE_BESIDE_A_LONG_QUERY, str(study), MAIN, f"--server.port={port}"]
    with (tmp_path / "log").open("wb") as log:
        environment = os.environ | {"LENSGAP_STUDY": str(study)}
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    wait_for(f"http://127.0.0.1:{port}/_stcore/health", process)
    process.terminate()
    assert process.wait(timeout=20) == 0
    assert "terminate" not in (tmp_path / "log").read_text()


def test_what_screens_need_of_a_large_study_is_read_ahead(full_study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (browsing, beforehand):
        monkeypatch.setattr(module, "is_large", lambda _: True)
    asked = note_what_is_read(monkeypatch)
    told: list[str] = []
    read_ahead(full_study, told.append)
    assert len(told) == 1
    assert "pairs ahead" in told[0]
    ahead = set(asked)
    assert {"index", "counts", "drawn", "rubric lab's pool", "constant lenses"} <= ahead
    asked.clear()
    for screen in ("overview", "samples", "review", "lenses", "rubric_lab", "corrections", "findings"):
        open_screen(full_study, monkeypatch, screen, name="Ada")
    assert not ahead & set(asked)


def test_no_search_for_garbage_looks_through_what_was_read_ahead(
    full_study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[dict[str, list[str]]] = []
    found: list[bool] = []
    monkeypatch.setenv("LENSGAP_STUDY", str(full_study))
    monkeypatch.setattr(server, "read_ahead", lambda *_: read.append({"pairs": ["one"]}))
    monkeypatch.setattr(server.cli, "main", lambda: found.append(any(one is read[0] for one in gc.get_objects())))
    monkeypatch.setattr(sys, "argv", sys.argv)
    server.main(["main.py"])
    assert found == [False]


def test_nothing_is_read_ahead_of_a_small_study_or_of_none(full_study: Path, tmp_path: Path) -> None:
    told: list[str] = []
    read_ahead(full_study, told.append)
    read_ahead(tmp_path / "none", told.append)
    assert told == []


@pytest.mark.parametrize("fault", [KeyError("E\x1b[31m"), duckdb.BinderException("E\x1b[31m"), StudyLocked("In use.")])
def test_a_fault_while_reading_ahead_is_told_at_most_and_ends_no_server(
    full_study: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    monkeypatch.setattr(beforehand, "is_large", lambda _: True)
    monkeypatch.setattr(beforehand, "_read", raising(fault))
    told: list[str] = []
    read_ahead(full_study, told.append)
    said = told[1:]
    assert [type(fault).__name__ in sentence for sentence in said] == ([] if isinstance(fault, StudyLocked) else [True])
    assert not any("\x1b" in sentence for sentence in said)


def test_ctrl_c_while_reading_ahead_ends_the_server(full_study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beforehand, "is_large", lambda _: True)
    monkeypatch.setattr(beforehand, "_read", raising(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        read_ahead(full_study, lambda _: None)


def raising(fault: BaseException) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise fault

    return fail


def note_what_is_read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    asked: list[str] = []
    memory._kept.clear()
    browsing._indexes.clear()

    def noting(module: Any, name: str, what: Any) -> None:
        before = getattr(module, name)

        def noted(*values: Any, **named: Any) -> Any:
            asked.append(what(values))
            return before(*values, **named)

        monkeypatch.setattr(module, name, noted)

    noting(memory, "_make", lambda values: values[1] if isinstance(values[1], str) else values[1][0])
    noting(browsing, "build", lambda _: "index")
    return asked
