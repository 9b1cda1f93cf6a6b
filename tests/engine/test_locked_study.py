"""While another process holds the study, every command says so in one sentence that names the holder, and changes nothing."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from db.connect import DATABASE
from tests.support.killing import Impatient, run_command
from tests.support.planted import close_databases
from tests.support.planted_runs import Planted, PlantedRun, build_runs

COMMANDS = (
    "run",
    "judge",
    "train",
    "audit plan",
    "audit estimate",
    "import samples",
    "export artifacts",
    "export dataset",
    "curve",
    "activations",
    "compare runs",
    "compare judges",
    "report",
    "snapshot list",
    "filter",
)
HOLD = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


@dataclass(frozen=True)
class Held:
    """A study, the process that holds it, and the database as it was."""

    study: Path
    pid: int
    before: bytes


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    concepts = {"gin": Planted(), "rum": Planted()}
    study = tmp_path_factory.mktemp("held") / "study"
    build_runs(study, [PlantedRun("one", concepts), PlantedRun("two", concepts)])
    close_databases()
    file = study / DATABASE
    command = [sys.executable, "-c", HOLD, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        yield Held(study, holder.pid, file.read_bytes())
        holder.communicate()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_held_study_is_told_with_its_holder_and_left_as_it_is(held: Held, tmp_path: Path, command: str) -> None:
    texts, out = tmp_path / "texts.csv", tmp_path / "out"
    texts.write_text("concept,arm,text\ngin,positive,A clear spirit.\n")
    place = [texts, "--into", held.study] if command == "import samples" else [held.study]
    new = ["--out", out] if command.startswith("export") else []
    ended = run_command(tmp_path / "said", [*command.split(), *place, *new], Impatient(0.1))
    assert (ended.status, ended.stdout) == (1, ""), ended.stderr
    told = ended.stderr.strip().splitlines()[-1]
    assert told.startswith("The study is in use. ")
    assert f"{held.study / DATABASE} has been in use by PID {held.pid}" in told
    assert told.endswith("Wait until it is done, or stop it, and try again.")
    assert "Traceback" not in ended.stderr
    assert not out.exists()
    assert (held.study / DATABASE).read_bytes() == held.before
