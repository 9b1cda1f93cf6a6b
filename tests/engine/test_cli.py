"""The command line: options made from the settings, and every expected fault in one sentence with its exit status."""

import importlib.metadata
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, make_dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from db import create_study, transaction
from engine import cli
from engine.commands import options
from engine.config import StudyConfig
from engine.errors import WordNetMissing
from tests.support.command import Command, Outcome
from tests.support.hand_made import HAND_MADE, write_pack
from tests.support.planted import close_databases

COMMANDS = ("demo", "run", "select", "generate", "capture", "judge", "train", "status", "report", "serve", "doctor")
STAGES = ("run", "select", "generate", "capture", "judge", "train")


def is_one_sentence(outcome: Outcome) -> bool:
    """Nothing on stdout, one line with a title on stderr, no traceback."""
    said = outcome.stderr.strip()
    return outcome.stdout == "" and "Traceback" not in said and len(said.splitlines()) == 1 and said.endswith(".")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(lensgap: Command, command: str) -> None:
    found = lensgap(command, "--help")
    assert found.status == 0
    assert "Usage" in found.stdout


def test_the_help_names_every_command_with_a_text(lensgap: Command) -> None:
    registered = {
        command.name or (command.callback and command.callback.__name__) for command in cli.app.registered_commands
    } | {group.name for group in cli.app.registered_groups}
    assert set(COMMANDS) <= registered
    assert all(command.callback and command.callback.__doc__ for command in cli.app.registered_commands)
    shown = lensgap("--help").stdout
    assert all(name in shown for name in COMMANDS)


def test_without_a_command_it_shows_its_help(lensgap: Command) -> None:
    found = lensgap()
    assert found.status in {0, 2}
    assert "Usage" in found.stdout + found.stderr


@pytest.mark.parametrize("command", STAGES)
def test_every_setting_is_an_option_of_every_stage(command: str) -> None:
    found = typer.main.get_command(cli.app).commands[command]  # type: ignore[attr-defined]
    found = getattr(found, "commands", {}).get("ask", found)
    names = {parameter.name: parameter for parameter in found.params}
    for setting in fields(StudyConfig):
        assert names[setting.name].default is None
        assert setting.metadata["help"] in names[setting.name].help


def test_a_new_setting_becomes_an_option_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    new = field(default=7, metadata={"help": "How wide.", "decides": "run"})
    shelf = field(default=(1, 2), metadata={"help": "Which shelves.", "decides": "work"})
    wider = make_dataclass(
        "Wider", [("width", int, new), ("shelves", tuple[int, ...] | None, shelf)], bases=(StudyConfig,), frozen=True
    )
    monkeypatch.setattr(options, "StudyConfig", wider)
    app, given = typer.Typer(), {}

    @app.command(cls=options.SettingsCommand)
    @options.with_settings
    def command(place: Annotated[str, typer.Argument()], **settings: Any) -> None:
        given.update(settings, place=place)

    found = CliRunner().invoke(app, ["here", "--width", "9", "--shelves", "3", "--shelves", "4", "--top-p", "0.5"])
    assert found.exit_code == 0, found.output
    assert (given["place"], given["width"], given["shelves"], given["top_p"]) == ("here", 9, ["3", "4"], 0.5)
    assert {name for name, value in given.items() if value not in (None, [])} == {"place", "width", "shelves", "top_p"}
    assert "(default: 7)" in " ".join(CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output.split())


WITH_SETTINGS = [
    *([name] for name in (*STAGES, "plan", "score")),
    ["judge", "ask"],
    ["judge", "try"],
    ["pack", "show"],
    ["pack", "select"],
]


def parameters(words: list[str]) -> list[Any]:
    found = typer.main.get_command(cli.app)
    for word in words:
        found = found.commands[word]  # type: ignore[attr-defined]
    return list(getattr(found, "commands", {}).get("ask", found).params)


