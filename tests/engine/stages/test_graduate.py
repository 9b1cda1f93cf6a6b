"""Which ceilings, lenses and rules decide, on a study without a model."""

from dataclasses import replace
from pathlib import Path

import pytest

from db import connect
from engine.config import StudyConfig
from engine.exchange.report import build_report
from engine.lenses.graduation import Goal, Measured, Rule
from engine.stages.graduate import (
    DECIDING,
    Asked,
    StepLens,
    decide_step,
    deciding_lenses,
    load_lenses,
    rated_ceilings,
    rule_hash,
)
from engine.stats.estimate import known
from tests.support.synthetic_study import RUN, build_study


@pytest.fixture(scope="module")
def rated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_study(tmp_path_factory.mktemp("rated") / "study", baseline=False)


def concepts_of(study: Path) -> list[str]:
    with connect(study) as cursor:
        found = cursor.execute("select concept from run_concepts where run_id = ? order by position", [RUN]).fetchall()
    return [row[0] for row in found]


def test_ceilings_are_those_of_the_report(rated: Path) -> None:
    found = rated_ceilings(rated, RUN, concepts_of(rated))
    reported = {one["concept"]: one["ceilings"]["label_noise"] for one in build_report(rated)["concepts"]}
    expected = {name: (c["value"], c["low"], c["high"]) for name, c in reported.items() if c["value"] is not None}
    assert {name: (one.value, one.low, one.high) for name, one in found.items()} == expected
    some = concepts_of(rated)[:2]
    assert rated_ceilings(rated, RUN, some) == {name: found[name] for name in some if name in found}


def test_a_baseline_sets_no_ceiling(tmp_path: Path) -> None:
    study = build_study(tmp_path / "study", baseline=True)
    assert rated_ceilings(study, RUN, concepts_of(study)) == {}


def test_one_lens_a_concept_all_of_the_same_layers(rated: Path) -> None:
    with connect(rated) as cursor:
        found = cursor.execute("select distinct family, phase, mode from lenses order by all").fetchone()
    assert found
    config = StudyConfig(lenses=(found[0],), phase=found[1], mode=found[2])
    concepts = [*concepts_of(rated), "none such"]
    lenses = load_lenses(rated, RUN, config, concepts)
    assert lenses
    chosen = deciding_lenses(lenses, concepts)
    assert [lens.concept for lens in chosen] == concepts
    assert len({lens.layers for lens in chosen if lens.lens_id}) == 1
    assert (chosen[-1].lens_id, chosen[-1].measured.f1.value) == (None, None)


def test_texts_are_only_asked_for_where_more_would_help() -> None:
    asked = {name: Asked(Goal(0.85)) for name in ("good", "poor", "late")}
    f1 = {"good": 0.9, "poor": 0.5, "late": 0.5}
    lenses = [
        StepLens(name, (0,), name, Measured(known(value, value, value, n=40, method="given"), value))
        for name, value in f1.items()
    ]
    told: list[str] = []

    def afford(concept: str) -> bool:
        told.append(concept)
        return concept == "poor"

    found = decide_step(lenses, asked, Rule(), afford=afford)
    assert {name: one.decision for name, one in found.items()} == {
        "good": "graduated",
        "poor": "more",
        "late": "budget",
    }
    assert told == ["poor", "late"]


def test_another_rule_has_another_name() -> None:
    config = StudyConfig()
    assert set(DECIDING) <= set(StudyConfig.__dataclass_fields__)
    others = [
        replace(config, target=0.8),
        replace(config, steps=(10, 20)),
        replace(config, lenses=("ridge",)),
        replace(config, graduate_by="lower-bound"),
    ]
    assert len({rule_hash(one) for one in (config, *others)} | {rule_hash(config, "targets")}) == 6
    assert rule_hash(replace(config, device="cpu", judge="anthropic")) == rule_hash(config)
