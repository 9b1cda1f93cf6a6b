"""The rubric lab's screen: nothing is asked before its price was shown for exactly this setup, and no draft is lost."""

import json
import os
import sys
import time
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from app import data
from app.data import command
from app.data.rubric_lab import TriedPair, load_trial_cells, load_tried
from app.data.rubrics import FIELDS, make_rubric, save_version
from app.viewmodels.lab_trials import past_trials
from app.viewmodels.rubric_lab import build_trial
from app.widgets import lab_trial
from db import connect, insert, transaction
from db.rows import JudgeRow
from engine.prompts.rubrics import load_rubric
from tests.app.test_screens import html_of, open_screen
from tests.support.synthetic_study import JUDGE, RUN

KEY = "sk-planted-key"
TEXTS = {field: getattr(load_rubric("standard"), field) for field in FIELDS}


@pytest.fixture
def calls(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which the command that stands in for ours notes its calls."""
    monkeypatch.setattr(command, "COMMAND", (sys.executable, "-m", "tests.support.fake_try"))
    monkeypatch.chdir(Path(__file__).parents[2])
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("JUDGE", JUDGE)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.delenv("ANTHROPIC_BASE_URL", raising=False)
    return tmp_path / "calls"


def said(calls: Path) -> list[list[str]]:
    return [json.loads(line)["arguments"] for line in calls.read_text().splitlines()] if calls.exists() else []


def open_lab(study: Path, monkeypatch: pytest.MonkeyPatch, judge: str = "anthropic:good") -> AppTest:
    app = open_screen(study, monkeypatch, "rubric_lab")
    if judge:
        app.text_input(key=f"lab-{RUN}-judge").set_value(judge).run()
    return app


def work_of(app: AppTest) -> Any:
    return app.session_state[f"lab-{os.environ['LENSGAP_STUDY']}-{RUN}"].work


def press(app: AppTest, label: str) -> AppTest:
    """Press the button and wait until the command that it starts has ended."""
    next(button for button in app.button if button.label.startswith(label)).click().run()
    work = work_of(app)
    if work is not None:
        work.started.process.wait(30)
        app.run()
    assert not app.exception, app.exception
    return app


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def text_area(app: AppTest, field: str, source: str = "bundled:standard") -> Any:
    return app.text_area(key=f"lab-{RUN}-text-{source}-{field}")


def test_an_offline_judge_reads_no_rubric_and_has_no_price(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for judge in ("", "offline"):
        app = open_lab(study, monkeypatch, judge)
        assert "The offline judge does not read rubrics. Choose a judge that does" in html_of(app)
        assert "Price" not in labels(app)


def test_nothing_is_asked_before_a_click_on_a_price_of_exactly_this_setup(
    study: Path, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_lab(study, monkeypatch)
    assert said(calls) == []
    press(app, "Price")
    assert ["--dry-run" in call for call in said(calls)] == [True]
    assert "20 calls, about 24\u202f000 tokens in and 900 out: about $0.002, at most $0.102." in html_of(app)
    assert "Ask 20 for about $0.002" in labels(app)
    for change in (
        lambda: text_area(app, "relevance_system").set_value(f"{TEXTS['relevance_system']} Be strict."),
        lambda: app.text_input(key=f"lab-{RUN}-judge").set_value("anthropic:other"),
        lambda: app.text_input(key=f"lab-{RUN}-base_url").set_value("http://127.0.0.1:1"),
    ):
        change().run()
        assert not any(label.startswith("Ask") for label in labels(app))
        assert "The price was for a different setup." in html_of(app)
    assert not any("--yes" in call for call in said(calls))


def test_a_trial_asks_once_within_its_price_and_shows_old_new_and_why(
    study: Path, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_lab(study, monkeypatch)
    text_area(app, "relevance_system").set_value(f"{TEXTS['relevance_system']} Be mild.").run()
    press(press(app, "Price"), "Ask 20")
    asked = said(calls)[-1]
    assert asked[asked.index("--budget") + 1] == "0.11"
    assert "--yes" in asked
    assert [call.count("--pair") for call in said(calls)] == [20, 20]
    rubric = load_rubric(asked[asked.index("--rubric") + 1])
    assert rubric.relevance_system.endswith("Be mild.")
    shown = html_of(app)
    assert app.query_params["tried"] == f"try-{rubric.hash}"
    assert "The old ratings are by offline:tfidf, so the judge differs, not only the rubric." in shown
    assert "&lt;b&gt;now&lt;/b&gt;" in shown
    assert "<b>now</b>" not in shown
    pairs = tried_pairs(study, asked)
    assert len(pairs) == 20
    for pair in pairs:
        assert pair.new_rating == (None if pair.old_rating is None else min(5, pair.old_rating + 1))
    n_changed = sum(pair.new_rating is not None and pair.new_rating != pair.old_rating for pair in pairs)
    assert f"{n_changed} of 20 changed" in shown


def tried_pairs(study: Path, asked: list[str]) -> tuple[TriedPair, ...]:
    chosen = [asked[i + 1].partition(":")[::-2] for i, part in enumerate(asked) if part == "--pair"]
    tried = f"try-{load_rubric(asked[asked.index('--rubric') + 1]).hash}"
    return load_tried(study, RUN, JUDGE, tried=tried, chosen=chosen)


def test_a_trial_is_there_again_after_a_reload_and_costs_nothing_to_ask_again(
    study: Path, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = press(press(open_lab(study, monkeypatch), "Price"), "Ask 20")
    again = open_screen(study, monkeypatch, "rubric_lab", tried=first.query_params["tried"])
    tables = [{part for part in html_of(app).split("\n") if "lg-row lg-tried" in part} for app in (first, again)]
    assert tables[0] == tables[1]
    assert len(tables[0]) == 20
    first.query_params.clear()
    first.switch_page("screens/samples.py").run()
    first.switch_page("screens/rubric_lab.py").run()
    assert tables[0] == {part for part in html_of(first).split("\n") if "lg-row lg-tried" in part}
    press(first, "Price")
    assert "Everything has already been answered: nothing will be asked or spent." in html_of(first)
    press(first, "Show the answers")
    assert "--budget" not in said(calls)[-1]
    with connect(study) as cursor:
        assert cursor.execute("select count(*) from judgments where judge_id like 'try-%'").fetchall() == [(20,)]


def test_earlier_trials_are_told_with_their_agreement_and_come_back(
    study: Path, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_lab(study, monkeypatch)
    app.session_state["lab-past"] = True
    assert "once people have rated pairs" in html_of(app.run())
    press(press(app, "Price"), "Ask 20")
    first = app.query_params["tried"]
    pairs = [pair for pair in tried_pairs(study, said(calls)[-1]) if pair.new_rating is not None]
    for i, pair in enumerate(pairs[:9]):
        named = {"concept": pair.concept, "sample_id": pair.sample_id, "rating_id": f"past-{i}"}
        assert data.add_override(study, RUN, rating=1 + i % 5, reviewer="Ada", reason=None, **named)
    text_area(app, "relevance_system").set_value(f"{TEXTS['relevance_system']} Be mild.").run()
    press(press(app, "Price"), "Ask 20")
    second = app.query_params["tried"]
    table = html_of(app).partition("lg-past")[2].partition("</table>")[0]
    assert table.count("<tr>") == 3
    assert "shown above" in table
    found = {trial.judge_id: trial for trial in past_trials(load_trial_cells(study, RUN))}
    assert set(found) == {first, second}
    rated = load_tried(study, RUN, JUDGE, tried=first, chosen=[pair.key for pair in pairs[:9]])
    wanted = [(measure.after, measure.after_under) for measure in build_trial(rated).measures]
    assert found[first].n_pairs == 9
    assert list(found[first].measures) == wanted
    app.button(key="lab-past-show").click().run()
    assert not app.exception, app.exception
    assert app.query_params["tried"] == first


def test_a_judge_that_never_answered_is_not_proposed(study: Path, calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = json.dumps({"base_url": "http://127.0.0.1:9"})
    with transaction(study) as cursor:
        insert(
            cursor, [JudgeRow("mute", "anthropic", "mute", "standard", "m" * 16, wrong, False, datetime(2027, 1, 1))]
        )
    proposed = [
        open_lab(study, monkeypatch, "").text_input(key=f"lab-{RUN}-{name}").value for name in ("judge", "base_url")
    ]
    assert proposed == ["", ""]
    press(press(open_lab(study, monkeypatch), "Price"), "Ask 20")
    assert open_lab(study, monkeypatch, "").text_input(key=f"lab-{RUN}-judge").value == "anthropic:good"


def test_a_failed_command_is_its_own_sentence_and_no_key_is_shown(
    study: Path, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = html_of(press(open_lab(study, monkeypatch, "anthropic:broken"), "Price"))
    assert "The judge cannot be used. The key … is wrong." in shown
    assert "nanobind" not in shown
    assert KEY not in shown


def test_an_unknown_price_is_told_and_sets_no_budget(study: Path, calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = press(open_lab(study, monkeypatch, "anthropic:unpriced"), "Price")
    assert "at an unknown price" in html_of(app)
    press(app, "Ask 20, price unknown")
    assert "--budget" not in said(calls)[-1]


def test_stop_ends_the_command_and_offers_a_price_again(
    study: Path, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = press(open_lab(study, monkeypatch, "anthropic:slow"), "Price")
    next(button for button in app.button if button.label.startswith("Ask 20")).click().run()
    work = work_of(app)
    assert "0 of 20 answered" in html_of(app)
    assert "No answer yet." not in html_of(app)
    monkeypatch.setattr(lab_trial, "_SILENT_S", 0.0)
    assert "No answer yet. You may stop at any time" in html_of(app.run())
    assert "Price" not in labels(app)
    app.button(key="lab-stop").click().run()
    assert work.started.process.poll() is not None
    assert "Stopped. The answers so far are kept" in html_of(app)
    assert "Price" in labels(app)


def test_failing_calls_are_told_while_they_are_tried_again(
    study: Path, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = press(open_lab(study, monkeypatch, "anthropic:failing"), "Price")
    next(button for button in app.button if button.label.startswith("Ask 20")).click().run()
    deadline = time.monotonic() + 30
    while not calls.with_name("let-go").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    shown = html_of(app.run())
    assert "0 of 20 answered" in shown
    assert "The judge&#x27;s server fails (500: &lt;b&gt;…&lt;/b&gt;). Trying again." in shown
    assert KEY not in shown
    # The sentence is read while the command writes on, and none is lost by that.
    assert command.noted(work_of(app).started) == "The judge's server fails (500: <b>…</b>). Trying again."
    app.button(key="lab-stop").click().run()
    assert "Stopped. The answers so far are kept" in html_of(app)


def test_a_wrong_placeholder_is_told_at_once_and_blocks(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_lab(study, monkeypatch)
    text_area(app, "relevance_question").set_value("Is {text} about it?").run()
    assert "This text must use {concept}." in html_of(app)
    assert "Price" not in labels(app)
    assert not any(label.startswith("Save") for label in labels(app))
    text_area(app, "relevance_question").set_value("Is {text} about {concept}?").run()
    assert "Price" in labels(app)


def test_a_saved_version_is_a_file_that_can_be_started_from(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_lab(study, monkeypatch)
    text_area(app, "relevance_system").set_value("Rate strictly, 1 to 5.").run()
    assert "Save as version 2" in labels(app)
    app.text_input(key=f"lab-{RUN}-note").set_value("stricter\nname = 3").run()
    press(app, "Save as version 2")
    file = study / "rubrics" / "standard-2.toml"
    assert load_rubric(str(file)).relevance_system == "Rate strictly, 1 to 5."
    assert "stricter name = 3" in file.read_text().splitlines()[0]
    assert app.selectbox(key=f"lab-{RUN}-source").value == "saved:standard-2"
    assert app.code[0].value.endswith(f"--judge anthropic:good --rubric {file}")
    text_area(app, "relevance_system", "saved:standard-2").set_value("Rate mildly.").run()
    assert "Save as version 3" in labels(app)


def test_a_draft_outlives_another_source_and_another_screen(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_version(
        study,
        make_rubric(TEXTS | {"relevance_system": "Other."}, name="own", version=1),
        note="",
        today=date(2026, 11, 22),
    )
    app = open_lab(study, monkeypatch)
    text_area(app, "relevance_system").set_value("Mine.").run()
    app.selectbox(key=f"lab-{RUN}-source").set_value("saved:own-1").run()
    assert text_area(app, "relevance_system", "saved:own-1").value == "Other."
    app.selectbox(key=f"lab-{RUN}-source").set_value("bundled:standard").run()
    assert text_area(app, "relevance_system").value == "Mine."
    app.switch_page("screens/samples.py").run()
    app.switch_page("screens/rubric_lab.py").run()
    assert text_area(app, "relevance_system").value == "Mine."
    assert app.text_input(key=f"lab-{RUN}-judge").value == "anthropic:good"
    app.button(key="lab-over").click().run()
    assert text_area(app, "relevance_system").value == TEXTS["relevance_system"]


def test_a_faulty_rubric_file_is_told_and_the_lab_goes_on(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (study / "rubrics").mkdir()
    (study / "rubrics" / "broken-1.toml").write_text("name = 7")
    shown = html_of(open_lab(study, monkeypatch))
    assert "broken-1.toml" in shown
    assert "Try it" in shown
