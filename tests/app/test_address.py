"""The address that a quick hand asks for, pressing again before the browser has heard of the first change."""

from streamlit.testing.v1 import AppTest


def screen() -> None:
    import streamlit as st

    from app import state

    state.keep_run("r")
    for name in ("one", "two"):
        st.button(name, key=name, on_click=state.change, kwargs={name: "yes"})
    st.button("look", key="look", on_click=state.catch_up)


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
