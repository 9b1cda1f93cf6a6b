"""A run started from the dashboard is a process of its own: found again, stopped by its id alone, never shown with a key."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from app.data import command, work
from app.data.study import Run, Stage
from app.viewmodels.runs import cost, differing_settings, duration, plan_facts, progress_of, run_names, unfinished
from app.widgets import sidebar
from db import create_study
from db.errors import StudyLocked
from tests.app.test_screens import html_of, open_screen
from tests.support.dashboard import ROOT
from tests.support.synthetic_study import RUN

WAITS = (
    "import signal, sys, time\n"
    "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "try:\n print('at work', file=sys.stderr, flush=True); time.sleep(60)\n"
    "except KeyboardInterrupt:\n print('Stopped. Run the same command again to continue.', file=sys.stderr)"
)
NOW = datetime(2026, 1, 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    create_study(tmp_path / "study")
    return tmp_path / "study"


def becomes(folder: Path, holds: Callable[[work.State], bool]) -> work.State:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        state = work.load_state(folder)
        if state is not None and holds(state):
            return state
        time.sleep(0.02)
    raise AssertionError(f"{work.load_state(folder)}")


def begin(folder: Path) -> work.Work:
    return work.start(folder, ("run", "--seed=1"), run_id="r", by="Ada", done_before={"generate": 3})


def program(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(work, "_COMMAND", (sys.executable, "-c", text))


def test_a_run_is_found_by_another_process_while_it_is_at_work(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(monkeypatch, WAITS)
    started = begin(folder)
    becomes(folder, lambda state: state.is_alive and "at work" in state.log)
    code = (
        f"from pathlib import Path; from app.data import work; print(work.load_state(Path({str(folder)!r})).is_alive)"
    )
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "True"
    with pytest.raises(work.WorkRefused, match="already in progress"):
        begin(folder)
    work.stop(folder, "another", at_once=True)
    assert work.load_state(folder).is_alive  # type: ignore[union-attr]
    work.stop(folder, started.work_id)
    ended = becomes(folder, lambda state: not state.is_alive)
    assert ended.fault == work.STOPPED
    assert ended.work.arguments == ("run", "--seed=1")
    assert ended.work.done_before == {"generate": 3}


def test_a_run_that_is_ended_at_once_says_so_and_may_be_followed_by_another(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(monkeypatch, "import time; time.sleep(60)")
    work.stop(folder, begin(folder).work_id, at_once=True)
    assert becomes(folder, lambda state: not state.is_alive).fault == (
        "It was ended before it finished. Everything it has written is kept."
    )
    program(monkeypatch, "print('the-run-id')")
    begin(folder)
    assert becomes(folder, lambda state: not state.is_alive and "seed" in str(state)).fault is None


def test_of_runs_within_one_second_the_last_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(monkeypatch, "print('the-run-id')")
    for _ in range(8):
        started = begin(folder)
        assert becomes(folder, lambda state: not state.is_alive).work.work_id == started.work_id


def test_an_error_is_its_last_sentence_without_keys_and_colours(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(command.KEYS[0], "sk-secret")
    program(monkeypatch, "import sys; sys.exit('It went on.\\n\\x1b[31mThe server refused sk-secret.\\x1b[0m')")
    begin(folder)
    ended = becomes(folder, lambda state: not state.is_alive)
    assert ended.fault == "The server refused …."
    assert "sk-secret" not in ended.log
    files = [file.read_text() for file in (folder / "work").glob("*.json")]
    assert files
    assert "sk-secret" not in files[0]


def test_a_run_that_is_stopped_while_it_loads_says_that_it_was_stopped(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(
        monkeypatch,
        work._PROGRAM.replace("import signal, sys", "import signal, sys, os", 1).replace(
            "from engine.cli import main", "os.kill(os.getpid(), signal.SIGINT)"
        ),
    )
    begin(folder)
    assert becomes(folder, lambda state: not state.is_alive).fault == work.STOPPED


def test_a_damaged_record_is_no_run(folder: Path) -> None:
    (folder / "work").mkdir()
    (folder / "work" / "x.json").write_text("{")
    assert work.load_state(folder) is None


GOOD_RECORD = {
    "work_id": "x", "run_id": "r", "arguments": ["run", "/elsewhere", "--yes", "--seed=1", "--lenses=lda"],
    "started_at": "2026-11-23T10-00-00", "by": "Ada", "process_id": 9, "done_before": {"generate": 3},
}  # fmt: skip


def leave_record(folder: Path, **changed: object) -> None:
    (folder / "work").mkdir(exist_ok=True)
    (folder / "work" / "x.json").write_text(json.dumps(GOOD_RECORD | changed))


@pytest.mark.parametrize(
    "changed",
    [
        {"started_at": "yesterday"},
        {"started_at": None},
        {"work_id": "../../secret"},
        {"process_id": -1},
        {"process_id": "9"},
        {"arguments": ["run", 5]},
        {"by": ["Ada"]},
        {"by": "\ud800"},
        {"done_before": {"generate": "3"}},
        {"done_before": [1]},
    ],
)
def test_a_record_whose_values_are_not_ours_is_no_run(folder: Path, changed: dict[str, object]) -> None:
    leave_record(folder)
    assert work.load_state(folder) is not None
    leave_record(folder, **changed)
    assert work.load_state(folder) is None


def test_a_record_in_deep_lists_is_no_run(folder: Path) -> None:
    leave_record(folder)
    (folder / "work" / "x.json").write_text("[" * 100_000)
    assert work.load_state(folder) is None


def test_of_two_who_start_at_once_only_one_starts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second looks for a run at work while the first is between looking and starting."""
    program(monkeypatch, WAITS)
    both, before = threading.Barrier(2), work._spawn

    def spawn_late(place: Path, asked: work.Work) -> int:
        with suppress(threading.BrokenBarrierError):
            both.wait(timeout=1)
        return before(place, asked)

    monkeypatch.setattr(work, "_spawn", spawn_late)
    told: list[str] = []

    def one() -> None:
        try:
            told.append(begin(folder).work_id)
        except work.WorkRefused as error:
            told.append(str(error))

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    started = [file.stem for file in (folder / "work").glob("*.json")]
    for process in [json.loads(file.read_text())["process_id"] for file in (folder / "work").glob("*.json")]:
        os.kill(process, signal.SIGKILL)
    assert len(started) == 1
    assert sorted(told)[0] == started[0]
    assert "already in progress" in sorted(told)[1]


