"""A whole study: made again it is the same, killed anywhere it goes on, and done it has nothing left to do."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from db import connect
from engine.config import StudyConfig
from engine.errors import ConfigError, ExpectedError, ModelError, PackError, StudyMissing
from engine.pipeline import run
from engine.subject.load import BUNDLED
from tests.support.killing import Ending, FullDisk, run_command
from tests.support.planted import snapshot

SETTINGS = {
    "per_quadrant": 1,
    "n_positive": 6,
    "n_negative": 6,
    "max_new_tokens": 16,
    "batch_size": 8,
    "folds": 3,
    "lenses": ("logistic",),
    "layers": (0, 2),
}


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled model, held still."""
    return Path(shutil.copytree(BUNDLED, tmp_path_factory.mktemp("bundled") / "model"))


@pytest.fixture(scope="module")
def flags(bundled: Path) -> list[object]:
    """The settings as options of a command."""
    given: list[object] = ["--model", bundled]
    for name, value in SETTINGS.items():
        for one in value if isinstance(value, tuple) else (value,):
            given += [f"--{name.replace('_', '-')}", one]
    return given


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, flags: list[object]) -> Path:
    """A study made in one go."""
    folder = tmp_path_factory.mktemp("undisturbed")
    ended = run_command(folder, ["run", folder / "study", *flags])
    assert ended.status == 0, ended.stderr
    return folder / "study"


def test_a_study_is_whole(undisturbed: Path) -> None:
    found = snapshot(undisturbed)
    n_samples = len(found["texts"])
    assert len(found["pairs"]) == 4 * 12
    assert n_samples < 4 * 12
    assert len(found["forms"]) == len(found["topics"]) == n_samples
    assert len(found["activations"]) == n_samples * 2 * 2
    assert len(found["ratings"]) == len(found["pairs"])
    assert len(found["lenses"]) == 4 * 2
    assert not list(undisturbed.rglob("*.part*"))


def test_made_again_from_scratch_it_is_the_same(
    undisturbed: Path, bundled: Path, flags: list[object], tmp_path: Path
) -> None:
    ended = run_command(tmp_path, ["run", tmp_path / "study", *flags])
    assert ended.status == 0, ended.stderr
    assert snapshot(tmp_path / "study") == snapshot(undisturbed)


def test_done_it_has_nothing_left_to_do(undisturbed: Path, bundled: Path) -> None:
    before = snapshot(undisturbed)
    config = StudyConfig(model=str(bundled), **SETTINGS)  # type: ignore[arg-type]
    summary = run(undisturbed, config, quiet=True)
    assert set(summary.n_done) == {"generate", "form", "capture", "topics", "relevance", "train"}
    assert set(summary.n_done.values()) == {0}
    assert snapshot(undisturbed) == before


KILLS = (
    Ending("generate", nth=2, moment="after the rows"),
    Ending("generate", nth=2, moment="before the rows"),
    Ending("form"),
    Ending("capture", nth=2, moment="before the rows"),
    Ending("topics", nth=2, moment="after the rows"),
    Ending("relevance", nth=2),
    Ending("train", nth=2),
)
"""Each kill follows the one before it in one study; killed before its rows, a stage has lost a batch, or left a shard behind."""


def test_killed_at_every_stage_it_goes_on_to_the_same_study(
    undisturbed: Path, flags: list[object], tmp_path: Path
) -> None:
    study = tmp_path / "study"
    for kill in KILLS:
        ended = run_command(tmp_path, ["run", study, *flags], kill)
        assert ended.status == -signal.SIGKILL, (kill, ended.stderr)
    assert not list((study / "activations").glob("*.partial"))
    ended = run_command(tmp_path, ["run", study])  # the settings are the study's own by now
    assert ended.status == 0, ended.stderr
    assert snapshot(study) == snapshot(undisturbed)
    assert sorted(file.name for file in (study / "activations").iterdir()) == sorted(
        file.name for file in (undisturbed / "activations").iterdir()
    )


def test_a_shard_without_rows_is_written_again_under_the_same_name(
    undisturbed: Path, flags: list[object], tmp_path: Path
) -> None:
    study = tmp_path / "study"
    kill = Ending("capture", nth=1, moment="before the rows")
    assert run_command(tmp_path, ["run", study, *flags], kill).status == -signal.SIGKILL
    [orphan] = (study / "activations").iterdir()
    with connect(study) as cursor:
        assert cursor.execute("select count(*) from activations").fetchone() == (0,)
    assert run_command(tmp_path, ["capture", study]).status == 0
    assert orphan.exists()
    assert snapshot(study)["activations"] == snapshot(undisturbed)["activations"]


