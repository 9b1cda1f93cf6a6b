"""Escalation on texts that are planted: who graduates when, who stops why, and that it is the same however it was stopped."""

import io
import json
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from db import connect
from engine.config import StudyConfig, change_config
from engine.escalation import Graduation, ask, escalate, run_concepts, sources_of, tell_steps, train_to_targets
from engine.exchange.graduation import build_graduation, graduation_table
from engine.exchange.status import build_status
from engine.exchange.targets import FORMAT, TargetCeiling, TargetEntry, Targets, write_targets
from engine.lenses.graduation import Measured, Outcome
from engine.own_lenses import present_lens_ids
from engine.packs.folder import load_pack
from engine.pipeline import run
from engine.stages.graduate import StepLens, step_rows
from engine.stages.plan import RunPlan, make_plan
from engine.stages.select import prepare_run
from engine.stats.estimate import unknown
from tests.support.command import Command
from tests.support.hand_made import HAND_MADE, write_pack
from tests.support.killing import Ending, run_command
from tests.support.planted import copy_study, snapshot
from tests.support.planted_writer import plant_writer

EASY, HARD, MUDDLED, LATE = CONCEPTS = ("gin", "hammer", "rasp", "claw hammer")
STEPS = (8, 24, 32)
SETTINGS: dict[str, Any] = {
    "picker": "list",
    "concepts": CONCEPTS,
    "n_positive": 16,
    "n_negative": 16,
    "max_new_tokens": 16,
    "folds": 3,
    "layers": (0, 2),
    "lenses": ("logistic", "lda"),
    "steps": STEPS,
    "target": 0.75,
    "falloff": (0.7,),
    "train_gap": 1.0,
    "mode": "output_only",
}


@dataclass(frozen=True)
class Escalated:
    """A study that was escalated, what was asked of the model, and what was found."""

    study: Path
    config: StudyConfig
    planned: RunPlan
    asked: tuple[str, ...]
    graduation: Graduation
    found: dict[str, Any]

    def last(self, concept: str) -> dict[str, Any]:
        return next(row for row in self.found["concepts"] if row["concept"] == concept)


def off_topic(planned: RunPlan) -> set[str]:
    """Prompts whose texts are about something else: most first positives of two concepts, and half of all of a third."""
    positives = {concept: [pair.sample.prompt for _, pair in planned.first(concept, 24)][:12] for concept in CONCEPTS}
    return {*positives[HARD][:3], *positives[LATE][:3], *positives[MUDDLED][::2]}


