"""Activations in a study: lost shards come back by the same command, layers and pools are as asked, chat is stored."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from db import connect
from engine.config import StudyConfig, read_config
from engine.errors import ActivationsError, ConfigError
from engine.pipeline import run
from engine.stages import capture as capture_stage
from engine.stages.capture import drop_lost_shards
from engine.stages.subject import stored_subject
from engine.stages.training_sets import load_training_set
from engine.subject.capture import Replay, capture
from engine.subject.encode import encode_prompt
from engine.subject.load import Subject, load_subject
from tests.support.command import Command
from tests.support.tiny_models import build_tiny_model


@pytest.fixture(scope="module")
def config(llama_folder: Path) -> StudyConfig:
    return StudyConfig(
        model=str(llama_folder),
        per_quadrant=1,
        n_positive=4,
        n_negative=4,
        max_new_tokens=12,
        layers=(0, -1),
        lenses=("logistic",),
        folds=2,
    )


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory, config: StudyConfig) -> Path:
    study = tmp_path_factory.mktemp("captured") / "study"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(capture_stage, "SHARD_SAMPLES", 7)
        run(study, config, only=("select", "generate", "capture"), quiet=True)
    return study


def activations(study: Path) -> dict[tuple[str, int, str], np.ndarray | str]:
    """Every activation of a study as float32, or why it is missing."""
    with connect(study) as cursor:
        rows = cursor.execute(
            "select sample_id, layer, phase, shard, shard_row, missing_reason from activations"
        ).fetchall()
    files = {shard: load_file(study / shard) for *_, shard, _, _ in rows if shard}
    return {
        (sample, layer, phase): files[shard][f"{layer}.{phase}"][row].astype(np.float32) if shard else reason
        for sample, layer, phase, shard, row, reason in rows
    }


def same(one: Path, other: Path) -> bool:
    """Whether two studies hold the same activations, but for rounding."""
    here, there = activations(one), activations(other)
    return here.keys() == there.keys() and all(alike(here[key], there[key]) for key in here)


def alike(one: np.ndarray | str, other: np.ndarray | str) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return one is other or str(one) == str(other)
    return np.allclose(one, other, rtol=2e-3, atol=2e-3)


def remove(file: Path) -> None:
    file.unlink()


def halve(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def flip(file: Path) -> None:
    """Change one bit of the values, which the file's own structure does not show."""
    content = bytearray(file.read_bytes())
    content[-3] ^= 4
    file.write_bytes(content)


