"""Charts come to screens by one way, and what is drawn can be taken along as numbers that no spreadsheet runs."""

import ast
import csv
import io
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import plotly.graph_objects as go
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import app
from app import context
from app.charts import trial_plot
from app.charts.before_after import before_after, before_after_table
from app.charts.confusion import confusion, confusion_table
from app.charts.drift import drift, drift_table
from app.charts.dumbbell import dumbbell, dumbbell_table
from app.charts.learning import learning_curve, learning_table
from app.charts.shared import figure_table
from app.charts.table import Cell, Table, as_csv, table
from app.charts.trial import trial_table
from app.data.rubric_lab import TriedPair
from app.viewmodels.comparisons import Change
from app.viewmodels.growth import Expected, Growth, Point
from app.viewmodels.run_comparison import Dumbbell
from app.widgets import plots
from engine.figures.dots import Series, interval_dots
from engine.figures.palette import LIGHT
from engine.stats.estimate import known, unknown
from tests.app.test_screens import open_screen
from tests.support.drawn_charts import agrees, faults, note_charts

SOME, NONE = known(0.4, -0.1, 0.9, n=7, method="t"), unknown("nobody rated it", method="t")


def test_every_chart_comes_to_its_screen_by_the_same_way() -> None:
    folder = Path(app.__file__).parent
    calls = {
        str(file.relative_to(folder))
        for file in folder.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "plotly_chart"
    }
    assert calls == {"widgets/plots.py"}


@pytest.mark.parametrize(
    ("screen", "section", "n_charts"), [("findings", "ceilings", 4), ("findings", "predictors", 1), ("lenses", "", 3)]
)
def test_what_a_screen_draws_is_in_the_table_of_each_chart(
    small_study: Path, monkeypatch: pytest.MonkeyPatch, screen: str, section: str, n_charts: int
) -> None:
    drawn = note_charts(monkeypatch)
    shown = open_screen(small_study, monkeypatch, screen, section=section)
    own = {name: chart for name, chart in drawn.items() if name.startswith(screen)}
    assert len(own) == n_charts == len(shown.get("plotly_chart"))
    assert faults(own) == []


def pair(i: int, *ratings: Any) -> TriedPair:
    return TriedPair(f"c{i}", f"s{i}", "positive", None, "A", *ratings, False, True, None, None, "text")


CHANGES = [Change("a", "Ay", 0.25, 0.5, 12, True), Change("b", "b", 0.75, 0.125, 9, None)]
COUNTS = [[5 * row + column for column in range(5)] for row in range(5)]
BATCHES = (("first", {"positive": SOME, "negative": NONE}), ("second", {"positive": NONE, "negative": SOME}))
GROWTH = Growth((Point(10, 0.5, 0.05), Point(20, 0.75, 0.04)), (Expected(40, SOME),), SOME, None, "logistic", None)
TRIED = [pair(0, 2.0, 4.0, 5), pair(1, None, 3.0, None)]


@pytest.mark.parametrize(
    ("made", "found"),
    [
        (before_after(CHANGES, measure="F1", colours=LIGHT), before_after_table(CHANGES, measure="F1")),
        (confusion(COUNTS, first="x", second="y", colours=LIGHT), confusion_table(COUNTS, first="x", second="y")),
        (drift(BATCHES, colours=LIGHT, height=200), drift_table(BATCHES)),
        (
            dumbbell([Dumbbell("a", 0.5, 0.25)], title="gap", colours=LIGHT),
            dumbbell_table([Dumbbell("a", 0.5, 0.25)], title="gap", before="seed 0", after="seed 1"),
        ),
        (learning_curve(GROWTH, colours=LIGHT), learning_table(GROWTH)),
        (trial_plot(TRIED, names={}, colours=LIGHT), trial_table(TRIED, names={})),
    ],
)
def test_what_a_chart_draws_is_in_its_table(made: go.Figure, found: Table) -> None:
    assert agrees(made, found)


