"""The public pack of the study, where LENSGAP_TRIAL_PACK names its folder; its text is not ours to keep."""

import os
import time
from collections.abc import Callable

import pytest

from engine.config import StudyConfig
from engine.packs.folder import load_pack
from engine.packs.pack import Pack
from engine.packs.pickers import choose_configured
from engine.packs.validate import validate_pack
from engine.prompts.plan import Planner
from engine.prompts.templates import load_templates

FOLDER = os.environ.get("LENSGAP_TRIAL_PACK", "")
pytestmark = pytest.mark.skipif(not FOLDER, reason="LENSGAP_TRIAL_PACK names no pack")

CHOSEN = {
    "A": [("BayesianRiskReasoning", 0, 1), ("MedicalClinic", 1, 1), ("AerobicExerciseDevice", 1, 3)],
    "B": [("EndTimesNarrative", 0, 10), ("Vodka", 1, 14), ("PyridostigmineBromide", 1, 32)],
    "C": [("ChestOrCabinet", 5, 10), ("SportsGround", 7, 61), ("SwitchDevice", 16, 33)],
    "D": [("LegislativeChamber", 5, 1), ("Demonstrating", 11, 3), ("StringInstrument", 35, 3)],
}


@pytest.fixture(scope="module")
def pack() -> Pack:
    return load_pack(FOLDER)


def test_all_concepts_are_read_in_three_seconds() -> None:
    before = time.process_time()
    assert len(load_pack(FOLDER).concepts) == 7317
    assert time.process_time() - before < 3


def test_the_studys_picker_gives_the_studys_concepts(pack: Pack) -> None:
    chosen = choose_configured(pack, StudyConfig(pack_layer=3, siblings="study"))
    found = {q: [(p.concept.term, p.n_senses, p.n_siblings) for p in chosen if p.quadrant == q] for q in CHOSEN}
    assert found == CHOSEN


def test_problems_are_listed_and_everything_is_sound_enough() -> None:
    found = validate_pack(FOLDER)
    assert found.pack is not None
    assert len(found.pack.concepts) == 7317
    assert sum("is no concept of the pack" in problem.text for problem in found.problems) == 230
    assert sum("empty or missing" in problem.text for problem in found.problems) == 72


def test_the_whole_pack_is_planned_in_twenty_seconds(pack: Pack, cpu_seconds: Callable[[], float]) -> None:
    config = StudyConfig(picker="all", n_positive=100, n_negative=100)
    before = cpu_seconds()
    pairs = Planner(pack, load_templates("standard"), config, run_id="r").plan([c.term for c in pack.concepts])
    assert cpu_seconds() - before < 20
    assert len(pairs) > 1_400_000
