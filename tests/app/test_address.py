"""The address that a quick hand asks for, pressing again before the browser has heard of the first change."""

import pytest
from streamlit.testing.v1 import AppTest

from app import data, state


def screen() -> None:
    import streamlit as st

    from app import state

    state.keep_run("r")
    for name in ("one", "two"):
        st.button(name, key=name, on_click=state.change, kwargs={name: "yes"})
    st.button("look", key="look", on_click=state.catch_up)
    state.bound(st.text_input, "Text", name="q", value=state.given("q") or "")


def screen_with_news() -> None:
    from pathlib import Path

    import streamlit as st

    from app import data, state
    from app.data.memory import Change
    from app.widgets import live

    if st.button("news", key="news"):
        st.session_state[live._DRAWN] = live.Drawn(Change((), last_rating=0), 0.0)
        data.file_state = lambda folder: (1,)
        data.load_change = lambda folder: Change((), last_rating=1)
        live._look(Path())
    state.keep_run("r")
    st.button("one", key="one", on_click=state.change, kwargs={"one": "yes"})


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


def test_news_that_a_browser_asked_for_before_it_heard_of_a_step_take_no_step_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # What the screen puts in their place is taken out again.
    for name in ("file_state", "load_change"):
        monkeypatch.setattr(data, name, getattr(data, name))
    at = AppTest.from_function(screen_with_news).run()
    assert shown(behind(at, "one", "news")) == {"one"}
    assert not at.exception