@pytest.mark.parametrize(
    "made",
    [
        interval_dots(["a"], [Series("one", (SOME,))], title="t", colours=LIGHT),
        before_after([Change("a", "a", 0.5, 0.75, 9, None)], measure="F1", colours=LIGHT),
        dumbbell([Dumbbell("a", 0.5, 0.25)], title="t", colours=LIGHT),
    ],
)
def test_numbers_beneath_an_axis_have_as_many_digits_as_each_other(made: go.Figure) -> None:
    assert made.layout.xaxis.tickformat == ".2f"


def test_a_frozen_chart_tells_its_own_numbers_with_intervals_and_names() -> None:
    names, series = (
        ["a <b>", "c – " + "long name " * 3],
        (Series("gap", (SOME, NONE), main=True), Series("other", (NONE, SOME))),
    )
    made = go.Figure(interval_dots(names, series, title="Gap (rating points)", colours=LIGHT).to_dict())
    found = figure_table(made)
    assert found.columns[:3] == ("series", "Gap (rating points)", "name")
    assert [tuple(row[:3]) for row in found.rows] == [
        ("gap", 0.4, "a <b>"),
        ("gap", None, "c – long name long name long name"),
        ("other", None, "a <b>"),
        ("other", 0.4, "c – long name long name long name"),
    ]
    assert found.rows[0][3:5] == pytest.approx((-0.1, 0.9))
    assert found.rows[1][3:5] == (None, None)
    assert "0.40 [−0.10, 0.90]" in str(found.rows[0][5])
    marked = go.Figure(go.Scatter(x=[1], y=[2], hovertext=["<b>gin &amp; rum</b><br>Gap <i>2.30</i> points"]))
    assert figure_table(marked).rows[0][5] == "gin & rum; Gap 2.30 points"


cells = st.one_of(
    st.none(),
    st.integers(-(10**6), 10**6),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=12),
    st.tuples(st.sampled_from("=+-@＝\t\r\n "), st.sampled_from("=1+1 -@x")).map("".join),
)


@given(rows=st.lists(st.tuples(cells, cells), max_size=4))
@settings(max_examples=25, deadline=None)
def test_a_csv_gives_back_every_cell_and_begins_no_text_like_a_formula(rows: list[tuple[Cell, Cell]]) -> None:
    read = list(csv.reader(io.StringIO(as_csv(table(("first", "=second"), rows)).decode("utf-8-sig"), newline="")))
    assert read[0] == ["first", "'=second"]
    for given_row, row in zip(rows, read[1:], strict=True):
        for cell, written in zip(given_row, row, strict=True):
            if isinstance(cell, str):
                assert written in (cell, f"'{cell}")
                assert not written.lstrip().startswith(("=", "+", "-", "@", "＝"))
            else:
                assert written == ("" if cell is None else str(cell))


def test_a_files_name_says_study_run_chart_and_time_and_suits_any_file_system(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [
        SimpleNamespace(
            run_id=run_id, name="tiny · pack", model="/models/tiny", created_at=datetime(2026, 1, 2, 9, minute)
        )
        for run_id, minute in (("one", 5), ("two", 40))
    ]
    here = SimpleNamespace(folder=Path("/x/my study"), runs=runs[:1], run=runs[0])
    monkeypatch.setattr(context, "current", lambda: here)
    assert plots.file_name("overview gap", "2026-01-02") == "my-study_overview-gap_2026-01-02"
    here.runs, here.run = runs, runs[1]
    # Runs of one name are told apart; a frozen story is of its own run, whichever is on screen.
    assert plots.file_name('a "b" <c>: Straße').startswith("my-study_02-Jan-09-40_a-b-c-Straße_20")
    assert plots.file_name("a", "Vor/dem\nTreffen") == "my-study_a_Vor-dem-Treffen"


def test_a_chart_whose_click_was_followed_comes_back_under_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plots.st, "session_state", {})
    keys = [plots.fresh("map")]
    assert plots.follow("map", {"selection": {"points": [{"x": 1}]}}) is None
    assert plots.fresh("map") == keys[0]
    for _ in range(2):
        assert plots.follow("map", {"selection": {"points": [{"customdata": ["gin"]}]}}) == ["gin"]
        keys.append(plots.fresh("map"))
    assert len(set(keys)) == 3
    assert plots.fresh("forest") == "forest"