def test_stage_by_stage_it_is_the_same_study(undisturbed: Path, flags: list[object], tmp_path: Path) -> None:
    study = tmp_path / "study"
    for stage in ("select", "generate", "capture", "judge", "train"):
        ended = run_command(tmp_path, [stage, study, *flags])
        assert ended.status == 0, ended.stderr
    assert snapshot(study) == snapshot(undisturbed)


def test_interrupted_it_says_how_to_go_on(flags: list[object], tmp_path: Path) -> None:
    ended = run_command(tmp_path, ["run", tmp_path / "study", *flags], Ending("generate", nth=2, signal=signal.SIGINT))
    assert ended.status == 130
    assert "Run the same command again" in ended.stderr
    assert "Traceback" not in ended.stderr


FULL = (
    (FullDisk("engine.stages.stage", "write_rows", nth=3), "study"),
    (FullDisk("engine.stages.capture", "write_shard", nth=2), "safetensors"),
    (FullDisk("engine.stages.lens_rows", "save_lens", nth=2), "lenses"),
)


def test_a_full_disk_is_told_and_a_later_run_completes(undisturbed: Path, flags: list[object], tmp_path: Path) -> None:
    study = tmp_path / "study"
    for full, named in FULL:
        ended = run_command(tmp_path, ["run", study, *flags], full)
        assert ended.status == 1, ended.stderr
        assert "The disk is full" in ended.stderr
        assert named in ended.stderr
        assert "Traceback" not in ended.stderr
        assert not list(study.rglob("*.partial"))
    ended = run_command(tmp_path, ["run", study])
    assert ended.status == 0, ended.stderr
    assert snapshot(study) == snapshot(undisturbed)


@pytest.mark.slow
def test_the_real_command_killed_from_outside_goes_on(undisturbed: Path, flags: list[object], tmp_path: Path) -> None:
    """Nothing is patched here, so batches and shards are of their usual size; texts and ratings do not depend on that."""
    study = tmp_path / "study"
    arguments = list(map(str, ["run", study, *flags]))
    process = subprocess.Popen([sys.executable, "-m", "engine.cli", *arguments], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 90
    while n_rows(study) == 0 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert n_rows(study) > 0
    ended = run_command(tmp_path, ["run", study, *flags])
    assert ended.status == 0, ended.stderr
    here, there = snapshot(study), snapshot(undisturbed)
    assert all(here[name] == there[name] for name in ("texts", "forms", "pairs", "topics", "ratings"))


def n_rows(study: Path) -> int:
    try:
        with connect(study) as cursor:
            row = cursor.execute("select count(*) from samples").fetchone()
    except StudyMissing:
        return 0
    return int(row[0]) if row else 0


FAULTS: dict[str, tuple[dict[str, object], type[ExpectedError]]] = {
    "no pack": ({"pack": "./nowhere"}, PackError),
    "no concept in any quadrant": ({"pack_layer": 7}, PackError),
    "no model": ({"model": "./nowhere"}, ModelError),
    "layer that the model lacks": ({"layers": (0, 9)}, ConfigError),
    "no templates": ({"template_set": "./nowhere.toml"}, ConfigError),
    "no judge": ({"judge": "oracle"}, ExpectedError),
    "no lens": ({"lenses": ("sun",)}, ConfigError),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_settings_leaves_nothing_behind(llama_folder: Path, tmp_path: Path, fault: str) -> None:
    changes, error = FAULTS[fault]
    config = StudyConfig(**{"model": str(llama_folder), **SETTINGS, **changes})  # type: ignore[arg-type]
    with pytest.raises(error):
        run(tmp_path / "study", config, quiet=True)
    assert not (tmp_path / "study").exists()


def test_weights_that_are_missing_leave_nothing_behind(llama_folder: Path, tmp_path: Path) -> None:
    model = Path(shutil.copytree(llama_folder, tmp_path / "model"))
    (model / "model.safetensors").unlink()
    with pytest.raises(ModelError):
        run(tmp_path / "study", StudyConfig(model=str(model)), quiet=True)
    assert not (tmp_path / "study").exists()


def test_another_setting_of_the_texts_is_another_run_beside_the_first(llama_folder: Path, tmp_path: Path) -> None:
    ids = {
        run(tmp_path / "study", StudyConfig(model=str(llama_folder), **changes), only=("select",), quiet=True).run_id
        for changes in (
            {},
            {"seed": 1},
            {"temperature": 0.8},
            {"n_positive": 11},
            {"judge": "offline"},
            {"layers": (0,)},
        )
    }
    assert len(ids) == 4
    with connect(tmp_path / "study") as cursor:
        assert cursor.execute("select count(*) from runs").fetchone() == (4,)
