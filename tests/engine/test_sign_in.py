"""Who may open the dashboard: the list, and the refusal to listen to other computers without sign-in."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.sign_in import Guests, SignInError, has_sign_in, is_local, read_guests, require_sign_in

LIST = Guests(frozenset({"ana@example.org"}), frozenset({"lab.example"}))


@pytest.mark.parametrize("email", ["ana@example.org", " Ana@Example.ORG ", "anyone@lab.example"])
def test_people_and_domains_of_the_list_may_enter_whatever_their_case(email: str) -> None:
    assert LIST.may_enter({"email": email})
    assert LIST.may_enter({"email": email, "email_verified": True})
    assert not LIST.may_enter({"email": email, "email_verified": False})
    assert not LIST.may_enter({"email": email, "email_verified": None})


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"email": None},
        {"email": ""},
        {"email": "@lab.example"},
        {"email": "a@b@lab.example"},
        {"email": "lab.example"},
        {"email": "ben@example.org"},
        {"email": "x@sub.lab.example"},
        {"email": "x@lab.example.evil"},
        {"email": "ana@example.org@evil.example"},
        {"email": ["ana@example.org"]},
        {"name": "ana@example.org"},
    ],
)
def test_nobody_else_may_enter(claims: dict[str, object]) -> None:
    assert not LIST.may_enter(claims)


@given(st.text())
def test_an_empty_list_lets_nobody_in(email: str) -> None:
    assert not read_guests({}).may_enter({"email": email})
    assert not read_guests({"people": ["", " "], "domains": ["", "@"]}).may_enter({"email": email})


def test_a_list_is_read_from_texts_and_nothing_else() -> None:
    assert read_guests({"people": ["Ana@Example.org"], "domains": ["@Lab.Example"]}) == LIST
    for wrong in ("ana@example.org", [1], {"a": 1}):
        with pytest.raises(SignInError, match="people under"):
            read_guests({"people": wrong})


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("127.9.9.9", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.2", False),
        ("example.org", False),
    ],
)
def test_only_loopback_addresses_need_no_sign_in(tmp_path: Path, address: str, local: bool) -> None:
    assert is_local(address) == local
    if local:
        require_sign_in(address, folders=(tmp_path,))
    else:
        with pytest.raises(SignInError, match="nobody would have to sign in"):
            require_sign_in(address, folders=(tmp_path,))
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "secrets.toml").write_text('[auth]\nclient_id = "x"\n', "utf-8")
    require_sign_in(address, folders=(tmp_path,))
    (tmp_path / ".streamlit" / "secrets.toml").write_text("[auth]\n", "utf-8")
    assert not has_sign_in((tmp_path,))
    (tmp_path / ".streamlit" / "secrets.toml").write_text("[auth", "utf-8")
    with pytest.raises(SignInError, match="cannot be read"):
        has_sign_in((tmp_path,))


@pytest.mark.parametrize("how", ["option", "environment"])
def test_the_command_refuses_to_listen_to_other_computers_without_sign_in(tmp_path: Path, how: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LENSGAP_")}
    environment |= {"HOME": str(tmp_path)} | ({"LENSGAP_ADDRESS": "0.0.0.0"} if how == "environment" else {})
    options = ["--host", "0.0.0.0"] if how == "option" else []
    command = [sys.executable, "-c", "from engine.cli import main; main()", "serve", str(tmp_path / "study"), *options]
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 1
    assert "nobody would have to sign in" in " ".join(ended.stderr.split())
    assert "Traceback" not in ended.stderr
