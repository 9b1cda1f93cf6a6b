"""Prompts and pairs written step by step are those of a plan made at once, however often and wherever it was interrupted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db import connect
from engine.config import StudyConfig, change_config
from engine.stages import plan as planning
from engine.stages.plan import make_plan, plan, split_arms, write_pairs
from engine.stages.select import PreparedRun, prepare_run, select

CONCEPTS = ("gin", "soda", "hammer", "rasp", "claw hammer")
STEPS = (6, 11, 20)


@pytest.fixture
def prepared(llama_folder: Path, hand_made: Path) -> PreparedRun:
    config = StudyConfig(
        model=str(llama_folder),
        pack=str(hand_made),
        picker="list",
        concepts=CONCEPTS,
        n_positive=12,
        n_negative=8,
        batch_size=4,
        steps=STEPS,
    )
    return prepare_run(config)


def rows(study: Path, what: str) -> list[Any]:
    with connect(study) as cursor:
        return cursor.execute(f"select {what} order by all").fetchall()


def chosen(study: Path, prepared: PreparedRun) -> list[str]:
    return [profile.concept.term for profile in select(study, prepared)]


def at_once(prepared: PreparedRun) -> PreparedRun:
    """The same run, planned without steps."""
    config = change_config(prepared.config, {"steps": []})
    found = prepare_run(config)
    assert found.run_id == prepared.run_id
    return found


@given(
    n_positive=st.integers(1, 60),
    n_negative=st.integers(1, 60),
    n_pairs=st.integers(2, 119),
)
def test_arms_grow_together_to_the_whole(n_positive: int, n_negative: int, n_pairs: int) -> None:
    config = StudyConfig(n_positive=n_positive, n_negative=n_negative)
    whole = n_positive + n_negative
    n_pairs = min(n_pairs, whole)
    here, more = split_arms(config, n_pairs), split_arms(config, n_pairs + 1)
    assert sum(here) == n_pairs
    assert min(here) >= 1
    assert here[0] <= more[0]
    assert here[1] <= more[1]
    assert abs(here[0] - n_pairs * n_positive / whole) <= 1
    assert split_arms(config, whole) == (n_positive, n_negative)


def test_a_run_with_steps_is_given_the_first_of_them(prepared: PreparedRun, tmp_path: Path) -> None:
    study = tmp_path / "study"
    plan(study, prepared, chosen(study, prepared))
    arms = rows(study, "concept, arm, count(*) from pairs group by all")
    assert {(arm, n) for _, arm, n in arms} == {("positive", 4), ("negative", 2)}
    before = rows(study, "* from prompts"), rows(study, "* from pairs")
    plan(study, prepared, CONCEPTS)
    assert (rows(study, "* from prompts"), rows(study, "* from pairs")) == before


def test_steps_end_in_the_plan_made_at_once(prepared: PreparedRun, tmp_path: Path) -> None:
    study, other = tmp_path / "steps", tmp_path / "whole"
    planned = plan(study, prepared, chosen(study, prepared))
    kept: set[Any] = set()
    for n_pairs in STEPS:
        write_pairs(study, prepared, planned, dict.fromkeys(CONCEPTS, n_pairs))
        now = set(rows(study, "* from prompts"))
        assert kept <= now
        kept = now
    whole = at_once(prepared)
    plan(other, whole, chosen(other, whole))
    for what in ("* from pairs", "* exclude (batch) from prompts"):
        assert rows(study, what) == rows(other, what)


def test_batches_of_a_later_step_are_new(prepared: PreparedRun, tmp_path: Path) -> None:
    study = tmp_path / "study"
    planned = plan(study, prepared, chosen(study, prepared))
    [(first,)] = rows(study, "max(batch) from prompts")
    old = {row[0] for row in rows(study, "sample_id from prompts")}
    write_pairs(study, prepared, planned, {"gin": 20})
    new = [row for row in rows(study, "batch, sample_id from prompts") if row[1] not in old]
    assert new
    assert {row[0] for row in new} == set(range(first + 1, first + 1 + -(-len(new) // 4)))
    pairs = dict(rows(study, "concept, count(*) from pairs group by all"))
    assert pairs == dict.fromkeys(CONCEPTS, 6) | {"gin": 20}


@pytest.mark.parametrize("nth", [2, 4, 6, 8])
def test_interrupted_between_any_rows_it_goes_on_to_the_same(
    prepared: PreparedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    study, other = tmp_path / "torn", tmp_path / "whole"
    monkeypatch.setattr(planning, "WRITE_AT_ONCE", 10)
    for folder in (study, other):
        plan(folder, prepared, chosen(folder, prepared))
    planned = make_plan(prepared, CONCEPTS)
    step = {"gin": 20, "rasp": 20}
    write_pairs(other, prepared, planned, step)
    write = planning.write_rows
    monkeypatch.setattr(planning, "write_rows", failing(write, nth))
    with pytest.raises(InterruptedError):
        write_pairs(study, prepared, planned, step)
    monkeypatch.setattr(planning, "write_rows", write)
    write_pairs(study, prepared, planned, step)
    for what in ("* from prompts", "* from pairs"):
        assert rows(study, what) == rows(other, what)


def failing(write: Callable[..., None], nth: int) -> Callable[..., None]:
    n_calls = 0

    def fails(*arguments: Any) -> None:
        nonlocal n_calls
        n_calls += 1
        if n_calls == nth:
            raise InterruptedError
        write(*arguments)

    return fails


def test_a_step_that_was_not_written_whole_is_completed(prepared: PreparedRun, tmp_path: Path) -> None:
    study = tmp_path / "study"
    planned = plan(study, prepared, chosen(study, prepared))
    write_pairs(study, prepared, planned, {"gin": 8})
    plan(study, prepared, CONCEPTS)
    pairs = dict(rows(study, "concept, count(*) from pairs group by all"))
    assert pairs == dict.fromkeys(CONCEPTS, 6) | {"gin": 11}