@pytest.fixture(scope="module")
def escalated(llama_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Escalated:
    """One easy concept, one that needs more, one at its ceiling, and one for which no texts are left."""
    folder = tmp_path_factory.mktemp("escalated")
    pack, study = write_pack(folder / "pack", HAND_MADE), folder / "study"
    ceiling = TargetCeiling("label_noise", 0.62, 0.55, 0.68, 40)
    targets = Targets(FORMAT, concepts={MUDDLED: TargetEntry(0.85, "planted", ceiling), "sun": TargetEntry(0.5, "no")})
    write_targets(folder / "targets.json", targets)
    config = StudyConfig(model=str(llama_folder), pack=str(pack), targets=str(folder / "targets.json"), **SETTINGS)
    prepared = prepare_run(config)
    planned = make_plan(prepared, CONCEPTS)
    most = len(prompts(planned, {EASY: 8, HARD: 24, MUDDLED: 8, LATE: 8}))
    config = change_config(config, {"most_samples": most})
    with pytest.MonkeyPatch.context() as patch:
        wrong = off_topic(planned)
        asked = plant_writer(patch, load_pack(str(pack)), lambda prompt: prompt not in wrong)
        graduation = escalate(study, config, quiet=True)
    found = build_graduation(
        study, graduation.run_id, graduation.rule_hash, rule=graduation.rule, sources=graduation.sources
    )
    return Escalated(study, config, planned, tuple(asked), graduation, found)


def prompts(planned: RunPlan, n_pairs: dict[str, int]) -> set[str]:
    return {pair.sample.sample_id for concept, n in n_pairs.items() for _, pair in planned.first(concept, n)}


def rows(study: Path, statement: str) -> list[Any]:
    with connect(study) as cursor:
        return cursor.execute(statement).fetchall()


def test_an_easy_concept_graduates_at_the_first_step(escalated: Escalated) -> None:
    found = escalated.last(EASY)
    assert (found["decision"], found["step"], found["reached"], found["n_pairs"]) == ("graduated", 0, 0.75, 8)
    assert "reaches 0.75" in found["why"]


def test_a_harder_one_climbs_until_it_reaches_its_target(escalated: Escalated) -> None:
    taken = [row for row in escalated.found["taken"] if row["concept"] == HARD]
    assert [row["decision"] for row in taken] == ["more"] * (len(taken) - 1) + ["graduated"]
    assert len(taken) > 1
    assert taken[-1]["reached"] == 0.75
    assert all(row["f1"] < 0.75 <= taken[-1]["f1"] for row in taken[:-1])


def test_a_muddled_one_stops_at_its_ceiling(escalated: Escalated) -> None:
    found = escalated.last(MUDDLED)
    assert (found["decision"], found["step"], found["ceiling"]) == ("ceiling", 0, 0.62)


def test_one_stops_when_the_texts_allowed_are_used_up(escalated: Escalated) -> None:
    found = escalated.last(LATE)
    assert (found["decision"], found["step"], found["n_pairs"]) == ("budget", 0, 8)
    assert len(escalated.asked) <= (escalated.config.most_samples or 0)


def test_only_what_is_missing_is_generated(escalated: Escalated) -> None:
    n_pairs = {row["concept"]: row["n_pairs"] for row in escalated.found["concepts"]}
    there = dict(rows(escalated.study, "select concept, count(*) from pairs group by all"))
    assert there == n_pairs
    wanted = prompts(escalated.planned, n_pairs)
    assert {row[0] for row in rows(escalated.study, "select sample_id from samples")} == wanted
    assert len(escalated.asked) == len(wanted)


def test_the_table_and_the_status_count_them(escalated: Escalated) -> None:
    found = escalated.found
    assert (found["n_concepts"], found["n_graduated"]) == (4, 2)
    first = found["steps"][0]
    assert (first["n_concepts"], first["graduated"], first["ceiling"], first["budget"]) == (4, {"0.75": 1}, 1, 1)
    assert sum(step["n_concepts"] for step in found["steps"]) == len(found["taken"])
    assert len(graduation_table(found).renderables) == 3
    [one] = build_status(escalated.study)["runs"]
    assert one["graduation"] == {
        "rule": found["rule"],
        "n_concepts": 4,
        "n_graduated": 2,
        "n_stopped": 2,
    }
    json.dumps(found)


def test_a_stop_is_told_in_short_and_in_json_with_all_entries(escalated: Escalated) -> None:
    run_id, said = escalated.graduation.run_id, list[str]()
    layer = next(layer for name, _, layer in run_concepts(escalated.study, run_id) if name == EASY)
    here, anywhere = TargetEntry(None, "no rating here"), TargetEntry(None, "no rating of any")
    targets = Targets(FORMAT, default=anywhere, pack_layers={str(layer): here})
    asked = ask(escalated.study, run_id, escalated.config, targets, [EASY])
    lens = StepLens(EASY, (0,), None, Measured(unknown("too few", method="F1"), None))
    outcomes = {EASY: Outcome("exhausted", None, "F1 is below 0.70")}
    rows = step_rows(run_id, "rule", [lens], asked, outcomes, step=0, n_pairs={EASY: 8})
    tell_steps(rows, said.append)
    source = f"(none of pack layer {layer}: no rating here; target of the settings)"
    assert rows[0].why == f"F1 is below 0.70 {source}"
    assert said == [f"{EASY}: exhausted with 8 pairs: F1 is below 0.70 {source}."]
    assert "no rating of any" in sources_of(asked)[EASY]


def test_all_concepts_and_steps_are_decided_at_one_layer(escalated: Escalated) -> None:
    assert len({row["layer"] for row in escalated.found["taken"] if row["f1"] is not None}) == 1


def test_json_says_where_each_target_is_from(escalated: Escalated) -> None:
    sources = {row["concept"]: row["target_from"] for row in escalated.found["concepts"]}
    assert sources[EASY] == "target of the settings"
    assert sources[MUDDLED].endswith(": planted")


def test_whom_the_train_gap_holds_back_is_counted_and_told_how_to_let_them_pass(
    escalated: Escalated, tmp_path: Path
) -> None:
    study = copy_study(escalated.study, tmp_path / "study")
    strict = change_config(escalated.config, {"train_gap": 0.0, "target": 0.5, "falloff": []})
    graduation = train_to_targets(study, strict, quiet=True)
    found = build_graduation(study, graduation.run_id, graduation.rule_hash, rule=graduation.rule)
    held = [row for row in found["concepts"] if row["is_held_back_by_train_gap"]]
    assert found["n_held_back_by_train_gap"] == len(held) > 0
    assert all(row["train_f1"] > row["f1"] >= 0.5 and "--train-gap allows 0.00" in row["why"] for row in held)
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(graduation_table(found))
    assert f"{len(held)} with F1 enough did not" in console.export_text()


def test_lenses_of_other_settings_do_not_decide(escalated: Escalated, tmp_path: Path) -> None:
    study = copy_study(escalated.study, tmp_path / "study")
    first = train_to_targets(study, escalated.config, quiet=True)
    deciding = rows(study, f"select concept, lens_id from graduation_steps where rule_hash = '{first.rule_hash}'")
    run(study, change_config(escalated.config, {"folds": 2}), only=("train",), quiet=True)
    again = train_to_targets(study, escalated.config, quiet=True)
    assert again == first
    assert (
        len(
            rows(
                study,
                "select distinct lens_id from lenses where concept = 'gin' and family = 'logistic' and layers = [0]",
            )
        )
        > 1
    )
    other = train_to_targets(study, change_config(escalated.config, {"folds": 2}), quiet=True)
    decided = rows(study, f"select concept, lens_id from graduation_steps where rule_hash = '{other.rule_hash}'")
    assert not {lens_id for _, lens_id in decided} & {lens_id for _, lens_id in deciding}


def test_what_lenses_share_in_the_end_is_of_all_pairs_whenever_their_own_concept_stopped(escalated: Escalated) -> None:
    with connect(escalated.study) as cursor:
        run_id, families = escalated.graduation.run_id, escalated.config.lenses
        own = present_lens_ids(cursor, run_id, escalated.config, families=families, layers=(0, 2))
    trained = {lens_id for (lens_id,) in rows(escalated.study, "select lens_id from lenses")}
    assert own <= trained
    assert len(own) == len(CONCEPTS) * 4
    # Shared discriminants of those who stopped first were trained before, too; others stay as they are.
    stale = rows(escalated.study, "select family, lens_id from lenses")
    assert {family for family, lens_id in stale if lens_id not in own and family != "logistic"} == {"lda"}


def test_done_it_has_nothing_left_to_do(escalated: Escalated) -> None:
    before = snapshot(escalated.study), rows(escalated.study, "select * from graduation_steps order by all")
    assert escalate(escalated.study, escalated.config, quiet=True) == escalated.graduation
    assert (snapshot(escalated.study), rows(escalated.study, "select * from graduation_steps order by all")) == before


def test_other_stages_leave_a_concept_at_its_step(escalated: Escalated) -> None:
    before = rows(escalated.study, "select * from pairs order by all")
    run(escalated.study, escalated.config, only=("select",), quiet=True)
    assert rows(escalated.study, "select * from pairs order by all") == before


def test_trained_at_once_every_concept_has_one_decision(escalated: Escalated) -> None:
    graduation = train_to_targets(escalated.study, escalated.config, quiet=True)
    assert graduation.rule_hash != escalated.graduation.rule_hash
    found = build_graduation(escalated.study, graduation.run_id, graduation.rule_hash)
    assert [(row["concept"], row["step"]) for row in found["taken"]] == [(concept, 0) for concept in CONCEPTS]
    decisions = {row["concept"]: row["decision"] for row in found["taken"]}
    assert decisions[EASY] == decisions[HARD] == "graduated"
    assert decisions[MUDDLED] == "ceiling"
    assert decisions[LATE] in {"graduated", "exhausted"}
    assert train_to_targets(escalated.study, escalated.config, quiet=True) == graduation


FLAGS = {
    "steps": (8, 12, 16),
    "target": 0.9,
    "lenses": ("logistic",),
    "layers": (2,),
    "folds": 3,
    "max_new_tokens": 8,
    "batch_size": 8,
    "concepts": (EASY, HARD),
    "picker": "list",
}
KILLS = (
    Ending("generate", nth=2, moment="after the rows"),
    Ending("escalate", nth=1, moment="before the rows"),
    Ending("escalate", nth=1, moment="after the rows"),
    Ending("train", nth=1, moment="after the rows"),
)
"""Within and between steps; each kill follows the one before it in one study."""
STEPS_TAKEN = "select * exclude (decided_at) from graduation_steps order by all"


def test_killed_anywhere_it_goes_on_to_the_same(llama_folder: Path, hand_made: Path, tmp_path: Path) -> None:
    flags: list[object] = ["--model", llama_folder, "--pack", hand_made]
    for name, value in FLAGS.items():
        for one in value if isinstance(value, tuple) else (value,):
            flags += [f"--{name.replace('_', '-')}", one]
    study, other = tmp_path / "killed", tmp_path / "undisturbed"
    whole = run_command(tmp_path, ["escalate", other, *flags])
    assert whole.status == 0, whole.stderr
    for kill in KILLS:
        ended = run_command(tmp_path, ["escalate", study, *flags], kill)
        assert ended.status == -signal.SIGKILL, (kill, ended.stderr)
    ended = run_command(tmp_path, ["escalate", study])  # the settings are the study's own by now
    assert ended.status == 0, ended.stderr
    assert snapshot(study) == snapshot(other)
    assert rows(study, "select * from prompts order by all") == rows(other, "select * from prompts order by all")
    taken = rows(study, STEPS_TAKEN)
    assert taken == rows(other, STEPS_TAKEN)
    assert {row[3] for row in taken} == {0, 1, 2}
    at_once = tmp_path / "at-once"
    config = StudyConfig(model=str(llama_folder), pack=str(hand_made), **FLAGS, n_positive=8, n_negative=8)
    run(at_once, change_config(config, {"steps": []}), only=("select", "generate"), quiet=True)
    texts = {row[0]: row for row in snapshot(at_once)["texts"]}
    assert all(row == texts[row[0]] for row in snapshot(study)["texts"])


def test_a_file_of_targets_that_is_wrong_leaves_nothing_behind(
    lensgap: Command, llama_folder: Path, hand_made: Path, tmp_path: Path
) -> None:
    (tmp_path / "targets.json").write_text(f'{{"format": "{FORMAT}", "default": {{"target": 2, "why": "more"}}}}')
    ended = lensgap(
        "escalate",
        tmp_path / "study",
        "--model",
        llama_folder,
        "--pack",
        hand_made,
        "--targets",
        tmp_path / "targets.json",
    )
    assert ended.status == 1
    assert "default → target" in ended.stderr.replace("\n", " ")
    assert not (tmp_path / "study").exists()