def test_a_run_continues_where_the_study_is_now_as_it_says_and_pays_for_nothing_without_a_budget(
    empty_study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_record(empty_study)
    begun: list[tuple[str, ...]] = []
    monkeypatch.setattr(work, "start", lambda folder, arguments, **about: begun.append(arguments))
    app = open_screen(empty_study, monkeypatch, "runs")
    assert r"\-\-seed\=1 \-\-lenses\=lda" in app.button(key="run-resume").help
    app.button(key="run-resume").click().run()
    assert begun == [("run", str(empty_study.resolve()), "--seed=1", "--lenses=lda")]


@pytest.mark.parametrize(
    "arguments",
    [
        ["export", "/elsewhere", "--yes"],
        ["run", "/elsewhere", "/another", "--yes"],
        ["run", "/elsewhere", "--yes", "--base-url=http://evil.example"],
        ["run", "/elsewhere", "--yes", "--seed", "1"],
        [],
    ],
)
def test_a_record_of_what_the_form_does_not_give_cannot_be_continued(
    empty_study: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    leave_record(empty_study, arguments=arguments)
    app = open_screen(empty_study, monkeypatch, "runs")
    assert "Plan it in the form below instead." in html_of(app)
    assert [one.key for one in app.button if (one.key or "").startswith("run-")] == ["run-plan"]


def test_time_left_is_reckoned_at_the_pace_since_the_start() -> None:
    stage = Stage("generate", 60, 100, 20.0, None, NOW)
    (resumed,) = progress_of([stage], {"generate": 50})
    (fresh,) = progress_of([stage], {})
    assert (resumed.left_s, fresh.left_s) == (80.0, pytest.approx(40 / 3))
    assert progress_of([stage], {"generate": 60})[0].left_s is None
    assert [duration(s) for s in (None, 5, 600, 7200)] == ["–", "5 s", "10 min", "2.0 h"]


def test_what_is_left_of_a_run_is_told_until_nothing_is() -> None:
    written = Run("r", "n", NOW, "m", "{}", 1, 9, 9, False)
    stages = [Stage("train", 5, 5, 1.0, None, NOW), Stage("relevance", 41, 240, 1.0, None, NOW)]
    assert unfinished(replace(written, n_samples=3), stages) == "3 of 9 texts written"
    assert unfinished(written, stages) == "rating relevance, 41 of 240"
    assert unfinished(written, stages[:1]) is None


def test_runs_are_chosen_by_what_tells_them_apart() -> None:
    one = Run("r", "tiny · starter · seed 0", NOW, "/models/tiny", "{}", 1, 9, 9, False)
    other = replace(one, run_id="s", name="tiny · starter · seed 7")
    assert run_names([one, other]) == {"r": "seed 0", "s": "seed 7"}
    assert run_names([one, replace(one, run_id="s")]) == {"r": one.name, "s": one.name}
    moved = replace(other, model="/models/large", created_at=NOW.replace(hour=9))
    assert run_names([one, moved])["s"] == "seed 7 · large · 01 Jan 09:00"
    soon = replace(one, run_id="s", created_at=NOW.replace(second=7))
    assert run_names([one, soon]) == {"r": "01 Jan 00:00:00", "s": "01 Jan 00:00:07"}


def test_settings_that_differ_are_told_and_addresses_are_not() -> None:
    configs = ({"seed": 0, "base_url": "http://me:pw@x", "top_k": 0}, {"seed": 1, "base_url": None, "top_k": 0})
    runs = [Run(str(i), "n", NOW, "m", json.dumps(c), 1, 1, 1, False) for i, c in enumerate(configs)]
    assert differing_settings(runs) == [("seed", ["0", "1"])]


def test_a_plan_tells_an_unknown_time_and_an_unknown_cost_with_their_reasons() -> None:
    judging = {
        "n_calls": 5,
        "cost": {"known": False, "reason": "no table names it", "likely_usd": None, "high_usd": None},
    }
    plan = {
        "n_concepts": 2, "n_positive": 4, "n_negative": {"sibling": 3}, "n_to_generate": 6, "n_generated": 0,
        "n_tokens": 900, "is_bound": True, "seconds": None, "reason": "no rate is known", "judging": judging,
    }  # fmt: skip
    told = dict(plan_facts(plan))
    assert told["Time to write them"] == "unknown: no rate is known"
    assert told["Cost of judging"] == "unknown: no table names it"
    assert told["Tokens"] == "at most 900"
    assert cost({"cost": {"known": True, "likely_usd": 0.02, "high_usd": 0.37}}) == "about $0.02, $0.37 at most"


def test_an_empty_study_offers_the_form_and_nothing_starts_before_its_plan(
    empty_study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(command, "start", lambda arguments: asked.append(list(arguments)) or object())
    monkeypatch.setattr(command, "ended", lambda _: command.Ended("", "There is no pack here."))
    app = open_screen(empty_study, monkeypatch, "runs")
    assert [button.key for button in app.button if (button.key or "").startswith("run-")] == ["run-plan"]
    app.text_input(key="run-pack").input("--yes").run()
    app.button(key="run-plan").click().run()
    assert asked[0][:3] == ["plan", str(empty_study.resolve()), "--json"]
    assert "--pack=--yes" in asked[0]
    assert "There is no pack here." in html_of(app)
    assert not (empty_study / "work").exists()


def test_a_form_with_an_empty_field_says_which_and_what_failed_is_told_of_its_own_settings_only(
    empty_study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "start", lambda _: object())
    monkeypatch.setattr(command, "ended", lambda _: command.Ended("", "There is no pack here."))
    app = open_screen(empty_study, monkeypatch, "runs")
    app.button(key="run-plan").click().run()
    assert "There is no pack here." in html_of(app)
    app.text_input(key="run-model").input("another").run()
    assert "There is no pack here." not in html_of(app)
    app.text_input(key="run-model").input("  ").run()
    app.multiselect(key="run-lenses").set_value([]).run()
    assert "fill in Model and Lenses." in html_of(app)
    assert "run-plan" not in [button.key for button in app.button]


def test_while_the_first_run_is_at_work_no_screen_says_that_there_is_none(
    empty_study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(monkeypatch, WAITS)
    started = begin(empty_study)
    runs, overview = (open_screen(empty_study, monkeypatch, screen) for screen in ("runs", "overview"))
    assert not any("no run yet" in html_of(app) for app in (runs, overview))
    assert "At work" in html_of(runs)
    assert "getting ready" in html_of(overview)
    assert [link.proto.label for link in overview.get("page_link")] == ["Watch it"]
    work.stop(empty_study, started.work_id, at_once=True)
    becomes(empty_study, lambda state: not state.is_alive)
    assert "no run yet" in html_of(overview.run())


def test_a_busy_study_does_not_hide_the_run_at_work(empty_study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object) -> None:
        raise StudyLocked("The study is in use.")

    program(monkeypatch, WAITS)
    started = begin(empty_study)
    app = open_screen(empty_study, monkeypatch, "runs")
    monkeypatch.setattr("app.widgets.run_work.data.load_stages", busy)
    shown = html_of(app.run())
    work.stop(empty_study, started.work_id, at_once=True)
    assert "The study is busy" in shown
    assert [button.key for button in app.button if (button.key or "").startswith("run-stop")]


def test_a_paid_judge_needs_a_budget_and_the_start_button_goes_with_its_plan(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = {
        "run_id": "r", "n_concepts": 2, "n_positive": 4, "n_negative": {}, "n_to_generate": 6, "n_generated": 0,
        "n_tokens": 900, "is_bound": True, "seconds": None, "reason": "none",
        "judging": {"n_calls": 5, "cost": {"known": True, "likely_usd": 0.02, "high_usd": 0.37}},
    }  # fmt: skip
    begun: list[tuple[str, ...]] = []
    monkeypatch.setattr(command, "start", lambda _: object())
    monkeypatch.setattr(command, "ended", lambda _: command.Ended(json.dumps(plan), None))
    monkeypatch.setattr(work, "start", lambda folder, arguments, **about: begun.append(arguments))
    app = open_screen(study, monkeypatch, "runs")
    assert RUN in html_of(app)
    app.text_input(key="run-judge").input("anthropic").run()
    app.button(key="run-plan").click().run()
    assert "Set a budget" in html_of(app)
    app.number_input(key="run-budget").set_value(1.5).run()
    assert "The plan was for other settings" in html_of(app)
    app.button(key="run-plan").click().run()
    (start,) = [button for button in app.button if (button.key or "").startswith("run-start")]
    start.click().run()
    assert {"--yes", "--judge=anthropic", "--budget=1.50"} <= set(begun[0])
    assert work.continuing(study, begun[0]) == tuple(one for one in begun[0] if one != "--yes")


def test_between_two_stages_nothing_says_that_all_are_done() -> None:
    judged = Stage("judge", 5, 5, 1.0, None, NOW)
    assert "All stages" not in sidebar.stages_done([judged])
    assert "All stages" in sidebar.stages_done([judged, Stage("train", 5, 5, 1.0, None, NOW)])


def test_the_dashboard_draws_no_bare_string() -> None:
    config = tomllib.loads((ROOT / "app" / ".streamlit" / "config.toml").read_text())
    assert config["runner"]["magicEnabled"] is False
