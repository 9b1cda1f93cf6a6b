"""Concepts whose names would leave their folder, mark up a page or paint a terminal, through every command about lenses."""

import json
from pathlib import Path

import pytest

from tests.support.command import Command
from tests.support.hostile_study import HOSTILE
from tests.support.planted import copy_study

COMMANDS = {
    "train": ("train", "--lens", "ridge"),
    "filter": ("filter", "--variant", "good-only"),
    "refine": ("refine", "--variant", "ridge"),
    "compare": ("compare", "settings", "--layer", "0"),
    "layers": ("layers",),
    "report": ("report",),
}
SHOWN = tuple(name.replace("\u202e", "\\u202e") for name in HOSTILE)


@pytest.fixture(scope="module")
def study(hostile_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_study(hostile_study, tmp_path_factory.mktemp("names") / "study")


def files_of(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("command", COMMANDS)
def test_names_are_told_as_text_and_stay_in_the_study(
    study: Path, lensgap: Command, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So wide that no name is cut short.
    monkeypatch.setenv("COLUMNS", "200")
    name, *others = COMMANDS[command]
    sub = [others.pop(0)] if name == "compare" else []
    outside = files_of(study.parent) - {f"study/{file}" for file in files_of(study)}
    told = lensgap(name, *sub, study, *others)
    assert told.status == 0, told.stderr
    said = told.stdout + told.stderr
    assert "\u202e" not in said
    assert "\x1b[31m" not in said
    if command in ("compare", "layers", "report"):
        assert all(shown in said for shown in SHOWN)
    assert files_of(study.parent) - {f"study/{file}" for file in files_of(study)} == outside


@pytest.mark.parametrize("command", ["filter", "refine", "compare"])
def test_json_keeps_names_whole(study: Path, lensgap: Command, command: str) -> None:
    name, *others = COMMANDS[command]
    sub = [others.pop(0)] if name == "compare" else []
    [found] = json.loads(lensgap(name, *sub, study, *others, "--json").stdout)
    concepts = found["concepts"]
    assert {one["concept"] for one in concepts} if isinstance(concepts, list) else set(concepts) == set(HOSTILE)


def test_a_pack_of_lenses_holds_them_under_names_that_files_can_have(
    study: Path, lensgap: Command, tmp_path: Path
) -> None:
    told = lensgap("export", "lens-pack", study, "--out", tmp_path / "pack", "--layer", "2", "--family", "logistic")
    assert told.status == 0, told.stderr
    assert files_of(tmp_path) == {f"pack/{file}" for file in files_of(tmp_path / "pack")}
    lenses = json.loads((tmp_path / "pack" / "manifest.json").read_text())["lenses"]
    assert {lens["concept"] for lens in lenses} == set(HOSTILE)
    for lens in lenses:
        assert set(Path(lens["file"]).stem) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
        assert (tmp_path / "pack" / lens["file"]).is_file()


def test_lenses_of_a_wrong_shape_are_refused_by_their_file(study: Path, lensgap: Command, tmp_path: Path) -> None:
    from engine.lenses.files import load_lens, save_lens

    lensgap("export", "lens-pack", study, "--out", tmp_path / "pack", "--layer", "2", "--family", "logistic")
    file = next((tmp_path / "pack" / "layer2").glob("*.safetensors"))
    state = load_lens(file).state()
    save_lens({**state, "linear.weight": state["linear.weight"][:, :-3]}, file)
    told = lensgap("score", tmp_path / "pack", "gin")
    assert (told.status, told.stdout) == (1, "")
    assert file.name in told.stderr.replace("\n", "")
