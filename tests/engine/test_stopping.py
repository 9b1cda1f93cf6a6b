"""Ctrl-C while the database is at work on a statement that would not end for years, in a process of its own."""

import multiprocessing
import os
import signal
import sys
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from db import connect, create_study, insert, transaction
from db.rows import PackRow

YEARS = "select count(*) from range(1000000000) a, range(1000000000) b"


def packs(study: Path) -> list[str]:
    with connect(study) as cursor:
        return [name for (name,) in cursor.execute("select name from packs").fetchall()]


def show_status(study: Path, is_transaction: bool, stderr: Path, pipe: Connection) -> None:
    """Run `lensgap status`, which adds a pack and then waits for a statement, and say when that begins."""
    os.dup2(os.open(stderr, os.O_WRONLY | os.O_CREAT), sys.stderr.fileno())
    signal.signal(signal.SIGINT, signal.default_int_handler)
    from engine import cli
    from engine.exchange import status

    def add_and_wait(study: Path) -> None:
        with transaction(study) if is_transaction else connect(study) as cursor:
            insert(cursor, [PackRow("one", "one", "1", "", "", 1)])
            pipe.send("begins")
            cursor.execute(YEARS).fetchall()

    status.build_status = add_and_wait  # type: ignore[assignment]
    sys.argv = ["lensgap", "status", str(study)]
    cli.main()


@pytest.mark.parametrize("is_transaction", [False, True])
def test_ctrl_c_ends_a_command_in_the_middle_of_a_statement_with_a_line_and_the_study_whole(
    tmp_path: Path, is_transaction: bool
) -> None:
    study, stderr = tmp_path / "study", tmp_path / "stderr"
    create_study(study)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.support.preload"])
    ours, theirs = context.Pipe()
    process = context.Process(target=show_status, args=(study, is_transaction, stderr, theirs))
    process.start()
    try:
        assert ours.poll(60)
        # Once is enough, whether the statement has begun already or not.
        os.kill(process.pid or 0, signal.SIGINT)
        process.join(60)
        assert (process.exitcode, stderr.read_text()) == (130, "Stopped. Run the same command again to continue.\n")
    finally:
        process.kill()
        process.join()
    assert packs(study) == ([] if is_transaction else ["one"])
