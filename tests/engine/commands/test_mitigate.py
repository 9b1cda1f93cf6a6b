"""`lensgap train`, `refine` and `filter` on a small real study: made once, told alike ever after, and nothing lost."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from db import connect, insert, transaction
from db.rows import RatingRow
from engine.exchange.comparison import LensChoice
from engine.exchange.comparison_sides import LensWish, read_lenses, stored_runs, trained_lenses
from engine.lenses.files import load_lens
from engine.stages.progress import now
from engine.stages.refine import NO_LENS
from tests.support.command import Command
from tests.support.planted import copy_study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, lensed_study: Path) -> Path:
    return copy_study(lensed_study, tmp_path_factory.mktemp("mitigated") / "study")


@pytest.fixture(scope="module")
def spoilt(study: Path) -> tuple[Path, tuple[str, ...]]:
    """A copy of the study in which four positives of one concept overflowed, and their samples."""
    copied = copy_study(study, study.parent / "spoilt")
    for table in ("comparison_results", "comparisons"):
        with transaction(copied) as cursor:
            cursor.execute(f"delete from {table}")
    with connect(copied) as cursor:
        found = cursor.execute(
            "select distinct sample_id, shard, shard_row from pairs join activations using (sample_id) "
            "where concept = 'gin' and arm = 'positive' and phase = 'output' and shard is not null order by all limit 4"
        ).fetchall()
    for (_, shard, row), value in zip(found, (np.nan, np.inf, -np.inf, np.nan), strict=True):
        with safe_open(copied / shard, framework="numpy") as file:
            tensors, metadata = {name: file.get_tensor(name).copy() for name in file.keys()}, file.metadata()  # noqa: SIM118
        for name, vectors in tensors.items():
            if ".output" in name:
                vectors[row, 0] = value
        save_file(tensors, copied / shard, metadata=metadata)
    return copied, tuple(sample for sample, *_ in found)


def spoilt_pairs(study: Path, samples: tuple[str, ...]) -> dict[str, int]:
    """How many pairs of each concept rest on these samples."""
    with connect(study) as cursor:
        return dict(
            cursor.execute(
                "select concept, count(*) from pairs where list_contains($samples, sample_id) group by all",
                {"samples": list(samples)},
            ).fetchall()
        )


def rows(study: Path) -> list[tuple[object, ...]]:
    with connect(study) as cursor:
        return cursor.execute(
            "select * from comparison_results join comparisons using (comparison_id) order by all"
        ).fetchall()


def test_training_tells_what_it_did_as_json_and_what_is_a_trial_beside_it(study: Path, lensgap: Command) -> None:
    copied = copy_study(study, study.parent / "trained")
    with connect(copied) as cursor:
        cursor.execute(
            "delete from activations where sample_id in "
            "(select sample_id from pairs where concept = 'gin' and arm = 'positive') and layer = 2"
        )
        [(run_id,)] = cursor.execute("select run_id from runs").fetchall()
    found = lensgap("train", copied, "--lenses", "ridge", "--layers", "2", "--folds", "2", "--json")
    assert found.status == 0, found.stderr
    assert json.loads(found.stdout) == {"run": run_id, "n_concepts": 5, "n_done": {"train": 5}}
    assert "trial (folds 2 instead of 3)" in found.stderr
    assert "1 concept cannot be measured and has no lens: gin (the positive arm is empty)." in found.stderr
    again = lensgap("train", copied, "--lenses", "ridge", "--layers", "2", "--folds", "2", "--json")
    assert json.loads(again.stdout)["n_done"] == {"train": 0}


def test_training_by_another_seed_is_told_to_lack_texts_and_leaves_no_run_behind(study: Path, lensgap: Command) -> None:
    told = lensgap("train", study, "--seed", "3")
    assert (told.status, told.stdout) == (1, "")
    assert "There is no such run to train yet." in told.stderr
    with connect(study) as cursor:
        assert cursor.execute("select count(*) from runs").fetchall() == [(1,)]


def test_a_refinement_is_made_once_and_tells_every_concept(study: Path, lensgap: Command) -> None:
    first = lensgap("refine", study, "--family", "logistic", "--json")
    assert first.status == 0, first.stderr
    stored = rows(study)
    again = lensgap("refine", study, "--family", "logistic", "--json")
    assert again.stdout == first.stdout
    assert rows(study) == stored
    margin, ridge = json.loads(first.stdout)
    assert (margin["variant"], ridge["variant"]) == ("margin", "ridge")
    with connect(study) as cursor:
        concepts = {row[0] for row in cursor.execute("select concept from run_concepts").fetchall()}
    grouped = {concept for group in ridge["settings"]["groups"] for concept in group}
    for found in (margin, ridge):
        assert set(found["concepts"]) == concepts
        for concept, one in found["concepts"].items():
            assert (one["reason"] is None) == (one["measures"]["f1"]["after"] is not None)
            assert concept in grouped or "sibling" in one["reason"]
        assert found["n_kept"] is None or found["n_kept"] == sum(
            bool(one["kept"]) for one in found["concepts"].values()
        )


AT_FIRST = ("--family", "logistic", "--layer", "0")
"""Of these lenses of the study a refinement is kept."""


def test_only_what_is_kept_lies_beside_the_lenses_and_is_listed(study: Path, lensgap: Command) -> None:
    found = json.loads(lensgap("refine", study, *AT_FIRST, "--json").stdout)
    [folder] = (study / "lenses").glob("*/refined/layer0")
    told = json.loads((folder / "refined.json").read_text())
    kept = {(one["variant"], c) for one in found for c, each in one["concepts"].items() if each["kept"]}
    assert kept
    assert {(one["variant"], one["concept"]) for one in told} == kept
    assert {path.name for path in folder.glob("*.safetensors")} == {one["file"] for one in told}
    for one in told:
        assert load_lens(folder / one["file"]).state()["linear.weight"].shape[0] == 1
        assert one["top1"][1] > one["top1"][0]
        assert one["f1"][1] >= one["f1"][0]


def test_a_lens_whose_file_is_gone_is_made_again_trained_or_refined(study: Path, lensgap: Command) -> None:
    found = lensgap("refine", study, *AT_FIRST, "--json")
    [folder] = (study / "lenses").glob("*/refined/layer0")
    refined = next(folder.glob("*-ridge.safetensors"))
    trained = folder.parents[1] / "layer0" / refined.name.replace("-ridge", "")
    states = {file: load_lens(file).state() for file in (trained, refined)}
    for file in states:
        file.unlink()
    told = lensgap("export", "lens-pack", study, *AT_FIRST, "--out", study / "pack")
    assert (told.status, told.stdout) == (1, "")
    assert "Have it made again: lensgap train." in told.stderr.replace("\n", " ")
    assert json.loads(lensgap("train", study, "--json").stdout)["n_done"] == {"train": 1}
    assert lensgap("refine", study, *AT_FIRST, "--json").stdout == found.stdout
    for file, state in states.items():
        for key, values in load_lens(file).state().items():
            np.testing.assert_allclose(values, state[key], rtol=1e-4, atol=1e-6)


def test_lenses_of_three_layers_are_ranked_but_have_no_direction(study: Path, lensgap: Command) -> None:
    ranked = lensgap("refine", study, "--family", "mlp-study", "--json")
    assert [one["variant"] for one in json.loads(ranked.stdout)] == ["margin"]
    refused = lensgap("refine", study, "--family", "mlp-study", "--variant", "ridge")
    assert (refused.status, refused.stdout) == (1, "")
    assert "no direction" in refused.stderr


def test_filters_without_a_verdict_say_so_and_ratings_of_people_are_verdicts(study: Path, lensgap: Command) -> None:
    asked = ("--family", "logistic", "--variant", "weighted", "--variant", "good-only", "--json")
    first = json.loads(lensgap("filter", study, *asked).stdout)
    weighted, good = first
    assert weighted["n_measured"] == 0
    assert {one["reason"] for one in weighted["concepts"].values()} == {"none of its positives has a verdict"}
    assert good["rows"]["kept"] <= good["rows"]["all"]
    with connect(study) as cursor:
        pairs = cursor.execute("select run_id, concept, sample_id, arm, position from pairs order by all").fetchall()
    with transaction(study) as cursor:
        insert(
            cursor,
            [
                RatingRow(f"r{i}", run, c, s, "ann", "override", 1 + at % 5, None, None, False, None, now())
                for i, (run, c, s, _, at) in enumerate(pairs)
            ],
        )
    [rated] = json.loads(lensgap("filter", study, *asked[:4], "--json").stdout)
    assert rated["comparison"] != weighted["comparison"]
    assert rated["n_measured"] > 0
    assert rated["settings"]["judge"] is None


def test_families_layers_and_filters_that_are_not_there_are_told(study: Path, lensgap: Command) -> None:
    for asked, why in (
        (("refine", study, "--family", "lda"), "no lda lenses"),
        (("refine", study, "--layer", "1"), "no lenses"),
        (("filter", study, "--variant", "best"), "There is no filter"),
        (("filter", study, "--family", "mlp-study", "--variant", "weighted"), "cannot weigh"),
        (("filter", study, "--judge", "nobody"), "No judge nobody"),
        (("filter", study, "--run", "none"), "holds no run"),
    ):
        told = lensgap(*asked)
        assert (told.status, told.stdout) == (1, "")
        assert why in told.stderr
    assert lensgap("refine", study, "--variant", "best").status == 2


def test_the_tables_name_measures_and_what_cannot_be_done(study: Path, lensgap: Command) -> None:
    refined, filtered = (
        lensgap("refine", study, "--family", "logistic"),
        lensgap("filter", study, "--family", "logistic"),
    )
    assert all(word in refined.stdout for word in ("top-1", "siblings", "F1", "before", "after"))
    assert all(word in filtered.stdout for word in ("good-only", "verdict>=3", "weighted", "AUC"))


@pytest.mark.parametrize("command", [("refine", "--variant", "margin"), ("filter", "--variant", "good-only")])
def test_no_number_is_cut_on_a_narrow_screen(
    study: Path, lensgap: Command, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    told = lensgap(command[0], study, *command[1:], "--family", "logistic").stdout
    assert "F1" in told
    assert "…" not in told
    assert max(map(len, told.splitlines())) <= 80


def test_lenses_that_are_missing_are_named_in_a_sentence(study: Path, lensgap: Command) -> None:
    refused = lensgap("refine", study, "--layer", "99")
    assert (refused.status, refused.stdout) == (1, "")
    assert "The run has no lenses at layer 99." in refused.stderr


@pytest.mark.parametrize("command", [("refine",), ("filter", "--variant", "good-only")])
def test_activations_that_are_not_finite_are_left_out_counted_and_named(
    spoilt: tuple[Path, tuple[str, ...]], lensgap: Command, command: tuple[str, ...]
) -> None:
    study, samples = spoilt
    told = lensgap(command[0], study, *command[1:], "--family", "logistic", "--json")
    assert told.status == 0, told.stderr
    said = "4 samples have activations that are not finite and were left out"
    assert said in told.stderr
    assert f"{', '.join(samples[:3])} and 1 more." in told.stderr
    n_pairs = spoilt_pairs(study, samples)
    for found in json.loads(told.stdout):
        touched = (
            {c for group in found["settings"]["groups"] for c in group} if command == ("refine",) else set(n_pairs)
        )
        assert found["settings"]["n_excluded"] == sum(n for concept, n in n_pairs.items() if concept in touched) > 0
    again = lensgap(command[0], study, *command[1:], "--family", "logistic", "--json")
    assert again.stdout == told.stdout


def test_training_tells_which_samples_it_left_out(spoilt: tuple[Path, tuple[str, ...]], lensgap: Command) -> None:
    study, samples = spoilt
    told = lensgap("train", study, "--lenses", "ridge")
    assert told.status == 0, told.stderr
    n_pairs = spoilt_pairs(study, samples)
    said = f"4 samples have activations that are not finite and were left out with {sum(n_pairs.values())} pairs: "
    assert f"{said}{', '.join(samples[:3])} and 1 more." in told.stderr
    with connect(study) as cursor:
        stored = cursor.execute("select distinct concept, n_excluded from lenses where family = 'ridge'").fetchall()
    assert {concept: n for concept, n in stored if n} == n_pairs


def test_nothing_is_said_where_all_activations_are_finite(study: Path, lensgap: Command) -> None:
    assert "not finite" not in lensgap("train", study, "--lenses", "ridge").stderr
    assert "not finite" not in lensgap("refine", study, "--family", "ridge").stderr


def with_settings(study: Path, name: str, **changes: object) -> Path:
    """A copy of the study whose run has other settings of cross-validation, and no comparison."""
    copied = copy_study(study, study.parent / name)
    with transaction(copied) as cursor:
        [config] = cursor.execute("select config from runs").fetchone() or ("{}",)
        cursor.execute("update runs set config = $config", {"config": json.dumps(json.loads(config) | changes)})
    for table in ("comparison_results", "comparisons"):
        with transaction(copied) as cursor:
            cursor.execute(f"delete from {table}")
    return copied


@pytest.mark.parametrize("command", [("refine", "--variant", "ridge"), ("filter", "--variant", "good-only")])
def test_rounds_and_groups_are_those_of_the_runs_settings(
    study: Path, lensgap: Command, command: tuple[str, ...]
) -> None:
    found = {}
    for name, changes in (
        ("plain", {}),
        ("rounds", {"repeats": 3}),
        ("about", {"group_by": "template+prompt_concept"}),
    ):
        copied = with_settings(study, f"{command[0]}-{name}", **changes)
        told = lensgap(command[0], copied, *command[1:], "--family", "logistic", "--json")
        assert told.status == 0, told.stderr
        [found[name]] = json.loads(told.stdout)
        assert {key: found[name]["settings"][key] for key in changes} == changes
    measured = {name: [one["measures"] for one in told["concepts"].values()] for name, told in found.items()}
    assert measured["plain"] != measured["rounds"]
    assert measured["plain"] != measured["about"]
    assert len({told["comparison"] for told in found.values()}) == 3


def test_groups_are_left_out_by_families_that_can_and_refused_for_others(study: Path, lensgap: Command) -> None:
    copied = with_settings(study, "group-by-group", validation="leave-one-group-out")
    for command in ("refine", "filter"):
        refused = lensgap(command, copied, "--family", "logistic")
        assert (refused.status, refused.stdout) == (1, "")
        assert "logistic cannot leave groups out, as the run's settings ask. Families that can: " in refused.stderr
    assert lensgap("train", copied, "--lenses", "ridge").status == 0
    told = lensgap("filter", copied, "--family", "ridge", "--variant", "good-only", "--json")
    assert json.loads(told.stdout)[0]["settings"]["validation"] == "leave-one-group-out"
    assert any(one["measures"]["f1"]["before"] for one in json.loads(told.stdout)[0]["concepts"].values())


def test_lenses_of_other_settings_take_no_ones_place(study: Path, lensgap: Command) -> None:
    copied = with_settings(study, "other-folds")
    ridge = ("refine", copied, "--family", "logistic", "--variant", "ridge", "--json")
    first = lensgap(*ridge)

    def compared() -> object:
        [run] = stored_runs(copied).values()
        work = ("output", "in_context", "mean")
        trained = trained_lenses(run, LensWish(None, None, *work))
        return {(family, layer): read_lenses(run, LensChoice(family, layer, *work)) for family, layer in trained}

    before, swept = compared(), json.loads(lensgap("layers", copied, "--family", "logistic", "--json").stdout)
    trained = lensgap("train", copied, "--folds", "2", "--lenses", "logistic")
    assert trained.status == 0, trained.stderr
    assert compared() == before
    assert lensgap(*ridge).stdout == first.stdout
    again = json.loads(lensgap("layers", copied, "--family", "logistic", "--json").stdout)
    assert again["families"] == swept["families"]
    # A concept whose lens was not fitted stands aside, with the reason.
    with connect(copied) as cursor:
        cursor.execute("update lenses set reason = 'planted' where concept = 'gin' and family = 'logistic'")
    [poor] = json.loads(lensgap(*ridge).stdout)
    assert poor["concepts"]["gin"]["reason"] == NO_LENS


def test_pairs_are_counted_of_the_concepts_that_are_measured(study: Path, lensgap: Command) -> None:
    with connect(study) as cursor:
        n_pairs = dict(cursor.execute("select concept, count(*) from pairs group by all").fetchall())
    for found in json.loads(lensgap("filter", study, "--family", "logistic", "--json").stdout):
        measured = [name for name, one in found["concepts"].items() if one["reason"] is None]
        assert found["rows"]["all"] == sum(n_pairs[name] for name in measured)
        kept = [found["concepts"][name]["measures"]["n_train"]["after"] for name in measured]
        assert found["rows"]["kept"] == sum(kept)
