"""Runs that the server asked for wait for those that somebody waits for, for a while, and not where their own person waits."""

import threading
from collections.abc import Callable

import pytest

from app import precedence
from app.precedence import Precedence


@pytest.fixture
def runs() -> Precedence:
    runs = Precedence()
    runs.begin("news", is_awaited=False)
    runs.begin("press", is_awaited=True)
    return runs


def never() -> bool:
    return False


def stands(runs: Precedence, session: str, *, is_wanted: Callable[[], bool] = never) -> threading.Thread:
    thread = threading.Thread(target=runs.stand_aside, args=(session,), kwargs={"is_wanted": is_wanted}, daemon=True)
    thread.start()
    return thread


def test_news_goes_on_as_soon_as_the_last_press_is_answered(runs: Precedence, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precedence, "STANDS_S", 60.0)
    runs.begin("another press", is_awaited=True)
    waiting = stands(runs, "news")
    runs.end("press")
    waiting.join(0.1)
    assert waiting.is_alive()
    runs.end("another press")
    waiting.join(10)
    assert not waiting.is_alive()


def test_news_waits_for_presses_no_longer_than_it_may(runs: Precedence, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precedence, "STANDS_S", 0.05)
    waiting = stands(runs, "news")
    waiting.join(10)
    assert not waiting.is_alive()
    # Its patience is the run's, not each message's.
    monkeypatch.setattr(precedence, "GLANCE_S", 60.0)
    runs.stand_aside("news", is_wanted=lambda: pytest.fail("it looked whether to wait on"))


def test_presses_and_runs_that_nobody_presses_beside_wait_for_nothing(runs: Precedence) -> None:
    runs.stand_aside("press", is_wanted=never)
    runs.stand_aside("unheard of", is_wanted=never)
    runs.end("press")
    runs.stand_aside("news", is_wanted=never)


def test_a_press_on_the_page_itself_ends_the_waiting(runs: Precedence, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precedence, "STANDS_S", 60.0)
    pressed = threading.Event()
    waiting = stands(runs, "news", is_wanted=pressed.is_set)
    waiting.join(0.1)
    assert waiting.is_alive()
    pressed.set()
    waiting.join(10)
    assert not waiting.is_alive()
