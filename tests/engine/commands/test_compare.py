"""`lensgap compare`: both sides are made where they are missing, made once, and compared; what cannot be is told."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from db import connect
from engine.comparing import base_run, compare_packs, packs_folder
from engine.config import StudyConfig
from engine.errors import ConfigError
from engine.packs.folder import load_pack
from engine.packs.pack import Pack, Provenance
from engine.pipeline import run
from engine.stages.judge_run import AskOptions
from tests.support.command import Command, Outcome
from tests.support.hand_made import concept, write_pack

CONCEPTS = ("gin", "rum", "saw")


def settings(model: Path, pack: Path, **changes: Any) -> StudyConfig:
    values: dict[str, Any] = {
        "model": str(model),
        "pack": str(pack),
        "picker": "list",
        "concepts": CONCEPTS,
        "n_positive": 4,
        "n_negative": 4,
        "max_new_tokens": 8,
        "folds": 2,
        "layers": (0, 2),
        "lenses": ("logistic",),
    }
    return StudyConfig(**(values | changes))


def split_gin(pack: Pack) -> Pack:
    """The pack with gin in two."""
    parts = [
        replace(pack.by_term["gin"], term=f"gin ({part})", definition=f"gin as a {part}", origin="gin")
        for part in ("drink", "trap")
    ]
    concepts = tuple(one for c in pack.concepts for one in (parts if c.term == "gin" else [c]))
    made = Provenance("split", {}, pack.name, pack.pack_hash, pack.source)
    return replace(pack, name=f"{pack.name}-split", concepts=concepts, provenance=made)


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    others = [concept(f"drink {i}", "drink") for i in range(6)]
    return write_pack(
        tmp_path_factory.mktemp("pack") / "pack",
        {
            0: [concept("drink"), concept("tool")],
            1: [
                concept("gin", "drink"),
                concept("rum", "drink"),
                concept("saw", "tool"),
                concept("rasp", "tool"),
                *others,
            ],
        },
    )


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, llama_folder: Path, pack: Path) -> Path:
    """A study with one run, compared with the same concepts where gin is split in two."""
    folder = tmp_path_factory.mktemp("compared") / "study"
    compare_packs(folder, settings(llama_folder, pack), split_gin, kind="splitting", asking=AskOptions())
    return folder


def rows(study: Path, statement: str) -> list[tuple[Any, ...]]:
    with connect(study) as cursor:
        return cursor.execute(statement).fetchall()


def is_told(outcome: Outcome) -> bool:
    """Exit status 1, nothing on stdout, and no traceback."""
    return outcome.status == 1 and outcome.stdout == "" and "Traceback" not in outcome.stderr


def run_ids(study: Path) -> list[str]:
    return [row[0] for row in rows(study, "select run_id from runs order by created_at")]


def test_both_sides_of_a_split_are_run_with_the_same_settings(study: Path) -> None:
    before, after = (json.loads(row[0]) for row in rows(study, "select config from runs order by created_at"))
    assert {name for name in before if before[name] != after[name]} == {"pack", "concepts"}
    assert after["concepts"] == ["gin (drink)", "gin (trap)", "rum", "saw"]
    made = load_pack(after["pack"])
    assert made.provenance is not None
    assert made.provenance.made_by == "split"
    assert Path(after["pack"]).parent == packs_folder(study)
    stages = "select count(*) from {}"
    assert rows(study, stages.format("lenses")) == [(3 * 2 + 4 * 2,)]


def test_the_next_comparison_begins_with_the_pack_that_was_not_derived(
    study: Path, lensgap: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert base_run(study) == run_ids(study)[0]
    monkeypatch.setattr("engine.packs.wordnet.load_wordnet", lambda: None)
    monkeypatch.setattr("engine.packs.senses.split_pack", lambda pack, _synsets, _how: split_gin(pack))
    n_before = rows(study, "select count(*) from samples")
    found = lensgap("compare", "split", study, "--json")
    assert found.status == 0, found.stderr
    (told,) = json.loads(found.stdout)
    assert [told["before"]["run"], told["after"]["run"]] == run_ids(study)
    assert {one["concept"]: one["after"] for one in told["concepts"]}["gin"] == ["gin (drink)", "gin (trap)"]
    assert {(one["measure"], one["among"]) for one in told["measures"]} == {
        (measure, among)
        for measure in ("gap", "good", "ceiling", "f1", "text_only_f1")
        for among in ("changed", "unchanged")
    }
    assert all(one["n"] + one["n_missing"] == (1 if one["among"] == "changed" else 2) for one in told["measures"])
    assert told["before"]["judge"]["is_baseline"]
    again = lensgap("compare", "runs", study, "--json")
    assert json.loads(again.stdout)[0]["comparison"] == told["comparison"]
    assert rows(study, "select count(*) from samples") == n_before
    assert rows(study, "select kind, variant from comparisons where other_run_id is not null") == [
        ("splitting", "hand-made-split")
    ]


def test_buckets_are_compared_by_one_command(study: Path, lensgap: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.commands.compare.installed_synsets", lambda: (None, "WordNet is not there."))
    found = lensgap("compare", "bucket", study, "--max-size", 4, "--min-size", 2)
    assert found.status == 0, found.stderr
    assert "Only definitions decide: WordNet is not there." in found.stderr
    assert "F1, changed" in found.stdout
    assert "saw" in found.stdout
    (config,) = rows(study, "select config from runs order by created_at desc limit 1")[0]
    sizes = [len(members) for members in load_pack(json.loads(config)["pack"]).groups.values()]
    assert max(sizes) == 4
    assert rows(study, "select count(*) from comparisons where kind = 'bucketing'") == [(1,)]


def test_lenses_of_other_settings_are_captured_trained_and_compared(study: Path, lensgap: Command) -> None:
    first = run_ids(study)[0]
    found = lensgap("compare", "settings", study, "--run", first, "--mode", "output_only", "--layer", 0, "--json")
    assert found.status == 0, found.stderr
    (told,) = json.loads(found.stdout)
    assert [(one["name"], one["before"], one["after"]) for one in told["differ"]] == [
        ("layer", 2, 0),
        ("mode", "in_context", "output_only"),
    ]
    stored = dict(
        rows(
            study,
            "select concept, f1 from lens_results where mode = 'output_only' and layer = 0 "
            f"and run_id = '{first}' and family = 'logistic'",
        )
    )
    assert {one["concept"]: one["measures"]["f1"]["after"] for one in told["concepts"]} == stored
    assert set(stored) == set(CONCEPTS)
    assert rows(study, "select distinct layer from activations where mode = 'output_only'") == [(0,)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["runs", "--judge", "nobody"], "has not rated both runs"),
        (["judges"], "needs two judges"),
        (["judges", "one", "two"], 'Judge "one" has not rated run'),
        (["settings"], "Both sides are the same lenses"),
        (["settings", "--from-family", "sun"], "no lenses to compare with"),
        (["settings", "--family", "sun"], "no lens family"),
        (["settings", "--phase", "prompt", "--mode", "output_only"], "output_only"),
        (["settings", "--layer", "99"], "99"),
        (["settings", "--run", "nowhere"], "nowhere"),
        (["bucket", "--max-size", "50"], "so there is nothing to compare"),
    ],
)
def test_what_cannot_be_compared_is_told(
    study: Path, lensgap: Command, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.setattr("engine.commands.compare.installed_synsets", lambda: (None, ""))
    command, *options = arguments
    n_runs = len(run_ids(study))
    found = lensgap("compare", command, study, *options)
    assert is_told(found), found
    assert said in found.stderr.replace("\n", " ")
    assert len(run_ids(study)) == n_runs


@pytest.mark.parametrize(
    ("asked", "said"), [(("--layer", 99), "Layer 99 does not exist"), (("--family", "sun"), "no lens family")]
)
def test_a_side_that_cannot_be_is_refused_before_the_other_is_made(
    study: Path, lensgap: Command, asked: tuple[str | int, ...], said: str
) -> None:
    there = "select count(*) from activations", "select count(*) from lenses"
    before = [rows(study, statement) for statement in there]
    found = lensgap("compare", "settings", study, "--run", run_ids(study)[0], "--from-layer", 1, *asked)
    assert is_told(found), found
    assert said in found.stderr.replace("\n", " ")
    assert [rows(study, statement) for statement in there] == before


def test_runs_are_named_or_all_are_taken(study: Path, lensgap: Command, tmp_path: Path) -> None:
    first, second, *_ = run_ids(study)
    named = lensgap("compare", "runs", study, second, first, "--json")
    (told,) = json.loads(named.stdout)
    assert (told["before"]["run"], told["kind"]) == (second, "setting")
    assert {one["concept"] for one in told["concepts"]} == {"rum", "saw"}
    assert told["unmatched"]["gin"] == "the run before does not have it"
    for arguments, said in (
        ([study, first], "needs two"),
        ([study, first, "nowhere"], "no run nowhere"),
        ([tmp_path / "empty"], "study"),
    ):
        found = lensgap("compare", "runs", *arguments)
        assert is_told(found), found
        assert said in found.stderr.replace("\n", " ")


def test_a_run_whose_pack_has_changed_is_not_gone_on_with(llama_folder: Path, tmp_path: Path, lensgap: Command) -> None:
    pack = write_pack(tmp_path / "pack", {1: [concept("gin", "x"), concept("rum", "x")]}, outside_parents=["x"])
    config = settings(llama_folder, pack, concepts=("gin", "rum"))
    run(tmp_path / "study", config, only=("select", "generate", "capture", "train"), quiet=True)
    layer = pack / "layers" / "layer1.json"
    layer.write_text(
        layer.read_text(encoding="utf-8").replace("gin of the sort", "gin of another sort"), encoding="utf-8"
    )
    found = lensgap("compare", "settings", tmp_path / "study", "--layer", 0)
    assert is_told(found), found
    assert "have changed" in found.stderr
    assert len(run_ids(tmp_path / "study")) == 1


def test_a_pack_that_is_not_changed_for_the_chosen_concepts_starts_nothing(
    llama_folder: Path, pack: Path, tmp_path: Path
) -> None:
    config = settings(llama_folder, pack, concepts=("rum", "saw"))
    with pytest.raises(ConfigError, match="Splitting divides none of the 2 chosen concepts"):
        compare_packs(tmp_path / "study", config, split_gin, kind="splitting", asking=AskOptions())
    assert not (tmp_path / "study").exists()
