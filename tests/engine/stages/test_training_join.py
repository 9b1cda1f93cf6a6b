"""Labels meet activations by sample: neither the order of rows nor that of vectors decides anything."""

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from db import connect, insert, transaction
from db.rows import ActivationRow
from engine.config import StudyConfig
from engine.errors import ConfigError
from engine.pipeline import run
from engine.stages import capture as capture_stage
from engine.stages import training_sets
from engine.stages.training_sets import as_training_set, load_concepts, load_training_set
from engine.subject.capture import Captured
from engine.subject.load import Subject
from engine.subject.shards import read_vectors
from tests.support.planted import clean_text, copy_study, half_loops, plant, snapshot

ALL = ("judge", "capture", "train")


@pytest.fixture(scope="module")
def config(llama_folder: Path) -> StudyConfig:
    return StudyConfig(
        model=str(llama_folder), per_quadrant=1, n_positive=8, n_negative=8, layers=(1,), lenses=("logistic",), folds=3
    )


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory, config: StudyConfig, load: Callable[[str], Subject]) -> Path:
    """A study with planted texts that is captured in shards of ten samples, not trained."""
    study = tmp_path_factory.mktemp("captured") / "study"
    plant(study, config, load("llama"), clean_text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(capture_stage, "SHARD_SAMPLES", 10)
        run(study, config, only=("capture",), quiet=True)
    return study


@pytest.fixture(scope="module")
def trained(captured: Path, config: StudyConfig) -> Path:
    study = copy_study(captured, captured.parent / "trained")
    run(study, config, only=("train",), quiet=True)
    return study


def shuffle(study: Path, seed: int) -> None:
    """Store every shard's vectors in another order, and its rows, too."""
    rng = random.Random(seed)
    with transaction(study) as cursor:
        rows = [ActivationRow(*row) for row in cursor.execute("select * from activations").fetchall()]
        cursor.execute("delete from activations")
        moved = {}
        for shard in sorted({row.shard for row in rows if row.shard}):
            with safe_open(study / shard, framework="numpy") as file:
                tensors, written = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
            for name, vectors in tensors.items():
                order = list(range(len(vectors)))
                rng.shuffle(order)
                tensors[name] = vectors[order]
                layer, phase = name.split(".")
                moved |= {(shard, int(layer), phase, old): new for new, old in enumerate(order)}
            save_file(tensors, study / shard, metadata=written)
        placed = [
            ActivationRow(
                row.sample_id,
                row.layer,
                row.phase,
                row.mode,
                row.shard,
                moved[row.shard, row.layer, row.phase, row.shard_row] if row.shard else None,
                row.missing_reason,
            )
            for row in rows
        ]
        rng.shuffle(placed)
        insert(cursor, placed)


def test_shuffled_rows_and_shards_change_no_f1(
    captured: Path, trained: Path, config: StudyConfig, tmp_path: Path
) -> None:
    study = copy_study(captured, tmp_path / "shuffled")
    shuffle(study, seed=3)
    run(study, config, only=("train",), quiet=True)
    here, there = snapshot(study), snapshot(trained)
    assert here["lenses"] == there["lenses"]
    assert here["scores"] == there["scores"]
    assert any(row for row in here["scores"])


def test_a_label_in_the_wrong_place_would_show(
    captured: Path, trained: Path, config: StudyConfig, tmp_path: Path
) -> None:
    """The test above has teeth: moving the vectors without their rows changes the lenses."""
    study = copy_study(captured, tmp_path / "wrong")
    for file in (study / "activations").glob("*.safetensors"):
        with safe_open(file, framework="numpy") as opened:
            tensors = {name: opened.get_tensor(name)[::-1].copy() for name in opened.keys()}  # noqa: SIM118
            written = opened.metadata()
        save_file(tensors, file, metadata=written)
    run(study, config, only=("train",), quiet=True)
    assert snapshot(study)["measures"] != snapshot(trained)["measures"]


def test_training_set_holds_each_samples_own_vector(captured: Path, config: StudyConfig) -> None:
    run_id = run(captured, config, only=(), quiet=True).run_id
    with connect(captured) as cursor:
        concepts = [row[0] for row in cursor.execute("select concept from run_concepts").fetchall()]
        arms = {(c, s): arm for c, s, arm in cursor.execute("select concept, sample_id, arm from pairs").fetchall()}
    by_sample = {}
    for file in (captured / "activations").glob("*.safetensors"):
        with safe_open(file, framework="numpy") as opened:
            ids = json.loads(opened.metadata()["sample_ids"])
            by_sample |= dict(zip(ids, opened.get_tensor("1.output"), strict=True))
    for concept in concepts:
        data = load_training_set(captured, run_id, config, concept=concept, layer=1)
        assert len(data.sample_ids) == 16
        assert data.n_excluded == 0
        for sample_id, vector, y in zip(data.sample_ids, data.X, data.y, strict=True):
            assert np.array_equal(vector, by_sample[sample_id])
            assert y == (arms[concept, sample_id] == "positive")


def test_pairs_read_few_at_a_time_are_those_read_at_once(
    captured: Path, config: StudyConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(captured) as cursor:
        named = cursor.execute("select run_id, concept from run_concepts order by concept").fetchall()

    def read() -> list[tuple[object, ...]]:
        found = load_concepts(captured, named[0][0], config, concepts=[row[1] for row in named], layers=[1])
        sets = [as_training_set(one) for one in found.values()]
        return [(one.sample_ids, one.templates, one.texts, one.X.tobytes(), one.y.tolist()) for one in sets]

    at_once = read()
    monkeypatch.setattr(training_sets, "_ROWS_AT_ONCE", 3)
    assert read() == at_once
    assert {len(one[1]) for one in at_once} == {16}  # type: ignore[arg-type]


def test_training_before_capture_is_told(captured: Path, config: StudyConfig, tmp_path: Path) -> None:
    study = tmp_path / "study"
    with pytest.raises(ConfigError, match="capture"):
        run(study, config, only=("select", "train"), quiet=True)


def test_a_lens_is_trained_anew_when_more_pairs_are_captured(
    captured: Path, trained: Path, config: StudyConfig, tmp_path: Path
) -> None:
    study = copy_study(captured, tmp_path / "study")
    with transaction(study) as cursor:
        half = cursor.execute("select * from activations where sample_id > '8'").fetchall()
        cursor.execute("delete from activations where sample_id > '8'")
    assert half
    assert run(study, config, only=("train",), quiet=True).n_done["train"] == 4
    with transaction(study) as cursor:
        insert(cursor, [ActivationRow(*row) for row in half])
    assert run(study, config, only=("train",), quiet=True).n_done["train"] == 4
    assert run(study, config, only=("train",), quiet=True).n_done["train"] == 0
    with connect(study) as cursor:
        measured = cursor.execute("select distinct concept, f1 from lens_results order by all").fetchall()
    with connect(trained) as cursor:
        expected = cursor.execute("select concept, f1 from lens_results").fetchall()
    assert set(expected) <= set(measured)


def test_samples_without_output_tokens_are_left_out_and_counted(
    captured: Path, config: StudyConfig, tmp_path: Path
) -> None:
    study = copy_study(captured, tmp_path / "study")
    with transaction(study) as cursor:
        cursor.execute(
            "update activations set shard = null, shard_row = null, missing_reason = 'the output has no tokens' "
            "where phase = 'output' and sample_id < '4'"
        )
    run(study, config, only=("train",), quiet=True)
    with connect(study) as cursor:
        rows = cursor.execute("select n_positive + n_negative, n_excluded, reason from lens_results").fetchall()
    assert all(n + n_excluded == 16 for n, n_excluded, _ in rows)
    assert sum(n_excluded for _, n_excluded, _ in rows) > 0


@pytest.mark.slow
def test_loops_lower_gap_and_f1(config: StudyConfig, load: Callable[[str], Subject], tmp_path: Path) -> None:
    """The planted effect: the same study with half of its outputs replaced by loops has a lower gap and a lower F1."""
    from engine.exchange.report import build_report

    settings = StudyConfig(
        model=config.model, per_quadrant=2, n_positive=24, n_negative=24, layers=(0,), lenses=("logistic",), folds=4
    )
    reports = {}
    for name, write in (("clean", clean_text), ("loops", half_loops)):
        plant(tmp_path / name, settings, load("llama"), write)
        run(tmp_path / name, settings, only=ALL, quiet=True)
        run(tmp_path / name, settings, only=("generate",), quiet=True)  # nothing to generate, but forms to measure
        reports[name] = build_report(tmp_path / name)["overall"]
    clean, loops = reports["clean"], reports["loops"]
    assert clean["form"]["positive"]["good"] == 1.0
    assert loops["form"]["positive"]["repetitive"] == pytest.approx(0.5, abs=0.15)
    assert clean["gap"] > loops["gap"] + 0.5
    assert clean["gap_low"] > loops["gap_high"]
    assert clean["lens"]["mean_f1"] > loops["lens"]["mean_f1"] + 0.05
    assert clean["ceilings"]["label_noise"]["value"] > loops["ceilings"]["label_noise"]["value"]


HOSTILE = [
    "<script>alert(1)</script> gin",
    "before\x00after " * 20,
    "juniper " * 12_500,
    "👩‍👩‍👧‍👦 🍸 שלום e\u0301",
    "half \ud83d pair",
    "",
]


def test_hostile_texts_go_through_every_stage_and_come_back(
    tmp_path: Path, config: StudyConfig, load: Callable[[str], Subject], hand_made: Path
) -> None:
    settings = StudyConfig(
        model=config.model,
        pack=str(hand_made),
        siblings_low=1,
        siblings_high=3,
        per_quadrant=2,
        n_positive=6,
        n_negative=6,
        layers=(0,),
        lenses=("logistic",),
        folds=2,
    )
    texts = iter(HOSTILE * 100)
    study = tmp_path / "study"
    plant(study, settings, load("llama"), lambda _pack: lambda _term, _rng: next(texts).replace("\ud83d", "\ufffd"))
    run(study, settings, quiet=True)
    stored = {text for _, text, *_ in snapshot(study)["texts"]}
    assert stored == {text.replace("\ud83d", "\ufffd") for text in HOSTILE}
    reasons = {row[-1] for row in snapshot(study)["activations"]}
    assert reasons == {None, "the output has no tokens"}


def test_a_vector_that_is_not_finite_is_missing_with_the_reason(tmp_path: Path) -> None:
    sound, broken = np.ones(4, np.float32), np.array([1, np.inf, 0, 0], np.float32)
    captured = [
        Captured({(0, "prompt"): sound, (0, "output"): output}, {(0, "prompt"): sound, (0, "output"): output})
        for output in (broken, 2 * sound, None)
    ]
    rows = list(
        capture_stage._store(tmp_path, ["a", "b", "c"], captured, layers=[0], mode="in_context", dtype="float32")
    )
    found = {row.sample_id: row for row in rows if row.phase == "output"}
    assert {name: row.missing_reason for name, row in found.items()} == {
        "a": "the activation is not finite",
        "b": None,
        "c": "the output has no tokens",
    }
    [vector] = read_vectors(tmp_path, "0.output", [(found["b"].shard or "", found["b"].shard_row or 0)])
    assert np.array_equal(vector, 2 * sound)


def test_a_batch_that_lacks_a_sample_runs_whole_and_gives_the_same_text(config: StudyConfig, tmp_path: Path) -> None:
    settings = replace(config, max_new_tokens=8, batch_size=8)
    run(tmp_path / "study", settings, only=("select", "generate"), quiet=True)
    before = snapshot(tmp_path / "study")
    with transaction(tmp_path / "study") as cursor:
        cursor.execute("delete from forms")
    with transaction(tmp_path / "study") as cursor:
        cursor.execute("delete from samples where sample_id in (select min(sample_id) from prompts where batch = 0)")
    done = run(tmp_path / "study", settings, only=("generate",), quiet=True).n_done
    assert done["generate"] == 8
    assert snapshot(tmp_path / "study") == before
