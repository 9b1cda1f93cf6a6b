"""Rows that are kept between ratings are those of the file, whatever people do meanwhile."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from app import data
from app.data import browsing, rated
from app.data.rated import BY_CONCEPT, BY_WORK, asker
from db import connect
from db.errors import StudyShort
from engine.exchange.ask import Rows, asking
from tests.app.test_judges_screen import audit
from tests.support.synthetic_study import JUDGE, RUN, build_study

LENSES = "select lens_id from lenses order by lens_id"


def questions(study: Path) -> dict[str, Mapping[str, Any]]:
    with connect(study) as cursor:
        lenses = [lens for (lens,) in cursor.execute(LENSES).fetchall()]
    run = {"run_id": RUN}
    judged = {**run, "judge_id": JUDGE, "concept": None, "form_rule": "loop"}
    return {
        "activation_quality.cells": {**judged, "lens_ids": lenses, "k": 2, "n_examples": 3},
        "agreement.audited_between_people": {**run, "concept": None},
        "agreement.audited_votes": {**run, "concept": None, "judge_id": None},
        "agreement.with_overrides": {**run, "concept": None},
        "audit.strata": {**run, "judge_id": JUDGE, "concept": None},
        "claims.firing": {**judged, "lens_ids": lenses},
        "findings.counts": judged,
        "ratings.corrected": judged,
        "review.known": {**run, "concept": None},
        "agreement.between_judges": {**run, "first": JUDGE, "second": JUDGE},
        "agreement.rubric_versions": run,
        "findings.judges": run,
    }


def answers(study: Path) -> dict[str, tuple[Rows, Rows]]:
    """What is kept and what the file says, by question."""
    with connect(study) as cursor:
        return {
            name: (asker(study)(name, values), asking(cursor)(name, values))
            for name, values in questions(study).items()
        }


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return build_study(tmp_path / "study", n_concepts=6, n_pairs=12)


@pytest.fixture(params=[False, True], ids=["file", "memory"])
def in_memory(request: pytest.FixtureRequest, study: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the pairs are in memory, where counts of single concepts are then taken from."""
    if request.param:
        monkeypatch.setattr(browsing, "_ALL_BELOW", 0)
        browsing.make(study, RUN, JUDGE)
    return bool(request.param)


@pytest.mark.usefixtures("in_memory")
def test_kept_rows_are_those_of_the_file_after_overrides_undoings_audits_and_plans(study: Path) -> None:
    with connect(study) as cursor:
        pairs = cursor.execute("select concept, sample_id from pairs order by hash(concept || sample_id)").fetchall()

    def override(number: int) -> None:
        concept, sample_id = pairs[number]
        about = {"concept": concept, "sample_id": sample_id, "rating": 1 + number % 5}
        data.add_override(study, RUN, **about, reviewer="ann", reason=None, rating_id=f"rating-{number}")

    def undo() -> None:
        concept, sample_id = pairs[0]
        about = {"concept": concept, "sample_id": sample_id, "reviewer": "ann", "rating_id": "rating-0"}
        assert data.undo_override(study, RUN, **about)

    steps: list[Callable[[], None]] = [
        lambda: override(0),
        lambda: audit(study, 20, who=("ann", "bob")),
        lambda: override(1),
        undo,
        lambda: audit(study, 40),
    ]
    assert set(questions(study)) == BY_CONCEPT | BY_WORK
    moved = set()
    before = {name: found for name, (found, _) in answers(study).items()}
    for step in steps:
        step()
        for name, (kept, found) in answers(study).items():
            assert kept == found, name
            moved |= {name} if found != before[name] else set()
    assert moved == BY_CONCEPT


def test_a_rating_asks_anew_of_its_concept_alone(study: Path, monkeypatch: pytest.MonkeyPatch, in_memory: bool) -> None:
    values = questions(study)["findings.counts"]
    asker(study)("findings.counts", values)
    with connect(study) as cursor:
        concept, sample_id = cursor.execute("select concept, sample_id from pairs limit 1").fetchall()[0]
    about = {"concept": concept, "sample_id": sample_id, "rating": 1}
    data.add_override(study, RUN, **about, reviewer="ann", reason=None, rating_id="one")
    asked: list[str | None] = []

    def listening(cursor: Any) -> Callable[[str, Mapping[str, Any]], Rows]:
        def ask(name: str, values: Mapping[str, Any]) -> Rows:
            asked.append(values["concept"])
            return asking(cursor)(name, values)

        return ask

    monkeypatch.setattr(rated, "asking", listening)
    asker(study)("findings.counts", values)
    asker(study)("findings.counts", values)
    assert asked == ([] if in_memory else [concept])


def test_concepts_are_asked_for_one_by_one_where_all_at_once_take_too_much_memory(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(study) as cursor:
        concept, sample_id = cursor.execute("select concept, sample_id from pairs limit 1").fetchall()[0]
    about = {"concept": concept, "sample_id": sample_id, "rating": 1}
    data.add_override(study, RUN, **about, reviewer="ann", reason=None, rating_id="one")
    audit(study, 20, who=("ann", "bob"))

    def short(cursor: Any) -> Callable[[str, Mapping[str, Any]], Rows]:
        def ask(name: str, values: Mapping[str, Any]) -> Rows:
            if values.get("concept", "") is None:
                raise StudyShort("More memory than there is.")
            return asking(cursor)(name, values)

        return ask

    monkeypatch.setattr(rated, "asking", short)
    monkeypatch.setattr("app.data.memory._SHORT_S", ())
    for name, (kept, found) in answers(study).items():
        assert sorted(map(repr, kept)) == sorted(map(repr, found)), name
        assert found or name not in BY_CONCEPT, name
