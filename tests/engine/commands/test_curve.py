"""Learning curves of a small study from the command line: measured once, gone on with, and shown as the empirical ceiling."""

import json
from pathlib import Path
from typing import Any

import pytest

from db import connect
from engine.lenses.crossval import out_of_fold
from engine.pipeline import run
from engine.stages.unfinished import FOLDER
from tests.support.command import Command
from tests.support.hand_made import concept, write_pack
from tests.support.lensed_study import study_config

CONCEPTS = ("gin", "rum", "cat")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, llama_folder: Path) -> Path:
    folder = tmp_path_factory.mktemp("curves")
    pack = write_pack(folder / "pack", {0: [concept("thing")], 1: [concept(name, "thing") for name in CONCEPTS]})
    config = study_config(
        llama_folder,
        pack,
        concepts=CONCEPTS,
        n_positive=12,
        n_negative=12,
        folds=4,
        opposite_share=0.0,
        lenses=("ridge",),
    )
    run(folder / "study", config, only=("select", "generate", "capture", "train", "judge"), quiet=True)
    return folder / "study"


def kept(study: Path) -> list[Any]:
    with connect(study) as cursor:
        return cursor.execute("select * from learning_curves order by curve_id").fetchall()


def test_before_it_is_measured_the_empirical_ceiling_says_what_to_run(study: Path, lensgap: Command) -> None:
    report = json.loads(lensgap("report", study, "--json").stdout)
    for finding in (report["overall"], *report["concepts"]):
        assert finding["ceilings"]["empirical"]["value"] is None
        assert "lensgap curve" in finding["ceilings"]["empirical"]["reason"]
        assert finding["learning_curve"] is None


def test_curves_are_measured_once_and_again_where_one_is_missing(study: Path, lensgap: Command) -> None:
    first = lensgap("curve", study, "--json")
    assert first.status == 0, first.stderr
    found, stored = json.loads(first.stdout), kept(study)
    assert found["family"] == "ridge"
    assert set(found["concepts"]) == set(CONCEPTS)
    assert len(stored) == len(CONCEPTS)
    assert lensgap("curve", study, "--json").stdout == first.stdout
    assert kept(study) == stored
    with connect(study) as cursor:
        cursor.execute("delete from learning_curves where concept = 'gin'")
    assert lensgap("curve", study, "--json").stdout == first.stdout
    assert len(kept(study)) == len(stored)
    table = lensgap("curve", study).stdout
    assert all(name in table for name in ("overall", *CONCEPTS))


def test_the_report_has_the_curve_as_its_fifth_ceiling_and_takes_targets_from_it(study: Path, lensgap: Command) -> None:
    curves = json.loads(lensgap("curve", study, "--json").stdout)
    report = json.loads(lensgap("report", study, "--json", "--ceiling", "empirical").stdout)
    assert report["settings"]["target_from"] == "empirical"
    named = {"overall": report["overall"], **{one["concept"]: one for one in report["concepts"]}}
    for name, curve in {"overall": curves["overall"], **curves["concepts"]}.items():
        ceiling = named[name]["ceilings"]["empirical"]
        assert ceiling["value"] == curve["asymptote"]["value"]
        assert ceiling["low"] == curve["asymptote"]["low"]
        assert ceiling["prevalence"] == 0.5
        assert ceiling["floor"] == pytest.approx(2 / 3)
        assert named[name]["learning_curve"] == curve
        target = named[name]["target"]
        assert target["value"] is None or target["value"] <= min(0.95, ceiling["low"] + 1e-9)
    assert any(curve["asymptote"]["value"] is not None for curve in curves["concepts"].values())
    for curve in curves["concepts"].values():
        sizes = [point["n_train"] for point in curve["points"]]
        assert sizes == sorted(set(sizes))
        assert max(sizes) < curve["n_pairs"]


def test_curves_of_another_family_stand_beside_the_first(study: Path, lensgap: Command) -> None:
    before = len(kept(study))
    other = lensgap("curve", study, "--family", "logistic", "--json")
    assert other.status == 0, other.stderr
    assert len(kept(study)) == before + len(CONCEPTS)
    own = json.loads(lensgap("report", study, "--json").stdout)["overall"]["learning_curve"]
    assert "ridge" in own["lens"]
    assert "logistic" in json.loads(other.stdout)["overall"]["lens"]


def test_an_interrupted_pool_is_gone_on_with_where_it_was_and_leads_to_the_same_curves(
    study: Path, lensgap: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_steps, stop_at = 0, 0

    def counted(*arguments: Any, **options: Any) -> Any:
        nonlocal n_steps
        n_steps += 1
        if n_steps == stop_at:
            raise KeyboardInterrupt
        return out_of_fold(*arguments, **options)

    monkeypatch.setattr("engine.lenses.sizes.out_of_fold", counted)
    ask = ("curve", study, "--family", "lda", "--json")
    whole = lensgap(*ask).stdout
    n_whole, n_steps, stop_at = n_steps, 0, 3
    with connect(study) as cursor:
        cursor.execute("delete from learning_curves where family = 'lda'")
    assert lensgap(*ask).status == 130
    n_steps, stop_at = 0, 0
    assert lensgap(*ask).stdout == whole
    assert n_steps == n_whole - 2 > 0
    assert not list((study / FOLDER).iterdir())


@pytest.mark.parametrize(("options", "told"), [(("--family", "oracle"), "oracle"), (("--run", "nowhere"), "nowhere")])
def test_what_is_not_there_is_told_in_a_sentence(
    study: Path, lensgap: Command, options: tuple[str, str], told: str
) -> None:
    refused = lensgap("curve", study, *options)
    assert refused.status == 1
    assert told in refused.stderr
    assert not refused.stdout
