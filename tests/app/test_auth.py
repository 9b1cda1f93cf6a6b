"""The door of the dashboard: nobody sees a study before they signed in and stand on the list, where sign-in is set up."""

from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app import auth
from app.data import review
from db import connect
from engine.sign_in import CONTAINER, REQUIRED
from tests.app.test_screens import MAIN, html_of
from tests.support.synthetic_study import JUDGE, RUN

PEOPLE = {"people": ["ana@example.org"]}


class User:
    """Whom the provider says that the visitor is."""

    def __init__(self, claims: dict[str, Any] | None) -> None:
        self.is_logged_in = claims is not None
        self._claims = claims or {}

    def to_dict(self) -> dict[str, Any]:
        return self._claims


def visit(study: Path, monkeypatch: pytest.MonkeyPatch, claims: dict[str, Any] | None) -> AppTest:
    monkeypatch.setenv("LENSGAP_STUDY", str(study))
    monkeypatch.setattr(auth, "_section", {"auth": {"client_id": "x"}, "lensgap": PEOPLE}.__getitem__)
    monkeypatch.setattr(st, "user", User(claims))
    app = AppTest.from_file(MAIN, default_timeout=30)
    app.session_state["lensgap_reviewer"] = "Somebody else"
    app.run()
    assert not app.exception, app.exception
    return app


def test_visitors_see_the_door_and_nothing_of_the_study(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = html_of(visit(study, monkeypatch, None))
    assert "Only members of the team" in shown
    assert "Can this data support" not in shown


@pytest.mark.parametrize(
    ("claims", "sentence"),
    [
        ({"email": "<b>eve</b>@example.org"}, "may not open this dashboard"),
        ({"email": "<b>ana</b>@example.org", "email_verified": False}, "has not verified"),
        ({}, "has not verified this account"),
    ],
)
def test_who_is_not_on_the_list_is_told_so(
    study: Path, monkeypatch: pytest.MonkeyPatch, claims: dict[str, Any], sentence: str
) -> None:
    shown = html_of(visit(study, monkeypatch, claims))
    assert sentence in shown
    assert "<b>eve" not in shown
    assert "<b>ana" not in shown
    assert "Can this data support" not in shown


def test_who_signed_in_rates_under_the_tokens_address_and_no_typed_name(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = visit(study, monkeypatch, {"email": "Ana@Example.org", "name": "Boss"})
    shown = html_of(app)
    assert "Can this data support" in shown
    assert "This is your first, ana@example.org" in shown
    assert "Somebody else" not in shown
    assert [button.label for button in app.button if button.key == "leave"] == ["Sign out"]


@pytest.mark.parametrize("screen", ["samples", "review"])
def test_a_press_of_who_was_taken_off_the_list_stores_nothing(
    study: Path, monkeypatch: pytest.MonkeyPatch, screen: str
) -> None:
    people = ["ana@example.org"]
    review.plan_audit(study, RUN, JUDGE, n_ratings=24)
    monkeypatch.setitem(PEOPLE, "people", people)
    app = visit(study, monkeypatch, {"email": "ana@example.org"})
    app.switch_page(f"screens/{screen}.py").run()

    def rate(rating: int) -> int:
        start = {"samples": "rate", "review": "review"}[screen]
        next(b for b in app.button if str(b.key).startswith(f"{start}-{rating}-") and not b.disabled).click().run()
        assert not app.exception, app.exception
        with connect(study) as cursor:
            return len(cursor.execute("select 1 from ratings where reviewer = 'ana@example.org'").fetchall())

    assert rate(2) == 1
    if screen == "review":
        next(b for b in app.button if b.key == "review-on").click().run()
    people[:] = ["bob@example.org"]
    assert rate(3) == 1
    assert "may not open this dashboard" in html_of(app)


@pytest.mark.parametrize(("contained", "is_shut"), [(False, True), (True, False)])
def test_a_dashboard_that_listens_to_others_stays_shut_however_it_was_started(
    study: Path, monkeypatch: pytest.MonkeyPatch, contained: bool, is_shut: bool
) -> None:
    option = st.get_option
    monkeypatch.setattr(st, "get_option", lambda name: "0.0.0.0" if name == "server.address" else option(name))
    monkeypatch.setenv("LENSGAP_STUDY", str(study))
    monkeypatch.setenv(CONTAINER, "1") if contained else monkeypatch.delenv(CONTAINER, raising=False)
    shown = html_of(AppTest.from_file(MAIN, default_timeout=30).run())
    assert ("sign-in is not set up" in shown) == is_shut
    assert ("Can this data support" in shown) != is_shut


def test_a_dashboard_started_with_sign_in_stays_shut_when_its_secrets_are_gone(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LENSGAP_STUDY", str(study))
    monkeypatch.setenv(REQUIRED, "1")
    monkeypatch.setattr(auth, "_section", lambda name: {})
    shown = html_of(AppTest.from_file(MAIN, default_timeout=30).run())
    assert "it stays closed" in shown
    assert "Can this data support" not in shown