@pytest.mark.parametrize("damage", [remove, halve, flip])
def test_lost_shard_is_named_and_comes_back_by_the_same_command(
    captured: Path,
    config: StudyConfig,
    tmp_path: Path,
    damage: Callable[[Path], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    study = tmp_path / "study"
    shutil.copytree(captured, study)
    shards = sorted((study / "activations").iterdir())
    damage(shards[1])
    done = run(study, config, only=("capture",)).n_done["capture"]
    assert done == 7
    assert shards[1].name in capsys.readouterr().err
    assert sorted((study / "activations").iterdir()) == shards
    assert same(study, captured)
    assert run(study, config, only=("capture",), quiet=True).n_done["capture"] == 0


def test_all_shards_lost_are_captured_at_the_layers_that_they_held(
    captured: Path, config: StudyConfig, tmp_path: Path
) -> None:
    study = tmp_path / "study"
    shutil.copytree(captured, study)
    shutil.rmtree(study / "activations")
    run(study, replace(config, layers=None), only=("capture",), quiet=True)
    assert same(study, captured)


def test_training_on_a_missing_shard_names_it_and_the_command(
    captured: Path, config: StudyConfig, tmp_path: Path
) -> None:
    study = tmp_path / "study"
    shutil.copytree(captured, study)
    gone = sorted((study / "activations").iterdir())[0]
    gone.unlink()
    with pytest.raises(ActivationsError, match=gone.name) as told:
        run(study, config, only=("train",), quiet=True)
    assert "lensgap capture" in str(told.value)
    assert "\n" not in str(told.value)


def test_sound_shards_are_kept(captured: Path, config: StudyConfig) -> None:
    run_id = run(captured, config, only=(), quiet=True).run_id
    assert drop_lost_shards(captured, run_id, mode="in_context") == {}


def test_stored_activations_are_those_of_the_model_rounded_to_half(
    captured: Path, config: StudyConfig, load: Callable[[str], Subject]
) -> None:
    subject, found = load("llama"), activations(captured)
    with connect(captured) as cursor:
        rows = cursor.execute(
            "select s.sample_id, q.prompt, s.output_ids from samples s join prompts q using (sample_id)"
        ).fetchall()
    assert {layer for _, layer, _ in found} == {0, 2}
    for sample_id, prompt, ids in rows:
        replay = Replay(tuple(encode_prompt(subject, prompt)), tuple(ids), pool_prefix=True)
        [alone] = capture(subject, [replay], layers=[0, 2])
        for (layer, phase), vector in alone.vectors.items():
            stored = found[sample_id, layer, phase]
            if vector is None:
                assert stored == "the output has no tokens"
            else:
                assert np.allclose(stored, vector, rtol=1e-3, atol=1e-3)  # type: ignore[arg-type]


def test_lenses_read_the_pool_asked_for(captured: Path, config: StudyConfig, tmp_path: Path) -> None:
    study = tmp_path / "study"
    shutil.copytree(captured, study)
    last = replace(config, pool="last")
    run_id = run(study, config, only=(), quiet=True).run_id
    assert run(study, last, only=(), quiet=True).run_id == run_id
    with connect(study) as cursor:
        concept, sample_id, shard, row = cursor.execute(
            "select p.concept, p.sample_id, a.shard, a.shard_row from pairs p join activations a using (sample_id) "
            "where a.layer = 2 and a.phase = 'output' and a.shard is not null limit 1"
        ).fetchone()  # type: ignore[misc]
    stored = load_file(study / shard)
    for settings, tensor in ((config, "2.output"), (last, "2.output-last")):
        data = load_training_set(study, run_id, settings, concept=concept, layer=2)
        assert np.array_equal(data.X[data.sample_ids.index(sample_id)], stored[tensor][row].astype(np.float32))
    for settings in (config, last):
        assert run(study, settings, only=("train",), quiet=True).n_done["train"] == 8
    with connect(study) as cursor:
        pools = cursor.execute("select pool, count(*) from lenses group by all order by all").fetchall()
    assert pools == [("last", 8), ("mean", 8)]


@pytest.mark.parametrize("layers", [(3,), (-4,), (1.2,)])
def test_layer_that_is_not_there_is_told_before_anything_is_written(
    config: StudyConfig, tmp_path: Path, layers: tuple[int | float, ...]
) -> None:
    with pytest.raises(ConfigError, match=r"Layer .* (does not exist|is no share)"):
        run(tmp_path / "study", replace(config, layers=layers), quiet=True)
    assert not (tmp_path / "study").exists()


def test_layers_are_read_from_the_command_line_and_from_toml(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text("layers = [0, -1, 0.5, 1.0]")
    assert read_config(tmp_path / "study.toml").layers == (0, -1, 0.5, 1.0)
    found = read_config(flags={"layers": ("0", "-1", ".5", "1.0")}).layers
    assert found == (0, -1, 0.5, 1.0)
    assert found is not None
    assert [type(layer) for layer in found] == [int, int, float, float]
    with pytest.raises(ConfigError, match="layers"):
        read_config(flags={"layers": ("last",)})


def test_study_on_an_instruct_model_goes_through_its_chat_template(
    lensgap: Command, llama_folder: Path, tmp_path: Path
) -> None:
    """End to end by the command line: the template is detected, stored, replayed, and its turns end texts."""
    folder, study = build_tiny_model(tmp_path / "instruct", style="llama", chat=True), tmp_path / "study"
    flags = ["--per-quadrant=1", "--n-positive=3", "--n-negative=3", "--max-new-tokens=10", "--layers=-1", "--folds=2"]
    made = lensgap("run", study, "--model", folder, "--lenses=logistic", "--stop=e ", "--top-k=50", *flags)
    assert made.status == 0, made.stderr
    run_id = made.stdout.strip()
    subject = stored_subject(study, run_id)
    assert subject is not None
    assert (subject.chat, subject.n_layers, subject.dtype) == (True, 3, "float32")
    with connect(study) as cursor:
        rows = cursor.execute(
            "select q.prompt, s.n_prompt_tokens, s.output from samples s join prompts q using (sample_id)"
        ).fetchall()
        layers = cursor.execute("select distinct layer from activations").fetchall()
        n_lenses = cursor.execute("select count(*) from lenses").fetchone()
    asked = load_subject(str(folder), device="cpu")
    assert all(n == len(encode_prompt(asked, prompt)) for prompt, n, _ in rows)
    assert not any("e " in output for *_, output in rows)
    assert not any("user:" in prompt for prompt, *_ in rows)
    assert (layers, n_lenses) == ([(2,)], (4,))
    assert "nothing left to do" in lensgap("run", study).stderr
    off = lensgap("generate", study, "--chat=off")
    assert off.status == 0
    plain = stored_subject(study, off.stdout.strip())
    assert plain is not None
    assert not plain.chat
