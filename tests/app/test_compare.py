"""Comparing sides: what the command tells is shown with its intervals and n, follows ratings, and is no markup or formula."""

import csv
import io
import time
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from app import data
from app.data import command
from app.data.comparison import AT_ONCE, Sides, compare_at_once, load_n_by_people
from app.data.later import is_ready
from app.viewmodels.run_comparison import (
    answer,
    by_people,
    comparison_csv,
    concepts_html,
    dumbbells,
    measures_html,
    settings_html,
)
from app.widgets import markup
from db import connect, transaction
from engine.config import StudyConfig
from engine.exchange.comparison_json import comparison_json
from engine.exchange.comparison_sides import read_lenses, stored_runs
from engine.exchange.run_comparison import compare_judges, compare_runs
from engine.exchange.told_comparisons import tell_together
from tests.app.test_screens import html_of, open_screen
from tests.support.planted import copy_study
from tests.support.planted_runs import Planted, PlantedRun, build_runs
from tests.support.synthetic_study import RUN


def estimate(value: float | None) -> dict[str, Any]:
    reason = None if value is not None else "no lens"
    return {"value": value, "low": None if value is None else value - 0.1, "high": (value or 0) + 0.1, "reason": reason}


def side(run: str) -> dict[str, Any]:
    return {"run": run, "judge": {"judge_id": "j", "name": "reader <b>"}}


def concept(name: str, before: float | None, after: float | None) -> dict[str, Any]:
    change = None if before is None or after is None else after - before
    values = {"before": before, "after": after, "difference": change, "n_before": 8, "n_after": 4, "reason": None}
    return {
        "concept": name,
        "measures": {"gap": values},
        "gap_test": {"low": -1.0, "high": 2.0, "adjusted_p": 0.03125, "p": 0.01},
    }


COMPARISON: dict[str, Any] = {
    "before": side(RUN),
    "after": side("other"),
    "differ": [{"name": "seed", "before": 0, "after": "<b>1</b>"}],
    "n_matched": 3,
    "measures": [
        {"measure": "gap", "among": "all", "n": 3, "n_missing": 1, "wilcoxon_p": 0.25, "adjusted_p": 0.25}
        | {"before": estimate(1.0), "after": estimate(None), "difference": estimate(0.5)}
    ],
    "concepts": [concept("calm", 1.0, 1.1), concept("=<img src=x>", 1.0, 3.0), concept("lost", None, 2.0)],
}


def test_rows_of_the_chart_are_known_on_both_sides_and_largest_first() -> None:
    assert [one.concept for one in dumbbells(COMPARISON, "gap")] == ["=<img src=x>", "calm"]
    assert dumbbells(COMPARISON, "f1") == []


def test_tables_hold_intervals_counts_reasons_and_no_markup_of_a_study() -> None:
    measures, concepts = measures_html(COMPARISON), concepts_html(COMPARISON, "gap", at_most=2)
    assert "+0.50" in measures
    assert "[0.40, 0.60]" in measures
    assert 'title="no lens"' in measures
    assert "3 (1 missing)" in measures
    assert "=&lt;img" in concepts
    assert "0.031" in concepts
    assert "lost" not in concepts


@pytest.mark.parametrize(
    ("p", "short"), [(None, "Cannot tell"), (0.05, "No clear difference"), (0.01, "Clearly different")]
)
def test_only_what_passes_its_test_is_told_as_different(p: float | None, short: str) -> None:
    said, because = answer(COMPARISON | {"measures": [COMPARISON["measures"][0] | {"adjusted_p": p}]})
    assert said == short
    assert ("Relevance gap +0.50" in because) == (p == 0.01)


def test_parameters_of_a_judge_are_told_without_its_address() -> None:
    both = {"before": '{"base_url": "http://ann:pw@host", "max_tokens": 9, "thinking": {"type": "off"}}', "after": "{x"}
    shown = settings_html({"differ": [{"name": "judge's parameters", **both}]})
    assert "max_tokens 9, thinking type off" in shown
    assert "pw@host" not in shown
    assert "{x" in shown


def test_the_csv_has_every_value_and_no_formula() -> None:
    rows = list(csv.DictReader(io.StringIO(comparison_csv([COMPARISON]))))
    assert [row["concept"] for row in rows] == ["calm", "'=<img src=x>", "lost"]
    assert [row["difference"] for row in rows[1:]] == ["2.0", ""]
    assert {row["run_after"] for row in rows} == {"other"}


@pytest.mark.parametrize("name", [" =1+1", "\n=1+1", "\t1", "\uff1d1+1", "@x"])
def test_no_name_of_a_concept_is_a_formula_in_the_csv(name: str) -> None:
    renamed = COMPARISON | {"concepts": [COMPARISON["concepts"][0] | {"concept": name}]}
    (row,) = csv.DictReader(io.StringIO(comparison_csv([renamed]), newline=""))
    assert row["concept"] == f"'{name}"


RUNS = (
    PlantedRun("one", {"calm": Planted(), "<b>gin</b>": Planted(f1=0.7), "rum": Planted()}, judges=("ann", "bob")),
    PlantedRun(
        "two",
        {"calm": Planted((2, 3)), "<b>gin</b>": Planted(), "rum": Planted(f1=None)},
        config=StudyConfig(seed=1),
        judges=("ann", "bob"),
    ),
    PlantedRun("far", {"else": Planted()}, judges=("ann",)),
)
ROUNDS = 3


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_runs(tmp_path_factory.mktemp("compared") / "study", RUNS)


@pytest.fixture
def runs(made: Path, tmp_path: Path) -> Path:
    """Two runs that two judges rated, and one on another concept."""
    return copy_study(made, tmp_path / "study")