@pytest.mark.parametrize("words", WITH_SETTINGS, ids=" ".join)
def test_no_name_of_an_option_is_cut_on_a_narrow_terminal(
    lensgap: Command, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = lensgap(*words, "--help").stdout
    names = [name for one in parameters(words) for name in (*one.opts, *one.secondary_opts) if name.startswith("--")]
    assert len(names) > 3
    for name in names:
        assert any(f"{name} " in line for line in shown.splitlines()), name
    assert all(len(line) <= 80 for line in shown.splitlines())


def panels(lensgap: Command, *words: str) -> dict[str, str]:
    """What the help shows, panel by panel, in order."""
    parts = lensgap(*words, "--help").stdout.split("╭─ ")[1:]
    return {part[: part.index(" ─")]: part for part in parts}


def test_the_help_of_a_judge_shows_its_settings_first_and_all_others_together(lensgap: Command) -> None:
    shown = panels(lensgap, "judge")
    assert list(shown) == ["Arguments", "Options", "Judge", "Settings of the run"]
    for name in ("judge", "base-url", "rubric", "votes", "text-limit", "budget", "rpm", "tpm", "batches", "prices"):
        assert f"--{name} " in shown["Judge"]
        assert f"--{name} " not in shown["Settings of the run"]


def test_the_help_of_a_run_shows_settings_by_theme(lensgap: Command) -> None:
    shown = panels(lensgap, "run")
    assert list(shown)[2:] == list(options.THEMES.values())
    for theme, name in {"Model": "dtype", "Prompts": "template-set", "Judge": "prices", "Lenses": "folds"}.items():
        assert [panel for panel, content in shown.items() if f"--{name} " in content] == [theme]


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--seed", "one"],
        ["run", "--mode", "sideways"],
        ["run", "--no-such-option"],
        ["report", "--k", "9"],
        ["serve", "--port", "0"],
        ["serve", "--port", "65536"],
        ["demo", "--port", "-1"],
        ["report", "--form-rule", "vibes"],
        ["fly"],
        ["run", "here", "there"],
    ],
)
def test_wrong_usage_ends_with_two(
    lensgap: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    found = lensgap(*arguments)
    assert found.status == 2
    assert not re.search("Traceback|Value error|Input should", found.stderr)
    assert list(tmp_path.iterdir()) == []


@dataclass(frozen=True, slots=True)
class Place:
    """Where a fault is made: a model, a pack, a study to be, and a settings file."""

    model: Path
    pack: Path
    study: Path
    toml: Path


def damage(name: str, content: bytes) -> Callable[[Place], object]:
    return lambda place: (place.model / name).write_bytes(content)


def spoil_pack(old: str, new: str) -> Callable[[Place], object]:
    def spoil(place: Place) -> None:
        file = place.pack / "layers" / "layer1.json"
        file.write_text(file.read_text().replace(old, new))

    return spoil


FAULTS: dict[str, tuple[Callable[[Place], object], list[str]]] = {
    "no pack": (lambda place: shutil.rmtree(place.pack), ["pack"]),
    "pack of half JSON": (spoil_pack("]}", ""), ["layer1.json", "line"]),
    "pack of a wrong type": (spoil_pack('"gin"', "3"), ["layer1.json", "concepts[0].term"]),
    "model that is not there": (lambda place: shutil.rmtree(place.model), ["model"]),
    "model folder without a model": (lambda place: (place.model / "config.json").unlink(), ["config.json"]),
    "config of half JSON": (damage("config.json", b'{"model_type": "lla'), ["config.json", "JSON"]),
    "weights missing": (lambda place: (place.model / "model.safetensors").unlink(), ["model.safetensors"]),
    "half of the weights": (damage("model.safetensors", b"\x10\x00"), ["model"]),
    "unknown setting": (lambda place: place.toml.write_text("sneed = 3"), ['"sneed"']),
    "setting of a wrong type": (lambda place: place.toml.write_text('seed = "one"'), ["seed"]),
    "setting out of bounds": (lambda place: place.toml.write_text("top_p = 3.0"), ["top_p"]),
    "settings that are no TOML": (lambda place: place.toml.write_text("seed ="), ["study.toml"]),
    "settings that are not there": (lambda place: place.toml.unlink(), ["study.toml"]),
    "unknown judge": (lambda place: place.toml.write_text('judge = "oracle"'), ["oracle", "offline"]),
    "unknown lens": (lambda place: place.toml.write_text('lenses = ["sun"]'), ["sun", "logistic"]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_expected_fault_ends_with_one_in_one_sentence_and_leaves_nothing(
    lensgap: Command, llama_folder: Path, tmp_path: Path, fault: str
) -> None:
    place = Place(tmp_path / "model", tmp_path / "pack", tmp_path / "studies" / "study", tmp_path / "study.toml")
    shutil.copytree(llama_folder, place.model)
    write_pack(place.pack, HAND_MADE)
    place.toml.write_text("seed = 1")
    make, named = FAULTS[fault]
    make(place)
    found = lensgap("run", place.study, "--config", place.toml, "--model", place.model, "--pack", place.pack)
    assert found.status == 1, found.stderr
    assert is_one_sentence(found), found.stderr
    assert all(word in found.stderr for word in named)
    assert not place.study.exists()
    assert not place.study.parent.exists()


@pytest.mark.parametrize("command", ["status", "report", "serve"])
def test_folder_without_a_study_is_told_and_not_made(lensgap: Command, tmp_path: Path, command: str) -> None:
    found = lensgap(command, tmp_path / "study")
    assert found.status == 1
    assert is_one_sentence(found), found.stderr
    assert "holds no study" in found.stderr
    assert not (tmp_path / "study").exists()


def test_no_control_in_a_fault_reaches_the_terminal(lensgap: Command, tmp_path: Path) -> None:
    found = lensgap("status", tmp_path / "gin\x1b[31m\nrum\u202e")
    assert found.status == 1
    assert is_one_sentence(found), found.stderr
    assert r"gin\x1b[31m\nrum\u202e" in found.stderr
    assert not set(found.stderr) & set("\x1b\u202e")


def test_links_in_a_circle_are_told(lensgap: Command, tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    found = lensgap("status", tmp_path / "a")
    assert found.status == 1
    assert is_one_sentence(found), found.stderr


def test_a_port_in_use_is_told_before_any_address(lensgap: Command, tmp_path: Path) -> None:
    create_study(tmp_path / "study")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        found = lensgap("serve", tmp_path / "study", "--port", port)
    assert found.status == 1
    assert is_one_sentence(found), found.stderr
    assert all(said in found.stderr for said in (str(port), "--port", "in use"))
    assert "http" not in found.stderr


def test_a_free_port_is_served_with_the_address_told(
    lensgap: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []

    def start(_program: str, command: list[str], _environment: dict[str, str]) -> None:
        started.append(command)

    monkeypatch.setattr(os, "execve", start)
    monkeypatch.delenv("LENSGAP_ADDRESS", raising=False)
    create_study(tmp_path / "study")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    found = lensgap("serve", tmp_path / "study", "--port", port)
    assert found.status == 0
    assert f"http://127.0.0.1:{port}" in found.stderr
    [command] = started
    assert f"--server.port={port}" in command


def test_version_is_that_of_the_installed_package(lensgap: Command) -> None:
    found = lensgap("--version")
    assert found.status == 0
    assert found.stdout == f"lensgap {importlib.metadata.version('lensgap')}\n"


def unwritable(tmp_path: Path, kind: str) -> Path:
    if kind == "below a file":
        (tmp_path / "file").write_text("no folder")
        return tmp_path / "file" / "study"
    if kind == "a file":
        (tmp_path / "file").write_text("no folder")
        return tmp_path / "file"
    return Path("/proc/lensgap-study")


@pytest.mark.parametrize("kind", ["below a file", "a file", "a system's folder"])
def test_folder_that_cannot_be_written_is_told(lensgap: Command, tmp_path: Path, kind: str) -> None:
    if kind == "a system's folder" and not Path("/proc").is_dir():
        pytest.skip("this system has no /proc")
    study = unwritable(tmp_path, kind)
    found = lensgap("select", study)
    assert found.status == 1
    assert is_one_sentence(found), found.stderr
    assert str(study.parent) in found.stderr
    assert sorted(tmp_path.iterdir()) == ([] if kind.startswith("a system") else [tmp_path / "file"])


@pytest.mark.parametrize("command", ["run", "status", "report", "serve"])
def test_study_of_a_newer_schema_is_told(lensgap: Command, tmp_path: Path, command: str) -> None:
    study = tmp_path / "study"
    create_study(study)
    with transaction(study) as cursor:
        cursor.execute("insert into schema_migrations values (999, 'future', timestamp '2030-01-01')")
    close_databases()
    found = lensgap(command, study)
    assert found.status == 1
    assert is_one_sentence(found), found.stderr
    assert "newer" in found.stderr
    assert "999" in found.stderr


@pytest.mark.parametrize("content", [b"", b"no database at all" * 400])
def test_database_that_is_none_is_told(lensgap: Command, tmp_path: Path, content: bytes) -> None:
    study = tmp_path / "study"
    study.mkdir()
    (study / "study.duckdb").write_bytes(content)
    found = lensgap("status", study)
    assert found.status == 1
    assert is_one_sentence(found), found.stderr


@contextmanager
def holder(study: Path) -> Iterator[int]:
    """Another process that has the study's database open; yields its id."""
    program = "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]); print('open', flush=True); time.sleep(60)"
    command = [sys.executable, "-c", program, str(study / "study.duckdb")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_study_in_use_names_the_holder(lensgap: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.exchange import status

    monkeypatch.setattr(status, "connect", partial(status.connect, wait_s=0.3))
    study = tmp_path / "study"
    create_study(study)
    close_databases()
    with holder(study) as pid:
        found = lensgap("status", study)
    assert found.status == 1
    assert is_one_sentence(found), found.stderr
    assert f"PID {pid}" in found.stderr
    assert lensgap("status", study).status == 0


def test_data_goes_to_stdout_and_progress_to_stderr(lensgap: Command, tmp_path: Path) -> None:
    study = tmp_path / "study"
    found = lensgap("select", study, "--per-quadrant", "1")
    assert found.status == 0
    run_id = found.stdout.strip()
    assert len(run_id.splitlines()) == 1
    assert run_id in found.stderr
    [run] = json.loads(lensgap("status", study, "--json").stdout)["runs"]
    assert run["run"] == run_id
    assert (run["n_concepts"], run["n_samples"]) == (4, 0)


def test_settings_that_are_not_given_are_those_of_the_study(lensgap: Command, tmp_path: Path) -> None:
    study = tmp_path / "study"
    first = lensgap("select", study, "--per-quadrant", "1", "--seed", "5").stdout
    assert lensgap("select", study).stdout == first
    assert lensgap("select", study, "--seed", "6").stdout != first


def test_doctor_lists_what_a_study_needs(lensgap: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    found = lensgap("doctor", tmp_path / "study", "--json")
    checks = {check["name"]: check for check in json.loads(found.stdout)}
    assert {"Python", "torch", "transformers", "duckdb", "streamlit", "device", "disk", "bundled model"} <= set(checks)
    assert {"ANTHROPIC_API_KEY", "WordNet", "browser"} <= set(checks)
    assert not checks["ANTHROPIC_API_KEY"]["is_well"]
    assert not checks["ANTHROPIC_API_KEY"]["needed"]
    assert all(check["is_well"] or check["advice"] for check in checks.values())
    assert not (tmp_path / "study").exists()
    shown = lensgap("doctor", tmp_path / "study").stdout
    assert all(name in shown for name in checks)
    well = all(check["is_well"] for check in checks.values() if check["needed"])
    assert found.status == (0 if well else 1)


def test_doctor_never_shows_the_key(lensgap: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "a-very-secret-key")
    found = lensgap("doctor", tmp_path, "--json")
    assert "a-very-secret-key" not in found.stdout + found.stderr


def test_doctor_fails_only_for_what_is_needed(
    lensgap: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine import doctor
    from engine.packs import wordnet

    def no_wordnet() -> None:
        raise WordNetMissing("No WordNet dictionary was found.")

    monkeypatch.setattr(wordnet, "load_wordnet", no_wordnet)
    monkeypatch.setattr(doctor, "_disk", lambda _folder: doctor.Check("disk", True, "roomy"))
    assert lensgap("doctor", tmp_path).status == 0
    full = doctor.Check("disk", False, "0.0 GiB free", "Free some space.")
    monkeypatch.setattr(doctor, "_disk", lambda _folder: full)
    found = lensgap("doctor", tmp_path)
    assert found.status == 1
    assert "Free some space." in found.stdout


def test_the_module_runs_as_a_command() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "engine.cli", "status", "/nowhere/at/all"],
        capture_output=True,
        text=True,
        env=os.environ | {"COLUMNS": "40"},
        check=False,
    )
    assert found.returncode == 1
    assert found.stdout == ""
    assert len(found.stderr.strip().splitlines()) == 1


def test_training_makes_no_study_of_a_mistyped_folder(tmp_path: Path, lensgap: Command) -> None:
    refused = lensgap("train", tmp_path / "mistyped")
    assert (refused.status, refused.stdout) == (1, "")
    assert "holds no study" in refused.stderr
    assert list(tmp_path.iterdir()) == []
