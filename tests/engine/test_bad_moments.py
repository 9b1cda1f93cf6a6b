"""Refine and filter at bad moments: killed, interrupted, two at once, without room or permission."""

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from db import connect
from tests.support.killing import Ended, Event, FullDisk, Struck, run_command
from tests.support.planted import close_databases, copy_study

REFINE = ("refine", "--json")
FILTER = ("filter", "--variant", "good-only", "--variant", "weighted", "--json")
STORED = "select * exclude (compared_at) from comparisons join comparison_results using (comparison_id) order by all"
STRIKES: dict[tuple[str, ...], tuple[Struck, ...]] = {
    REFINE: (
        Struck("engine.stages.refine", "write_list"),
        Struck("engine.stages.refine", "write_rows", nth=2),
        Struck("engine.stages.refine", "refine_out_of_fold", signal=signal.SIGINT),
    ),
    FILTER: (
        Struck("engine.stages.filter", "write_rows", nth=2),
        Struck("engine.stages.filter", "measure_filters", signal=signal.SIGINT),
    ),
}
"""Each follows the one before it in one study."""


def stored(study: Path) -> list[Any]:
    with connect(study) as cursor:
        return cursor.execute(STORED).fetchall()


def kept(study: Path) -> dict[str, bytes]:
    return {str(path.relative_to(study)): path.read_bytes() for path in (study / "lenses").rglob("refined/**/*.*")}


def run(folder: Path, study: Path, command: tuple[str, ...], event: Event | None = None) -> Ended:
    close_databases()
    return run_command(folder, [command[0], study, *command[1:]], event)


@pytest.fixture(scope="module")
def undisturbed(hostile_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study after both commands, each in one go."""
    folder = tmp_path_factory.mktemp("undisturbed")
    study = copy_study(hostile_study, folder / "study")
    for command in STRIKES:
        ended = run(folder, study, command)
        assert ended.status == 0, ended.stderr
    assert kept(study)
    return study


@pytest.mark.parametrize("command", STRIKES, ids=lambda command: command[0])
def test_killed_or_interrupted_the_same_command_comes_to_the_undisturbed_result(
    hostile_study: Path, undisturbed: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    study = copy_study(hostile_study, tmp_path / "study")
    for strike in STRIKES[command]:
        ended = run(tmp_path, study, command, strike)
        if strike.signal == signal.SIGKILL:
            assert ended.status == -signal.SIGKILL, ended.stderr
        else:
            assert ended.status in (0, 130), ended.stderr
            assert ended.status == 0 or "Run the same command again" in ended.stderr
    ended = run(tmp_path, study, command)
    assert ended.status == 0, ended.stderr
    of_kind = "refinement" if command == REFINE else "filter"
    assert [row for row in stored(undisturbed) if of_kind in row] == stored(study)
    if command == REFINE:
        assert kept(study) == kept(undisturbed)


def test_two_commands_at_once_both_come_to_the_end(hostile_study: Path, undisturbed: Path, tmp_path: Path) -> None:
    study = copy_study(hostile_study, tmp_path / "study")
    close_databases()
    with ThreadPoolExecutor(2) as pool:
        both = [
            pool.submit(run_command, tmp_path / command[0] / str(i), [command[0], study, *command[1:]])
            for i, command in enumerate((REFINE, FILTER))
        ]
    for one in both:
        assert one.result().status == 0, one.result().stderr
        json.loads(one.result().stdout)
    assert stored(study) == stored(undisturbed)
    assert kept(study) == kept(undisturbed)


@pytest.mark.parametrize(
    ("command", "event"),
    [
        (REFINE, FullDisk("engine.stages.refined_files", "store_lens")),
        (REFINE, FullDisk("engine.stages.refine", "write_list")),
        (FILTER, FullDisk("engine.stages.filter", "write_rows")),
    ],
    ids=["refined lens", "list", "rows"],
)
def test_a_full_disk_is_told_and_loses_nothing(
    hostile_study: Path, undisturbed: Path, tmp_path: Path, command: tuple[str, ...], event: FullDisk
) -> None:
    study = copy_study(hostile_study, tmp_path / "study")
    ended = run(tmp_path, study, command, event)
    assert (ended.status, ended.stdout) == (1, ""), ended.stderr
    assert ended.stderr.replace("\n", " ").count("Free some space") == 1
    assert "Traceback" not in ended.stderr
    ended = run(tmp_path, study, command)
    assert ended.status == 0, ended.stderr
    whole = stored(undisturbed)
    assert stored(study) == [row for row in whole if row in stored(study)] != []
    assert command != REFINE or kept(study) == kept(undisturbed)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_study_that_may_only_be_read_is_told(hostile_study: Path, tmp_path: Path) -> None:
    study = copy_study(hostile_study, tmp_path / "study")
    (study / "study.duckdb").chmod(0o400)
    for command in STRIKES:
        ended = run(tmp_path, study, command)
        assert (ended.status, ended.stdout) == (1, "")
        assert "cannot be opened for writing" in ended.stderr.replace("\n", " ")
