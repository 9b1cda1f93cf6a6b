"""Settings: where they come from, what they refuse, and which of them make another run."""

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config import StudyConfig, change_config, read_config, read_stored_config
from engine.errors import ConfigError

IDENTITY = {"model_fingerprint": "m", "pack_hash": "p", "template_hash": "t"}
OTHER: dict[str, Any] = {
    "model": "elsewhere",
    "revision": "main",
    "trust_remote_code": True,
    "dtype": "bfloat16",
    "quantize": "4bit",
    "chat": "off",
    "device": "cpu",
    "device_map": "auto",
    "pack": "elsewhere",
    "pack_layer": 2,
    "picker": "random",
    "per_quadrant": 5,
    "siblings": "study",
    "senses_low": 1,
    "senses_high": 6,
    "siblings_low": 2,
    "siblings_high": 11,
    "n_positive": 11,
    "n_negative": 11,
    "sibling_share": 0.25,
    "opposite_share": 0.1,
    "template_set": "elsewhere",
    "temperature": 1.5,
    "top_p": 0.5,
    "top_k": 40,
    "repetition_penalty": 1.2,
    "min_new_tokens": 2,
    "stop": ("\n",),
    "max_new_tokens": 10,
    "batch_size": 3,
    "seed": 9,
    "layers": (1, -1, 0.5),
    "activations": "float32",
    "pool": "last",
    "mode": "output_only",
    "judge": "elsewhere",
    "base_url": "http://127.0.0.1:8000",
    "rubric": "elsewhere",
    "votes": 3,
    "text_limit": 1_000,
    "budget": 2.5,
    "rpm": 50,
    "tpm": 50_000,
    "batches": True,
    "prices": "elsewhere",
    "lenses": ("logistic",),
    "phase": "prompt",
    "folds": 3,
    "repeats": 2,
    "validation": "leave-one-group-out",
    "group_by": "template+prompt_concept",
    "memory_mib": 64,
    "join_layers": True,
    "steps": (8, 20),
    "target": 0.9,
    "falloff": (0.6,),
    "train_gap": 0.2,
    "graduate_by": "lower-bound",
    "targets": "elsewhere",
    "most_samples": 100,
}
"""Another value of each setting that can be changed alone; concepts need the picker that takes them."""


def test_every_setting_has_another_value_here() -> None:
    assert {setting.name for setting in fields(StudyConfig)} - {"concepts"} == set(OTHER)


@pytest.mark.parametrize("name", OTHER)
def test_settings_come_back_from_what_the_study_stores(name: str) -> None:
    config = replace(StudyConfig(), **{name: OTHER[name]})
    assert read_stored_config(config.to_json()) == config


@pytest.mark.parametrize("name", OTHER)
def test_exactly_the_settings_that_decide_texts_change_the_run(name: str) -> None:
    """Model, pack and templates count by their content, judges, lenses and layers not at all."""
    by_content = {"model", "pack", "template_set"}
    after_the_texts = {
        "device",
        "device_map",
        "activations",
        "pool",
        "layers",
        "mode",
        "judge",
        "base_url",
        "rubric",
        "votes",
        "text_limit",
        "budget",
        "rpm",
        "tpm",
        "batches",
        "prices",
        "lenses",
        "phase",
        "folds",
        "repeats",
        "validation",
        "group_by",
        "join_layers",
        "memory_mib",
        "steps",
        "target",
        "falloff",
        "train_gap",
        "graduate_by",
        "targets",
        "most_samples",
    }
    changed = replace(StudyConfig(), **{name: OTHER[name]}).run_id(**IDENTITY)
    same = changed == StudyConfig().run_id(**IDENTITY)
    assert same == (name in by_content | after_the_texts)


def test_model_pack_and_templates_change_the_run_by_their_content() -> None:
    ids = {StudyConfig().run_id(**{**IDENTITY, name: "other"}) for name in IDENTITY}
    assert len(ids | {StudyConfig().run_id(**IDENTITY)}) == 4


