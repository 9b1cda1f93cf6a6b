"""Answers that come later: waited for a moment, shown as they stood meanwhile, and worked out again only after news."""

import threading
import time
from pathlib import Path

import pytest

from app import data
from app.data.later import is_ready, later
from app.data.memory import may_begin
from tests.support.synthetic_study import RUN


def rate(study: Path, identity: str) -> None:
    with_pair = data.load_page(study, RUN, "", data.Filters(), number=1, sort="run", form_rule="loop").rows[0]
    pair = {"concept": with_pair.concept, "sample_id": with_pair.sample_id}
    data.add_override(study, RUN, **pair, rating=1, reviewer="ann", reason=None, rating_id=identity)


def test_an_answer_is_worked_out_again_only_after_news(study: Path) -> None:
    calls: list[int] = []

    def compute() -> int:
        calls.append(1)
        return len(calls)

    assert [later(study, "n", compute).value for _ in range(3)] == [1, 1, 1]
    rate(study, "one")
    found = later(study, "n", compute)
    assert (found.value, found.is_current) == (2, True)


def test_the_answer_before_is_shown_until_the_next_has_come(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert later(study, "slow", lambda: "old").value == "old"
    monkeypatch.setattr("app.data.later.WAIT_S", 0.01)
    rate(study, "one")
    go = threading.Event()

    def compute() -> str:
        go.wait(20)
        return "new"

    found = later(study, "slow", compute)
    assert (found.value, found.is_current, is_ready(study, "slow")) == ("old", False, False)
    monkeypatch.setattr("app.data.later.WAIT_S", 20.0)
    monkeypatch.setattr("app.data.later.may_begin", may_begin)
    found = later(study, "slow", compute)
    assert (found.value, found.is_current) == ("old", False), "nobody waits while something else is at work"
    go.set()
    while not is_ready(study, "slow"):
        time.sleep(0.01)
    found = later(study, "slow", compute)
    assert (found.value, found.is_current, is_ready(study, "slow")) == ("new", True, True)


def test_news_while_at_work_leave_the_answer_not_current(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.data.later.WAIT_S", 0.01)
    go = threading.Event()
    assert later(study, "overtaken", lambda: go.wait(20)).value is None
    rate(study, "one")
    go.set()
    while not is_ready(study, "overtaken"):
        time.sleep(0.01)
    monkeypatch.setattr("app.data.later.WAIT_S", 20.0)
    overtaken = later(study, "overtaken", lambda: True)
    assert (overtaken.value, overtaken.is_current) == (True, False)
    # Work that took long on a busy machine is followed by a rest, during which nobody waits.
    deadline = time.monotonic() + 20
    while not (found := later(study, "overtaken", lambda: "fresh")).is_current and time.monotonic() < deadline:
        time.sleep(0.01)
    assert found.value == "fresh"


def test_a_fault_is_told_and_the_next_asking_tries_again(study: Path) -> None:
    def fail() -> str:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        later(study, "fault", fail)
    assert later(study, "fault", lambda: "well").value == "well"
