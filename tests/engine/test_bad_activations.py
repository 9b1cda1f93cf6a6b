"""Activations that are not what training wants: of another width, model or layer, constant, or of one arm alone."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file

from db import connect, transaction
from tests.support.command import Command, Outcome
from tests.support.planted import close_databases, copy_study

Tensors = dict[str, NDArray[np.floating]]
COMMANDS = {
    "train": ("train", "--lens", "ridge"),
    "capture": ("capture",),
    "filter": ("filter", "--variant", "good-only", "--json"),
    "refine": ("refine", "--json"),
}
commands = pytest.mark.parametrize("command", ["train", "filter", "refine"])


def shards(study: Path) -> list[Path]:
    return sorted((study / "activations").rglob("*.safetensors"))


def rewrite(shard: Path, change: Callable[[Tensors], Tensors], **metadata: str) -> None:
    with safe_open(shard, framework="numpy") as file:
        tensors = {name: file.get_tensor(name).copy() for name in file.keys()}  # noqa: SIM118 -- no mapping
        told = file.metadata() or {}
    save_file(change(tensors), shard, metadata=told | metadata)


def ended(lensgap: Command, study: Path, command: str) -> Outcome:
    close_databases()
    name, *others = COMMANDS[command]
    return lensgap(name, study, *others)


@pytest.fixture
def study(hostile_study: Path, tmp_path: Path) -> Path:
    return copy_study(hostile_study, tmp_path / "study")


def every(study: Path, change: Callable[[NDArray[np.floating]], NDArray[np.generic]]) -> None:
    """Rewrite each tensor of all shards."""
    for shard in shards(study):
        rewrite(shard, lambda tensors: {name: np.ascontiguousarray(change(one)) for name, one in tensors.items()})  # type: ignore[misc]


FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "sample ids that are no JSON": (
        lambda study: rewrite(shards(study)[0], lambda tensors: tensors, sample_ids="{["),
        "holds activations of other samples",
    ),
    "numbers in place of vectors": (lambda study: every(study, lambda one: one[:, 0]), "no activations of ours"),
    "whole numbers": (lambda study: every(study, lambda one: one.astype(np.int32)), "no activations of ours"),
    "other samples, as another model's": (
        lambda study: rewrite(shards(study)[0], lambda tensors: tensors, sample_ids=json.dumps(["of another model"])),
        "holds activations of other samples",
    ),
    "fewer rows": (
        lambda study: rewrite(
            shards(study)[0], lambda tensors: {name: one[:1].copy() for name, one in tensors.items()}
        ),
        "activations, and row",
    ),
    "a shard that is gone": (lambda study: shards(study)[0].unlink(), "cannot be read"),
    "half of a shard": (
        lambda study: shards(study)[0].write_bytes(shards(study)[0].read_bytes()[:200]),
        "cannot be read",
    ),
}


# One reader serves all commands, so most of these are tried with one of them.
FOREIGN = ("sample ids that are no JSON", "numbers in place of vectors", "whole numbers")
TRIED = [(name, fault) for name in ("train", "filter", "refine") for fault in FAULTS if fault not in FOREIGN]


@pytest.mark.parametrize(("command", "fault"), [*TRIED, *(("train", fault) for fault in FOREIGN)])
def test_shards_that_do_not_fit_are_told_in_a_sentence_and_nothing_is_written(
    study: Path, lensgap: Command, command: str, fault: str
) -> None:
    spoil, said = FAULTS[fault]
    spoil(study)
    told = ended(lensgap, study, command)
    assert (told.status, told.stdout) == (1, ""), told.stderr
    assert said in told.stderr.replace("\n", " ")
    assert "The activations cannot be used. " in told.stderr
    assert "lensgap capture" in told.stderr.replace("\n", " ")
    with connect(study) as cursor:
        assert cursor.execute("select count(*) from comparisons").fetchone() == (0,)


@commands
def test_a_shard_without_a_layer_loses_its_own_samples_there_until_they_are_captured_again(
    study: Path, lensgap: Command, command: str
) -> None:
    [whole] = shards(study)
    poor = whole.with_name("poor.safetensors")
    poor.write_bytes(whole.read_bytes())
    rewrite(poor, lambda tensors: {name: one for name, one in tensors.items() if not name.startswith("2.")})
    with transaction(study) as cursor:
        cursor.execute("update activations set shard = 'activations/poor.safetensors' where sample_id < '2'")
        found = "select sample_id, layer, phase, mode, shard from activations"
        before = set(cursor.execute(found).fetchall())
    lost = {row for row in before if row[1] == 2 and row[4] == "activations/poor.safetensors"}
    told = ended(lensgap, study, command)
    assert told.status == 0, told.stderr
    n_samples, said = len({row[0] for row in lost}), told.stderr.replace("\n", " ")
    assert f"{poor} lacks layer 2: {n_samples} samples are left out there: {min(lost)[0]}, " in said
    assert "lensgap capture" in said
    with connect(study) as cursor:
        assert set(cursor.execute(found).fetchall()) == before - lost
    if command == "train":
        with connect(study) as cursor:
            trained = cursor.execute(
                "select distinct sample_id < '2' from lens_scores join lenses using (lens_id) where layers = [2] "
                "and family = 'ridge' qualify trained_at = max(trained_at) over ()"
            ).fetchall()
        assert trained == [(False,)]
        assert ended(lensgap, study, "capture").status == 0
        with connect(study) as cursor:
            assert {row[:4] for row in cursor.execute(found).fetchall()} == {row[:4] for row in before}


@commands
def test_activations_of_another_width_than_the_models_are_refused(study: Path, lensgap: Command, command: str) -> None:
    for shard in shards(study):
        rewrite(shard, lambda tensors: {name: np.ascontiguousarray(one[:, :-2]) for name, one in tensors.items()})
    told = ended(lensgap, study, command)
    assert told.status == 1
    assert "and the model of this run has" in told.stderr.replace("\n", " ")
    assert "lensgap capture" in told.stderr.replace("\n", " ")


@commands
def test_single_precision_among_half_is_read_alike(
    study: Path, hostile_study: Path, tmp_path: Path, lensgap: Command, command: str
) -> None:
    other = copy_study(hostile_study, tmp_path / "other")
    rewrite(shards(study)[0], lambda tensors: {name: one.astype(np.float32) for name, one in tensors.items()})
    found = [ended(lensgap, one, command) for one in (study, other)]
    assert [one.status for one in found] == [0, 0], found[0].stderr
    if command != "train":
        first, second = ([each["concepts"] for each in json.loads(one.stdout)] for one in found)
        assert first == second


@commands
def test_constant_activations_give_lenses_that_know_nothing(study: Path, lensgap: Command, command: str) -> None:
    for shard in shards(study):
        rewrite(shard, lambda tensors: {name: np.ones_like(one) for name, one in tensors.items()})
    told = ended(lensgap, study, command)
    assert told.status == 0, told.stderr
    assert "Warning" not in told.stderr
    if command == "train":
        said = told.stderr.replace("\n", " ")
        assert "are the same for all texts at some layer: a lens there can tell nothing apart" in said
        with connect(study) as cursor:
            found = cursor.execute(
                "select distinct value from lens_measures join lenses using (lens_id) "
                "where family = 'ridge' and measure = 'auc' and value is not null"
            ).fetchall()
        assert found == [(0.5,)]
    for one in json.loads(told.stdout) if command == "filter" else ():
        measured = [each["measures"]["f1"] for each in one["concepts"].values()]
        assert all(each["after"] is None or each["after"] == each["before"] for each in measured)
    for one in json.loads(told.stdout) if command == "refine" else ():
        # Where all say the same of all texts, one lens at most stands above its siblings.
        top1 = [each["measures"]["top1"]["after"] for each in one["concepts"].values()]
        assert sum(top1) <= 1 + 1e-9


def test_where_no_activation_is_finite_the_reason_says_so(study: Path, lensgap: Command) -> None:
    every(study, lambda one: np.full_like(one, np.nan))
    told = ended(lensgap, study, "train")
    assert told.status == 0, told.stderr
    with connect(study) as cursor:
        found = cursor.execute("select distinct reason from lenses where family = 'ridge'").fetchall()
    reasons = {str(reason) for (reason,) in found} - {"None"}
    assert reasons
    assert all("whose activations are not finite" in reason for reason in reasons if "arm is empty" in reason)


@commands
def test_a_constant_feature_changes_no_result(
    study: Path, hostile_study: Path, tmp_path: Path, lensgap: Command, command: str
) -> None:
    def blank(tensors: Tensors, value: float) -> Tensors:
        for one in tensors.values():
            one[:, 3] = value
        return tensors

    other = copy_study(hostile_study, tmp_path / "other")
    for shard, another in zip(shards(study), shards(other), strict=True):
        rewrite(shard, lambda tensors: blank(tensors, 0.0))
        rewrite(another, lambda tensors: blank(tensors, 1.0))
    found = [ended(lensgap, one, command) for one in (study, other)]
    assert [one.status for one in found] == [0, 0], found[0].stderr
    if command == "filter":
        first, second = ([each["concepts"] for each in json.loads(one.stdout)] for one in found)
        assert first == second


@commands
def test_a_concept_with_one_arm_has_a_reason(study: Path, lensgap: Command, command: str) -> None:
    with transaction(study) as cursor:
        cursor.execute(
            "update activations set shard = null, shard_row = null, missing_reason = 'empty' where sample_id in "
            "(select sample_id from pairs where concept = '../climb' and arm = 'negative')"
        )
    told = ended(lensgap, study, command)
    assert told.status == 0, told.stderr
    if command == "train":
        with connect(study) as cursor:
            found = cursor.execute(
                "select distinct reason, n_pairs_more > 0 from lenses where family = 'ridge' and concept = '../climb'"
            ).fetchall()
        [(reason, asks_for_more)] = found
        assert reason.startswith("the negative arm is empty, after ")
        assert reason.endswith(" were left out without an activation")
        assert asks_for_more
    else:
        assert all(one["concepts"]["../climb"]["reason"] for one in json.loads(told.stdout))