def test_flags_win_over_the_file_and_the_file_over_the_study(tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text('n_positive = 4\nseed = 4\nlayers = [0, 2]\nlenses = ["logistic"]\ntemperature = 1\n')
    base = StudyConfig(seed=3, n_negative=3, n_positive=3)
    found = read_config(file, flags={"n_positive": 5, "n_negative": None}, base=base)
    assert (found.n_positive, found.seed, found.n_negative) == (5, 4, 3)
    assert (found.layers, found.lenses, found.temperature) == ((0, 2), ("logistic",), 1.0)
    assert isinstance(found.temperature, float)


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "unknown": ({"n_positives": 3}, '"n_positives"'),
    "text for a number": ({"seed": "three"}, "seed"),
    "number for a text": ({"model": 3}, "model"),
    "fraction for a whole number": ({"n_positive": 2.5}, "n_positive"),
    "truth for a number": ({"n_positive": True}, "n_positive"),
    "number for a list": ({"layers": 3}, "layers"),
    "texts in a list of numbers": ({"layers": ["a"]}, "layers"),
    "no layer": ({"layers": []}, "layers"),
    "shares above the whole": ({"sibling_share": 0.9, "opposite_share": 0.2}, "opposite_share"),
    "shortest above longest": ({"min_new_tokens": 200}, "max_new_tokens"),
    "empty stop": ({"stop": [""]}, "stop"),
    "unknown choice": ({"mode": "sideways"}, "in_context"),
    "list for a choice": ({"mode": ["in_context"]}, "mode"),
    "too low": ({"n_positive": 0}, "n_positive"),
    "too high": ({"top_p": 1.1}, "top_p"),
    "seed that no library takes": ({"seed": 2**40}, "2147483647"),
    "not a number": ({"temperature": float("nan")}, "temperature"),
    "infinite": ({"temperature": float("inf")}, "temperature"),
    "share that is not a number": ({"sibling_share": float("nan")}, "sibling_share"),
    "budget without end": ({"budget": float("inf")}, "budget must be a number, not inf"),
    "budget that is not a number": ({"budget": float("nan")}, "budget must be a number, not nan"),
    "senses upside down": ({"senses_low": 5}, "senses_low"),
    "siblings upside down": ({"siblings_high": 3}, "siblings_low"),
    "prompts that are not there": ({"mode": "output_only", "phase": "prompt"}, "output_only"),
    "one fold": ({"folds": 1}, "folds"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_told_with_the_setting(fault: str) -> None:
    changes, named = FAULTS[fault]
    with pytest.raises(ConfigError) as told:
        change_config(StudyConfig(), changes)
    assert named in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("content", [b"seed = ", b"seed = 1\nseed = 2", b'model = "\xff"', b"[study]\nseed = 1"])
def test_file_that_holds_no_settings_is_told(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "study.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"study"):
        read_config(file)


def test_a_mark_of_utf_8_before_the_settings_is_no_part_of_them(tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text("seed = 4", encoding="utf-8-sig")
    assert read_config(file).seed == 4


def test_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml cannot be read"):
        read_config(tmp_path / "none.toml")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)
)


@given(st.sampled_from([setting.name for setting in fields(StudyConfig)]), json_values)
def test_any_value_is_taken_or_told(name: str, value: Any) -> None:
    try:
        config = change_config(StudyConfig(), {name: value})
    except ConfigError:
        return
    assert getattr(config, name) == (tuple(value) if isinstance(value, list) else value)
    assert json.loads(config.to_json())


@given(
    steps=st.lists(st.integers(2, 400), min_size=1, max_size=5, unique=True).map(sorted),
    n_positive=st.integers(1, 50),
    n_negative=st.integers(1, 50),
)
def test_steps_alone_make_the_arms_as_large_as_the_last_one_and_keep_their_proportion(
    steps: list[int], n_positive: int, n_negative: int
) -> None:
    base = StudyConfig(n_positive=n_positive, n_negative=n_negative)
    found = change_config(base, {"steps": steps})
    assert found.n_positive + found.n_negative == found.steps[-1] == steps[-1]
    assert abs(found.n_positive - steps[-1] * n_positive / (n_positive + n_negative)) < 1 + 1e-9
    assert change_config(found, {"steps": steps}) == found


def test_another_size_of_the_arms_ends_the_steps() -> None:
    escalated = change_config(StudyConfig(), {"steps": [40, 80]})
    assert change_config(escalated, {"target": 0.7}).steps == (40, 80)
    assert change_config(escalated, {"n_positive": 10}).steps == ()
    assert change_config(escalated, {"steps": [8, 12], "n_positive": 4}).n_negative == 8


@pytest.mark.parametrize("steps", [(80, 40), (40, 40), (1, 20), (10, 30)])
def test_steps_that_do_not_rise_to_the_arms_are_refused(steps: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="steps"):
        StudyConfig(steps=steps)
