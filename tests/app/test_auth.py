"""The door of the dashboard: nobody sees a study before they signed in and stand on the list, where sign-in is set up."""

from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app import auth
from engine.sign_in import REQUIRED
from tests.app.test_screens import MAIN, html_of

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
    assert "open to the people of its team" in shown
    assert "Can this data support" not in shown


@pytest.mark.parametrize(
    "claims", [{"email": "<b>eve</b>@example.org"}, {"email": "ana@example.org", "email_verified": False}]
)
def test_who_is_not_on_the_list_is_told_so(
    study: Path, monkeypatch: pytest.MonkeyPatch, claims: dict[str, Any]
) -> None:
    shown = html_of(visit(study, monkeypatch, claims))
    assert "may not open this dashboard" in shown
    assert "<b>eve" not in shown
    assert "Can this data support" not in shown


def test_who_signed_in_rates_under_the_tokens_address_and_no_typed_name(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = visit(study, monkeypatch, {"email": "Ana@Example.org", "name": "Boss"})
    shown = html_of(app)
    assert "Can this data support" in shown
    assert "This is your first, ana@example.org" in shown
    assert "Somebody else" not in shown


def test_a_dashboard_started_with_sign_in_stays_shut_when_its_secrets_are_gone(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LENSGAP_STUDY", str(study))
    monkeypatch.setenv(REQUIRED, "1")
    monkeypatch.setattr(auth, "_section", lambda name: {})
    shown = html_of(AppTest.from_file(MAIN, default_timeout=30).run())
    assert "it stays shut" in shown
    assert "Can this data support" not in shown
