"""Snapshots hold what was true when they were frozen, and come out as pages that run nothing of what a study holds."""

import json
from pathlib import Path

import pytest

from db import connect, transaction
from engine.errors import ConfigError
from engine.exchange.report import build_report
from engine.exchange.snapshots import Wish, freeze, list_snapshots, load_page, load_slides, render_snapshot
from engine.words import number
from tests.support.command import Command
from tests.support.planted import copy_study
from tests.support.synthetic_study import build_study
from tests.support.synthetic_texts import HOSTILE_CONCEPT


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_study(tmp_path_factory.mktemp("snapshots") / "study", n_concepts=4, n_pairs=8, n_between=1)


@pytest.fixture
def study(made: Path, tmp_path: Path) -> Path:
    return copy_study(made, tmp_path / "study")


def rate_all(study: Path, rating: int) -> None:
    with transaction(study) as cursor:
        cursor.execute(
            "insert into ratings (rating_id, run_id, concept, sample_id, reviewer, source, rating, blind, rated_at) "
            "select concept || sample_id, run_id, concept, sample_id, 'Bob', 'override', ?, false, now() from pairs",
            [rating],
        )


def test_a_snapshot_says_what_the_report_says_and_keeps_saying_it_after_ratings(study: Path) -> None:
    gap = number(build_report(study)["overall"]["gap"])
    identity = freeze(study, Wish(), name="Before", by="Ada")
    before, report = load_slides(study, identity)[0], load_page(study, identity)
    rate_all(study, 3)
    assert number(build_report(study)["overall"]["gap"]) == "0.00"
    assert load_slides(study, identity)[0] == before
    assert load_page(study, identity) == report
    said = {slide["name"]: slide["says"] for slide in before}
    assert f"positives are rated {gap} [" in said["gaps"]
    assert list(said) == [
        "title", "answer", "map", "gaps", "form", "ceilings", "lenses", "claims", "examples", "next",
    ]  # fmt: skip


def test_snapshots_are_listed_latest_first_with_who_and_state(study: Path) -> None:
    first = freeze(study, Wish(), name="One", by="Ada")
    rate_all(study, 5)
    second = freeze(study, Wish(), name="Two", by="Bob")
    found = list_snapshots(study)
    assert [(one["snapshot_id"], one["name"], one["frozen_by"]) for one in found] == [
        (second, "Two", "Bob"),
        (first, "One", "Ada"),
    ]
    assert found[0]["state"] != found[1]["state"]


@pytest.mark.parametrize("lacking", ["generated", "judged", "lensed"])
def test_a_study_that_lacks_a_stage_is_frozen_with_reasons(tmp_path: Path, lacking: str) -> None:
    study = build_study(tmp_path / "study", n_concepts=4, n_pairs=6, **{lacking: False})
    slides, _ = load_slides(study, freeze(study, Wish(), name="Early", by="Ada"))
    said = " ".join(slide["says"] for slide in slides)
    expected = {"generated": "unknown", "judged": "unknown", "lensed": "No F1 is measured"}
    assert expected[lacking] in said


def test_hostile_names_and_notes_are_text_in_the_pages(study: Path) -> None:
    name = "</script><script>alert(1)</script>"
    identity = freeze(study, Wish(), name=name, by="<img src=x onerror=alert(1)>")
    with transaction(study) as cursor:
        cursor.execute(
            "insert into snapshot_notes (note_id, snapshot_id, slide, note, written_by, written_at) "
            "values ('n', ?, 'gaps', '<svg onload=alert(1)>', 'Ada', now())",
            [identity],
        )
    page = render_snapshot(study, identity)
    assert "&lt;svg onload" in page
    for raw in ("<script>alert", "<img src=x", "<svg onload", HOSTILE_CONCEPT if "<" in HOSTILE_CONCEPT else name):
        assert raw not in page
    assert "default-src &#39;none&#39;" in page


def test_a_snapshot_that_is_not_there_and_one_without_a_name_are_refused(study: Path) -> None:
    with pytest.raises(ConfigError, match="holds no snapshot gone"):
        load_page(study, "gone")
    with pytest.raises(ConfigError, match="needs a name"):
        freeze(study, Wish(), name=" ", by="Ada")
    with connect(study) as cursor:
        assert cursor.execute("select count(*) from snapshots").fetchone() == (0,)


def test_the_command_freezes_lists_and_writes(study: Path, tmp_path: Path, lensgap: Command) -> None:
    identity = lensgap("snapshot", "freeze", study, "--name", "Meeting", "--by", "Ada").stdout.strip()
    (listed,) = json.loads(lensgap("snapshot", "list", study, "--json").stdout)
    assert (listed["snapshot_id"], listed["name"]) == (identity, "Meeting")
    assert "Meeting, frozen by Ada" in lensgap("snapshot", "list", study).stdout
    files = tmp_path / "report.html", tmp_path / "slides.html"
    lensgap("snapshot", "export", identity, study, "--report", files[0], "--slides", files[1])
    assert files[0].read_text() == load_page(study, identity)
    assert 'id="gaps"' in files[1].read_text()
    refused = lensgap("snapshot", "export", identity, study)
    assert (refused.status, "nothing to write" in refused.stderr) == (1, True)
