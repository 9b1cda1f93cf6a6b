"""Which ceilings, lenses and rules decide, on a study without a model."""

from dataclasses import replace
from pathlib import Path

import pytest

from db import connect
from engine.config import StudyConfig
from engine.exchange.report import build_report
from engine.lenses.graduation import Goal, Measured, Outcome, Rule
from engine.stages.graduate import (
    DECIDING,
    Asked,
    StepLens,
    choose_layers,
    decide_step,
    deciding_lenses,
    kept_layers,
    load_lenses,
    rated_ceilings,
    rule_hash,
    step_rows,
)
from engine.stages.stage import write_rows
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
    with connect(rated) as cursor:
        ids = [row[0] for row in cursor.execute("select lens_id from lenses where run_id = ?", [RUN]).fetchall()]
    lenses = load_lenses(rated, RUN, config, concepts, lens_ids=ids)
    assert lenses
    assert load_lenses(rated, RUN, config, concepts, lens_ids=ids[:0]) == []
    chosen = deciding_lenses(lenses, concepts, choose_layers(lenses))
    assert [lens.concept for lens in chosen] == concepts
    assert len({lens.layers for lens in chosen if lens.lens_id}) == 1
    assert (chosen[-1].lens_id, chosen[-1].measured.f1.value) == (None, None)


def lens_at(layer: int, f1: float, concept: str = "gin") -> StepLens:
    return StepLens(concept, (layer,), f"{concept} {layer}", Measured(known(f1, f1, f1, n=40, method="given"), f1))


def test_the_layers_stay_those_of_the_first_decision(tmp_path: Path) -> None:
    study = build_study(tmp_path / "study", baseline=False)
    with connect(study) as cursor:
        found = cursor.execute(
            "select concept, lens_id, layers from lens_results where run_id = ? and f1 is not null order by layers",
            [RUN],
        ).fetchall()
    first, later = found[-1], found[0]
    assert first[2] != later[2]
    assert kept_layers(study, RUN, "rule") is None
    outcome = Outcome("more", None, "F1 is below 0.85")
    for step, (concept, lens_id, layers) in enumerate((first, later)):
        lens = replace(lens_at(0, 0.5, concept), lens_id=lens_id, layers=tuple(layers))
        asked, outcomes = {concept: Asked(Goal(0.85))}, {concept: outcome}
        write_rows(study, step_rows(RUN, "rule", [lens], asked, outcomes, step=step, n_pairs={concept: 8}))
        assert kept_layers(study, RUN, "rule") == tuple(first[2])
    assert kept_layers(study, RUN, "another rule") is None


def test_who_is_left_does_not_change_the_layer_that_decides() -> None:
    lenses = [lens_at(0, 0.95, "easy"), lens_at(2, 0.6, "easy"), lens_at(0, 0.5, "hard"), lens_at(2, 0.7, "hard")]
    layers = choose_layers(lenses)
    assert layers == (0,)
    left = [lens for lens in lenses if lens.concept == "hard"]
    assert choose_layers(left) == (2,)
    assert [lens.layers for lens in deciding_lenses(left, ["hard"], layers)] == [(0,)]


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
