"""targets.json: what is written is read, what is wrong is named, and the most particular entry that has a target decides."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import TargetsError
from engine.exchange.targets import (
    FORMAT,
    SCHEMA,
    TargetCeiling,
    TargetEntry,
    TargetJudge,
    Targets,
    read_targets,
    resolve,
    targets_schema,
    unknown_concepts,
    write_targets,
)

shares = st.floats(0, 1)
ceilings = st.tuples(shares, shares, shares).map(
    lambda ends: TargetCeiling("label_noise", sorted(ends)[1], min(ends), max(ends), 40)
)
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
entries = st.builds(
    TargetEntry,
    target=st.none() | shares,
    why=names.filter(bool),
    ceiling=st.none() | ceilings,
    n_concepts=st.none() | st.integers(0, 9),
)
files = st.builds(
    Targets,
    format=st.just(FORMAT),
    default=st.none() | entries,
    judge=st.none() | st.builds(TargetJudge, names, names, st.booleans()),
    pack_layers=st.dictionaries(st.sampled_from("012"), entries),
    quadrants=st.dictionaries(st.sampled_from("ABCD"), entries),
    cells=st.dictionaries(st.sampled_from(["A/0", "C/2"]), entries),
    concepts=st.dictionaries(names, entries, max_size=3),
)


@given(targets=files)
def test_what_is_written_is_read(targets: Targets, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("targets") / "targets.json"
    write_targets(file, targets)
    assert read_targets(file) == targets
    assert [path.name for path in file.parent.iterdir()] == ["targets.json"]


@given(text=st.text() | st.recursive(st.none() | shares | names, lambda x: st.dictionaries(names, x)).map(json.dumps))
def test_any_other_text_is_refused_in_one_sentence(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("targets") / "targets.json"
    file.write_text(text, encoding="utf-8", errors="replace")
    with pytest.raises(TargetsError, match=r"targets\.json"):
        read_targets(file)


def entry(**changes: Any) -> dict[str, Any]:
    return {"target": 0.8, "why": "so it was asked"} | changes


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "above 1": ({"concepts": {"gin": entry(target=1.2)}}, "concepts → gin → target"),
    "no number": ({"default": entry(target="0.8")}, "default → target"),
    "no reason": ({"quadrants": {"B": {"target": 0.8}}}, "quadrants → B → why"),
    "a misspelt name": ({"quadrants": {"B": entry(traget=0.8)}}, "quadrants → B → traget"),
    "no such quadrant": ({"quadrants": {"E": entry()}}, "quadrants → E"),
    "no such model": ({"default": entry(ceiling={"model": "hope", "value": 0.9})}, "default → ceiling → model"),
    "an interval upside down": (
        {"default": entry(ceiling={"model": "label_noise", "value": 0.9, "low": 0.95, "high": 0.99})},
        "default → ceiling",
    ),
    "half an interval": (
        {"default": entry(ceiling={"model": "label_noise", "value": 0.9, "low": 0.8})},
        "default → ceiling",
    ),
    "a later format": ({"format": "lensgap-targets/2"}, "format"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_the_entry_that_is_wrong_is_named(fault: str, tmp_path: Path) -> None:
    content, place = WRONG[fault]
    file = tmp_path / "targets.json"
    file.write_text(json.dumps({"format": FORMAT} | content), encoding="utf-8")
    with pytest.raises(TargetsError) as caught:
        read_targets(file)
    assert f"{file}: {place}" in str(caught.value)


def test_a_concept_that_stands_there_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "targets.json"
    one = json.dumps(entry())
    file.write_text(f'{{"format": "{FORMAT}", "concepts": {{"gin": {one}, "gin": {one}}}}}', encoding="utf-8")
    with pytest.raises(TargetsError, match='"gin" stands there twice'):
        read_targets(file)


LEVELS = ("concept", "cell", "quadrant", "pack_layer", "default")


@given(given_targets=st.lists(st.none() | shares, min_size=5, max_size=5), otherwise=shares)
def test_the_most_particular_entry_that_has_a_target_decides(
    given_targets: list[float | None], otherwise: float
) -> None:
    concept, cell, quadrant, layer, default = (TargetEntry(target, "so it is") for target in given_targets)
    targets = Targets(
        FORMAT,
        default=default,
        pack_layers={"2": layer},
        quadrants={"A": quadrant},
        cells={"A/2": cell},
        concepts={"gin": concept},
    )
    found = resolve(targets, "gin", quadrant="A", pack_layer=2, otherwise=otherwise)
    expected = next(
        ((level, target) for level, target in zip(LEVELS, given_targets, strict=True) if target is not None),
        ("settings", otherwise),
    )
    assert (found.level, found.target) == expected


def test_in_short_it_tells_of_the_nearest_entry_alone() -> None:
    at_all_levels = {
        "default": TargetEntry(None, "why default"),
        "pack_layers": {"2": TargetEntry(None, "why layer")},
        "quadrants": {"A": TargetEntry(None, "why quadrant")},
        "cells": {"A/2": TargetEntry(None, "why cell")},
    }
    of_none = resolve(Targets(FORMAT, **at_all_levels), "gin", quadrant="A", pack_layer=2, otherwise=0.8)  # type: ignore[arg-type]
    assert all(f"why {level}" in of_none.why for level in ("cell", "quadrant", "layer", "default"))
    assert of_none.in_short == "none of quadrant A in pack layer 2: why cell; target of the settings"
    decided = replace(Targets(FORMAT, **at_all_levels), default=TargetEntry(0.7, "it holds"))  # type: ignore[arg-type]
    found = resolve(decided, "gin", quadrant="A", pack_layer=2, otherwise=0.8)
    assert "why cell" in found.why
    assert found.in_short == "target of all concepts: it holds"


def test_a_group_does_not_speak_for_others() -> None:
    targets = Targets(FORMAT, quadrants={"A": TargetEntry(0.7, "so it is")}, cells={"A/1": TargetEntry(0.6, "here")})
    for quadrant, pack_layer, level in (("B", 1, "settings"), (None, 1, "settings"), ("A", 2, "quadrant")):
        assert resolve(targets, "gin", quadrant=quadrant, pack_layer=pack_layer, otherwise=0.8).level == level


def test_a_ceiling_is_the_concepts_own_and_no_baselines() -> None:
    ceiling = TargetCeiling("label_noise", 0.8, 0.7, 0.9, 40)
    groups = Targets(FORMAT, default=TargetEntry(0.7, "mean", ceiling))
    own = Targets(FORMAT, concepts={"gin": TargetEntry(None, "no target", ceiling)})
    rated_by_baseline = Targets(FORMAT, judge=TargetJudge("offline", "words", True), concepts=own.concepts)
    found = [
        resolve(one, "gin", quadrant=None, pack_layer=0, otherwise=0.8).ceiling
        for one in (groups, own, rated_by_baseline)
    ]
    assert found[0] is None
    assert found[1] is not None
    assert (found[1].value, found[1].low, found[1].high, found[1].n) == (0.8, 0.7, 0.9, 40)
    assert found[2] is None


def test_concepts_that_the_run_lacks_are_told() -> None:
    targets = Targets(FORMAT, concepts={name: TargetEntry(0.8, "so") for name in ("gin", "rum", "ale")})
    assert unknown_concepts(targets, ["gin", "vodka"]) == ("ale", "rum")


def test_the_schema_that_is_shipped_is_that_of_the_reader() -> None:
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == targets_schema()