def rate(study: Path, number: int) -> None:
    """A person rates another pair, so that the judge's gap is no more in force."""
    with connect(study) as cursor:
        pairs = cursor.execute("select run_id, concept, sample_id from pairs order by hash(sample_id)").fetchall()
    run, concept, sample = pairs[number % len(pairs)]
    named = {"concept": concept, "sample_id": sample, "reviewer": "Ada", "reason": None}
    data.add_override(study, run, rating=1 + number % 5, rating_id=data.new_rating_id(), **named)


def n_rated(study: Path, run: str) -> int:
    with connect(study) as cursor:
        rows = cursor.execute(f"select distinct concept, sample_id from ratings where run_id = '{run}'").fetchall()
    return len(rows)


def as_commanded(study: Path, sides: Sides) -> list[dict[str, Any]]:
    """What the command tells of the study's files."""
    known = stored_runs(study)
    first, *others = sides.names
    told = tell_together(
        [
            compare_runs(study, known[first], known[other])
            if sides.kind == "runs"
            else compare_judges(study, known[sides.run_id], first, other)
            for other in others
        ]
    )
    return [comparison_json(None, one) for one in told]


def test_what_is_kept_between_ratings_is_what_the_command_tells(runs: Path) -> None:
    asked = (
        Sides("runs", "one", ("one", "two")),
        Sides("runs", "one", ("two", "one")),
        Sides("judges", "two", ("bob", "ann")),
    )
    before = [compare_at_once(runs, sides) for sides in asked]
    assert before == [as_commanded(runs, sides) for sides in asked]
    for number in range(ROUNDS):
        rate(runs, number)
        assert [compare_at_once(runs, sides) for sides in asked] == [as_commanded(runs, sides) for sides in asked]
    assert [compare_at_once(runs, sides) for sides in asked] != before


@pytest.mark.parametrize(
    ("before", "after", "is_one_run", "said"),
    [
        (0, 0, False, "No pair has a rating by people."),
        (73, 0, False, "on 73 pairs of the first side and none of the other."),
        (1, 2, False, "on 1 pair of the first side and 2 pairs of the other."),
        (73, 73, True, "on 73 pairs of both sides."),
    ],
)
def test_it_is_told_where_people_s_ratings_stand_in_place_of_the_judge_s(
    before: int, after: int, is_one_run: bool, said: str
) -> None:
    assert by_people(before, after, is_one_run=is_one_run).endswith(said)


def test_pairs_that_people_rated_count_once_however_often_they_were_rated(runs: Path) -> None:
    assert load_n_by_people(runs, "one") == load_n_by_people(runs, "two") == 0
    for number in (*range(ROUNDS), 0):
        rate(runs, number)
    assert load_n_by_people(runs, "one") == n_rated(runs, "one")
    assert load_n_by_people(runs, "one") + load_n_by_people(runs, "two") + load_n_by_people(runs, "far") == ROUNDS


def test_one_run_is_nothing_to_compare(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Fewer than two runs" in html_of(open_screen(study, monkeypatch, "compare"))


def test_an_address_with_a_side_that_is_not_there_is_told(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = "1 side of the address cannot be compared"
    assert lost in html_of(open_screen(runs, monkeypatch, "compare", run="one", side=["one", "gone"]))
    assert lost not in html_of(open_screen(runs, monkeypatch, "compare", run="one", side=["one", "two"]))


def test_sides_that_nobody_rated_are_not_said_to_be_rated(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with transaction(runs) as cursor:
        cursor.execute("delete from ratings")
        cursor.execute("delete from judgments")
    shown = html_of(open_screen(runs, monkeypatch, "compare", run="one", side=["one", "two"]))
    assert "No judge has rated both sides" in shown
    assert "rated by nobody" not in shown


def test_runs_without_a_common_concept_are_told_in_a_sentence(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_screen(runs, monkeypatch, "compare", run="one", side=["one", "far"])
    assert "have no concept in common" in html_of(app)
    assert len(app.get("plotly_chart")) == 0


@pytest.mark.parametrize("at_once", [AT_ONCE, 0])
def test_two_runs_follow_a_rating_without_a_command(runs: Path, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    """Few concepts at once, many beside the screen: the same numbers."""
    monkeypatch.setattr("app.data.comparison.AT_ONCE", at_once)
    monkeypatch.setattr(command, "start", lambda _: pytest.fail("a command was started"))
    app = open_screen(runs, monkeypatch, "compare", run="one", side=["one", "two"])
    sides = Sides("runs", "one", ("one", "two"))
    for number in range(2):
        shown = html_of(app)
        assert measures_html(as_commanded(runs, sides)[0]) in shown
        assert "Both sides are as rated by test:ann." in shown
        n_one, n_two = (n_rated(runs, run) for run in ("one", "two"))
        assert markup.text(by_people(n_one, n_two, is_one_run=False)) in shown
        assert "&lt;b&gt;gin" in shown
        assert "<b>gin" not in shown
        assert len(app.get("plotly_chart")) == 1
        rate(runs, number)
        app.run()
    assert measures_html(as_commanded(runs, sides)[0]) in html_of(app)


def test_the_first_answer_of_a_large_study_comes_later(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.data.later.WAIT_S", 0.0)
    let = Event()
    monkeypatch.setattr("app.data.comparison.read_lenses", lambda run, lens: let.wait(30) and read_lenses(run, lens))
    app = open_screen(runs, monkeypatch, "compare", run="one", side=["one", "two"])
    assert "The comparison is being worked out. This takes a moment." in html_of(app)
    assert len(app.get("plotly_chart")) == 0
    let.set()
    while not is_ready(runs, ("sides", Sides("runs", "one", ("one", "two")))):
        time.sleep(0.01)
    assert len(app.run().get("plotly_chart")) == 1
