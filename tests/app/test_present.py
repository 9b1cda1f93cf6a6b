"""The story of a snapshot: what was frozen stays, notes are kept, pages have addresses, and hostile texts stay texts."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app import state
from app.data import command, snapshots
from app.widgets import live
from app.widgets.slides import block_html, place
from db import transaction
from engine.exchange.snapshots import Wish, freeze
from tests.app.test_screens import html_of, open_screen
from tests.support.planted import copy_study
from tests.support.synthetic_study import JUDGE, RUN, build_study
from tests.support.synthetic_texts import HOSTILE_CONCEPT

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    study = build_study(tmp_path_factory.mktemp("present") / "study", n_concepts=4, n_pairs=8, n_between=1)
    return study, freeze(study, Wish(), name=HOSTILE, by="Ada")


@pytest.fixture
def told(frozen: tuple[Path, str], tmp_path: Path) -> tuple[Path, str]:
    """A study with a snapshot that may be written to."""
    return copy_study(frozen[0], tmp_path / "study"), frozen[1]


def headings(app: AppTest) -> list[str]:
    return [body for body in (element.proto.body for element in app.get("html")) if "<h1" in body]


def test_every_page_has_an_address_and_is_drawn(frozen: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    study, snapshot = frozen
    slides = snapshots.load_slides(study, snapshot)
    assert len(slides) == 10
    for number, slide in enumerate(slides, start=1):
        app = open_screen(study, monkeypatch, "present", snapshot=snapshot, slide=slide["name"])
        shown = html_of(app)
        assert f"Page {number} of 10" in shown
        n_charts = sum(block["kind"] == "chart" for block in slide["blocks"])
        assert len(app.get("plotly_chart")) == n_charts
        assert HOSTILE not in shown
        assert HOSTILE_CONCEPT not in shown or "<" not in HOSTILE_CONCEPT


def test_next_and_previous_turn_the_page_in_the_address(
    frozen: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_screen(frozen[0], monkeypatch, "present", snapshot=frozen[1])
    assert app.button(key="story-Previous-None").disabled
    assert 'class="lg-full"' in html_of(app)
    app.button(key="story-Next-answer").click().run()
    assert app.query_params["slide"] in ("answer", ["answer"])
    app.button(key="story-Next-map").click().run()
    app.button(key="story-Previous-answer").click().run()
    assert "Page 2 of 10" in html_of(app)
    app.button(key="story-close").click().run()
    assert "1 snapshot, latest first" in html_of(app)


def test_a_later_rating_moves_the_overview_and_nothing_of_the_story(
    told: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    study, snapshot = told
    before = headings(open_screen(study, monkeypatch, "present", snapshot=snapshot, slide="gaps"))
    overview = html_of(open_screen(study, monkeypatch))
    with transaction(study) as cursor:
        cursor.execute(
            "insert into ratings (rating_id, run_id, concept, sample_id, reviewer, source, rating, blind, rated_at) "
            "select concept || sample_id, run_id, concept, sample_id, 'Bob', 'override', 3, false, now() from pairs"
        )
    assert html_of(open_screen(study, monkeypatch)) != overview
    assert headings(open_screen(study, monkeypatch, "present", snapshot=snapshot, slide="gaps")) == before


def test_a_note_is_kept_for_its_page_and_for_the_next_reader(
    told: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    study, snapshot = told
    app = open_screen(study, monkeypatch, "present", snapshot=snapshot, slide="gaps")
    app.text_area(key=f"note-{snapshot}-gaps").input("Mention <b>quadrant C</b>").run()
    assert snapshots.load_notes(study, snapshot) == {"gaps": "Mention <b>quadrant C</b>"}
    again = open_screen(study, monkeypatch, "present", snapshot=snapshot, slide="gaps")
    assert again.text_area(key=f"note-{snapshot}-gaps").value == "Mention <b>quadrant C</b>"
    slides = snapshots.slides_file(study, snapshots.load_snapshots(study)[0]).decode()
    assert "Mention &lt;b&gt;quadrant C" in slides
    assert (
        "Report" in snapshots.report_file(study, snapshot).decode()
        or "<html" in snapshots.report_file(study, snapshot).decode()
    )


def test_a_note_of_others_shows_in_a_field_that_nobody_has_touched(
    told: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, bob = (open_screen(told[0], monkeypatch, "present", snapshot=told[1], slide="gaps") for _ in range(2))
    ada.text_area[0].input("Begin with C").run()
    assert bob.run().text_area[0].value == "Begin with C"
    bob.text_area[0].input("Begin with D").run()
    assert snapshots.load_notes(*told) == {"gaps": "Begin with D"}
    monkeypatch.setattr(live, "drew_anew", lambda: True)
    assert ada.run().text_area[0].value == "Begin with C", "what is being typed is not replaced"


def test_of_two_who_write_a_note_at_once_both_are_kept_and_the_later_is_told(
    told: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, bob = (open_screen(told[0], monkeypatch, "present", snapshot=told[1], slide="gaps") for _ in range(2))
    bob.session_state[state.COOKIE] = "Bob"
    ada.text_area[0].input("Begin with C").run()
    bob.text_area[0].input("Begin with D").run()
    both = "Begin with C\n\nBob: Begin with D"
    assert snapshots.load_notes(*told) == {"gaps": both}
    assert bob.text_area[0].value == both
    assert "It now holds both texts." in html_of(bob)
    bob.text_area[0].input("Begin with D").run()
    ada.text_area[0].input("").run()
    assert snapshots.load_notes(*told) == {"gaps": "Begin with D"}, "who clears a note clears what was seen alone"
    assert ada.text_area[0].value == "Begin with D"


def test_freezing_hands_the_command_what_is_on_screen(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(command, "start", lambda arguments: asked.append(list(arguments)) or command.start)
    monkeypatch.setattr(command, "ended", lambda work: command.Ended("", "It was refused."))
    app = open_screen(study, monkeypatch, "present", k="3")
    app.text_input(key="freeze-name").input("--by=Eve")
    app.text_input(key="freeze-by").input("Ada")
    app.button(key="FormSubmitter:freeze-Freeze now").click().run()
    (arguments,) = asked
    assert arguments[:3] == ["snapshot", "freeze", str(study.resolve())]
    assert {"--name=--by=Eve", "--by=Ada", f"--run={RUN}", f"--judge={JUDGE}", "--k=3"} <= set(arguments)
    assert "Nothing was frozen. It was refused." in html_of(app)


def test_a_snapshot_that_is_not_there_is_told(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = html_of(open_screen(study, monkeypatch, "present", snapshot="<gone>"))
    assert "This study has no snapshot “&lt;gone&gt;”" in shown
    assert "No snapshot yet" in shown


def test_an_unknown_page_is_the_first() -> None:
    assert [place(["a", "b"], wanted) for wanted in ("b", "x", None)] == [1, 0, 0]


@pytest.mark.parametrize("kind", ["text", "list", "tiles", "table", "examples"])
def test_no_text_of_a_block_is_markup(kind: str) -> None:
    cell = {"value": HOSTILE, "note": HOSTILE}
    content = {
        "text": HOSTILE,
        "list": [HOSTILE],
        "tiles": [{"name": HOSTILE, **cell}],
        "table": {"columns": [HOSTILE], "means": [HOSTILE], "rows": [[cell]], "rest": HOSTILE},
        "examples": [
            dict.fromkeys(("concept", "arm", "form", "prompt", "text", "rating"), HOSTILE) | {"quadrant": None}
        ],
    }[kind]
    shown = block_html({"kind": kind, "content": content})
    assert "&lt;img" in shown
    assert "<img" not in shown


def test_columns_of_a_frozen_table_say_on_hover_what_they_mean_where_they_were_frozen_with_it() -> None:
    content = {"columns": ["gap"], "means": ["Positives less negatives"], "rows": [], "rest": ""}
    assert '<th title="Positives less negatives">gap</th>' in block_html({"kind": "table", "content": content})
    older = {name: value for name, value in content.items() if name != "means"}
    assert ">gap</th>" in block_html({"kind": "table", "content": older})
