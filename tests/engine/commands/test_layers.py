"""Layers alone and joined on a planted study: which serves which concept is found, kept once, exported and scored."""

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from db import connect
from engine.pipeline import run
from engine.stages import training_sets
from tests.support.command import Command
from tests.support.hand_made import concept, write_pack
from tests.support.lensed_study import study_config

SERVED = {"gin": 0, "rum": 0, "cat": 2, "dog": 2}
D = 32
"""The tiny model's width."""


def planted_vectors(study: Path, tensor: str, places: Any, *, sample_ids: Sequence[str], width: int | None) -> Any:
    """Noise, but for features of a text's own concept at the one layer that shows it."""
    with connect(study) as cursor:
        about = dict(cursor.execute("select sample_id, prompt_concept from prompts").fetchall())
    layer = int(tensor.partition(".")[0])
    X = np.zeros((len(sample_ids), D), np.float32)
    for row, name in enumerate(sample_ids):
        seed = int.from_bytes(hashlib.sha256(f"{tensor} {name}".encode()).digest()[:4], "big")
        X[row] = np.random.default_rng(seed).standard_normal(D)
        if SERVED[about[name]] == layer:
            first = 8 * list(SERVED).index(about[name])
            X[row, first : first + 8] += 4.0
    return X * (1 + 50 * layer)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, llama_folder: Path) -> Path:
    folder = tmp_path_factory.mktemp("layers")
    terms = [concept("thing"), concept("place")]
    pack = write_pack(folder / "pack", {0: terms, 1: [concept(name, "thing") for name in SERVED]})
    config = study_config(
        llama_folder,
        pack,
        concepts=tuple(SERVED),
        n_positive=12,
        n_negative=12,
        lenses=("logistic", "lda"),
        join_layers=True,
        folds=4,
        opposite_share=0.0,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_sets, "read_vectors", planted_vectors)
        run(folder / "study", config, only=("select", "generate", "capture", "train"), quiet=True)
    return folder / "study"


def kept(study: Path) -> list[Any]:
    with connect(study) as cursor:
        return cursor.execute(
            "select * from comparisons join comparison_results using (comparison_id) order by all"
        ).fetchall()


def test_each_concept_is_served_by_the_layer_that_shows_it(study: Path, lensgap: Command) -> None:
    told = lensgap("layers", study, "--json")
    assert told.status == 0, told.stderr
    for family in json.loads(told.stdout)["families"]:
        assert family["reads"] == ["layer 0", "layer 2", "layers 0+2"]
        assert not family["left_out"]
        for one in family["concepts"]:
            layer = f"layer {SERVED[one['concept']]}"
            assert one["best"] == [layer], one
            joined = one["layers"]["layers 0+2"]["f1"]
            assert joined > one["layers"][f"layer {2 - SERVED[one['concept']]}"]["f1"]
        means = {one["reads"]: one["f1"]["value"] for one in family["layers"]}
        assert means["layers 0+2"] > max(means["layer 0"], means["layer 2"])
        gains = {one["variant"]: one["difference"]["value"] for one in family["gains"]}
        assert gains["a layer for each concept"] > 0
        assert gains["layers 0+2"] > 0


def test_a_sweep_is_kept_once_and_told_alike(study: Path, lensgap: Command) -> None:
    first = lensgap("layers", study, "--json")
    stored = kept(study)
    assert lensgap("layers", study, "--json").stdout == first.stdout
    assert kept(study) == stored
    ids = {identity for one in json.loads(first.stdout)["families"] for identity in one["comparisons"].values()}
    assert {row[0] for row in stored} == ids
    assert len(ids) == 4
    table = lensgap("layers", study, "--family", "logistic").stdout
    assert re.search(r"gin +0 +0", table)
    assert "A layer for each concept" in table


def test_joined_lenses_are_told_by_the_layers_that_they_read(study: Path, lensgap: Command) -> None:
    report = json.loads(lensgap("report", study, "--json").stdout)
    assert report["lens"]["layer"] == 2
    for one in report["concepts"]:
        assert {lens["reads"] for lens in one["lenses"]} == {"layer 0", "layer 2", "layers 0+2"}
    [status] = json.loads(lensgap("status", study, "--json").stdout)["runs"]
    assert {(one["family"], one["reads"], one["n_lenses"]) for one in status["lenses"]} >= {
        ("lda", "layers 0+2", len(SERVED))
    }
    assert f"{len(SERVED)} lda on layers 0+2" in lensgap("status", study).stdout


def test_joined_lenses_are_exported_natively_scored_and_refused_in_the_hatcat_layout(
    study: Path, tmp_path: Path, lensgap: Command
) -> None:
    made = lensgap("export", "lens-pack", study, "--out", tmp_path / "pack", "--joined")
    assert made.status == 0, made.stderr
    manifest = json.loads((tmp_path / "pack" / "manifest.json").read_text())
    assert {(tuple(lens["layers"]), lens["layer"]) for lens in manifest["lenses"]} == {((0, 2), None)}
    scored = lensgap("score", tmp_path / "pack", "a text about gin", "--json")
    assert scored.status == 0, scored.stderr
    [text] = json.loads(scored.stdout)["texts"]
    assert {(score["concept"], tuple(score["layers"])) for score in text["scores"]} == {(c, (0, 2)) for c in SERVED}
    assert all(np.isfinite(score["logit"]) for score in text["scores"])
    refused = lensgap("export", "lens-pack", study, "--out", tmp_path / "no", "--joined", "--layout", "hatcat")
    assert refused.status == 1
    assert "cannot hold lenses that read several layers joined (0+2)" in refused.stderr
    assert not (tmp_path / "no").exists()


def test_a_manifest_that_contradicts_itself_is_told(study: Path, tmp_path: Path, lensgap: Command) -> None:
    lensgap("export", "lens-pack", study, "--out", tmp_path / "pack", "--joined")
    file = tmp_path / "pack" / "manifest.json"
    manifest = json.loads(file.read_text())
    manifest["lenses"][0]["layer"] = 2
    file.write_text(json.dumps(manifest))
    told = lensgap("score", tmp_path / "pack", "gin")
    assert told.status == 1
    assert "contradict" in told.stderr


def test_one_layer_is_nothing_to_sweep(study: Path, lensgap: Command) -> None:
    told = lensgap("layers", study, "--family", "ridge")
    assert told.status == 1
    assert "nothing to compare" in told.stderr
