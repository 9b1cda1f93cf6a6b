"""The address that a quick hand asks for, pressing again before the browser has heard of the first change."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app import push, state
from tests.app.test_screens import open_screen


def screen() -> None:
    import streamlit as st

    from app import state

    state.keep_run("r")
    for name in ("one", "two"):
        st.button(name, key=name, on_click=state.change, kwargs={name: "yes"})
    st.button("look", key="look", on_click=state.catch_up)
    state.bound(st.text_input, "Text", name="q", value=state.given("q") or "")


def shown(at: AppTest) -> set[str]:
    return set(at.query_params) - {"run"}


def behind(at: AppTest, *pressed: str) -> AppTest:
    """Press one after the other, each with the address that the screen had before the first."""
    for key in pressed:
        at.query_params.clear()
        at.button(key=key).click().run()
    return at


def opened() -> AppTest:
    return AppTest.from_function(screen).run()


def test_two_changes_at_once_both_stand() -> None:
    assert shown(behind(opened(), "one", "two")) == {"one", "two"}


def test_whatever_is_pressed_next_keeps_the_change_before_it() -> None:
    assert shown(behind(opened(), "one", "look", "look")) == {"one"}


def test_who_went_back_stays_there() -> None:
    at = behind(opened(), "one")
    at.query_params.clear()
    at.run()
    assert shown(at) == set()
    assert shown(behind(at, "look")) == set()
    assert shown(behind(at, "two")) == {"two"}


def test_a_link_followed_since_is_where_the_next_change_begins() -> None:
    at = behind(opened(), "one")
    at.query_params.clear()
    at.query_params["three"] = "yes"
    at.run()
    at.button(key="two").click().run()
    assert shown(at) == {"three", "two"}


def test_what_widgets_were_when_the_clock_had_the_screen_looked_at_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at = opened()
    at.text_input[0].input("sought").run()
    assert shown(at) == {"q"}
    monkeypatch.setattr(state, "is_look", lambda: True)
    at.text_input[0].input("").run()
    assert at.text_input[0].value == "sought"
    at.button(key="one").click().run()
    assert shown(at) == {"q"}


def test_a_drawing_that_the_server_asks_for_takes_no_step_back(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = open_screen(study, monkeypatch, "samples")
    at.button(key="preset-Degenerate").click().run()
    filtered = dict(at.query_params)
    # As the clock of a part left it, which the browser sent before it had heard of the step.
    at.query_params.clear()
    monkeypatch.setattr(push, "is_asked_for", lambda: True)
    assert dict(at.run().query_params) == filtered != {}
