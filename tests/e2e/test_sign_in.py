"""Signing in as people do it: through a real provider's pages, in browsers of their own; and what others get of a study."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, WebSocket, expect
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

from db import connect
from tests.e2e.conftest import OpenTab, stand_up
from tests.support.dashboard import ROOT, settle, wait_for
from tests.support.openid_provider import CLIENT, Provider, openid_provider
from tests.support.synthetic_study import RUN, build_study

pytestmark = pytest.mark.e2e
COOKIE_SECRET = "9f2c" * 16
PEOPLE = {
    "Ana": {"email": "Ana@Example.org", "email_verified": True},
    "Ben": {"email": "ben@lab.example", "email_verified": True},
    "Eve": {"email": "eve@elsewhere.example", "email_verified": True, "name": "Ana"},
    "Unverified": {"email": "ana@example.org", "email_verified": False},
    "Of yesterday": {"email": "ana@example.org", "exp": int(time.time()) - 86_400},
}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_study(tmp_path_factory.mktemp("confidential") / "study", n_concepts=4, n_pairs=8, n_between=0)


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with openid_provider(PEOPLE) as provider:
        yield provider


@pytest.fixture(scope="module")
def address(study: Path, provider: Provider) -> Iterator[str]:
    """A dashboard that was started by the command with sign-in; its log holds no secret, code or token."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    here, log = f"http://127.0.0.1:{port}", study.parent / "dashboard.log"
    write_secrets(study.parent, here, provider)
    environment = os.environ | {"HOME": str(study.parent / "home"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "engine.cli", "serve", str(study), "--port", str(port)]
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=study.parent, env=environment, stdout=output, stderr=output)
        try:
            wait_for(f"{here}/_stcore/health", process)
            yield here
        finally:
            process.terminate()
            process.wait(timeout=10)
    said = log.read_text()
    assert here in said
    assert not [secret for secret in (COOKIE_SECRET, provider.client_secret, *provider.told) if secret in said]


def write_secrets(folder: Path, here: str, provider: Provider) -> None:
    (folder / ".streamlit").mkdir()
    (folder / ".streamlit" / "secrets.toml").write_text(
        f'[auth]\nredirect_uri = "{here}/oauth2callback"\ncookie_secret = "{COOKIE_SECRET}"\nclient_id = "{CLIENT}"\n'
        f'client_secret = "{provider.client_secret}"\n'
        f'server_metadata_url = "{provider.issuer}/.well-known/openid-configuration"\n'
        '[lensgap]\npeople = ["ana@example.org"]\ndomains = ["lab.example"]\n',
        "utf-8",
    )


@pytest.fixture
def tab(open_tab: OpenTab) -> Page:
    return open_tab(width=1100, height=720)


def sign_in(page: Page, who: str) -> None:
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name=who, exact=True).click()


def test_ratings_carry_the_address_of_who_signed_in_whatever_name_a_browser_remembers(
    tab: Page, study: Path, address: str
) -> None:
    with connect(study) as cursor:
        pairs = cursor.execute("select concept, sample_id from pairs where run_id = ? order by all", [RUN]).fetchall()
    for who, (concept, sample_id), rating in (("Ana", pairs[0], 1), ("Ben", pairs[1], 5)):
        email = str(PEOPLE[who]["email"]).lower()
        tab.context.add_cookies([{"name": "lensgap_reviewer", "value": "Boss", "url": address}])
        tab.goto(f"{address}/samples?open={quote(f'{concept}:{sample_id}')}")
        sign_in(tab, who)
        expect(tab.locator(".st-key-reviewer")).to_contain_text(f"Rating as {email}")
        settle(tab)
        expect(tab.locator(".st-key-signed-in")).to_contain_text(email)
        assert tab.get_by_role("button", name="Change").count() == 0
        tab.keyboard.press(str(rating))
        expect(tab.locator(".lg-history")).to_contain_text(email)
        stand_up(tab)
    with connect(study) as cursor:
        given = cursor.execute("select concept, sample_id, reviewer, rating from ratings order by order_number")
        assert given.fetchall() == [(*pairs[0], "ana@example.org", 1), (*pairs[1], "ben@lab.example", 5)]


def test_who_may_not_enter_is_told_so_and_can_leave_for_another_account(
    tab: Page, address: str, provider: Provider
) -> None:
    tab.goto(address)
    for who, sentence in (("Eve", "eve@elsewhere.example may not open"), ("Unverified", "has not verified")):
        sign_in(tab, who)
        expect(tab.locator(".lg-empty")).to_contain_text(sentence)
        assert tab.locator(".st-key-nav a").count() == 0
        tab.get_by_role("button", name="Sign out").click()
        expect(tab.get_by_role("button", name="Sign in")).to_be_visible()
    assert provider.n_signed_out == 2
    sign_in(tab, "Of yesterday")
    expect(tab.get_by_role("button", name="Sign in")).to_be_visible()


def test_who_signs_out_in_one_tab_is_out_in_all(tab: Page, address: str) -> None:
    tab.goto(f"{address}/team")
    sign_in(tab, "Ana")
    expect(tab.locator(".st-key-signed-in")).to_be_visible()
    other = tab.context.new_page()
    other.goto(f"{address}/samples")
    expect(other.locator(".st-key-signed-in")).to_be_visible()
    tab.get_by_role("button", name="Sign out").click()
    for one in (tab, other):
        expect(one.get_by_role("button", name="Sign in")).to_be_visible()
    # The door of one tab does not turn out who has come in again in the other.
    sign_in(other, "Ana")
    expect(other.locator(".st-key-signed-in")).to_be_visible()
    settle(other)
    expect(tab.get_by_role("button", name="Sign in")).to_be_visible()


def test_nothing_of_a_study_reaches_who_has_not_signed_in_or_did_so_too_long_ago(
    tab: Page, study: Path, address: str
) -> None:
    with connect(study) as cursor:
        known = cursor.execute("select concept from run_concepts union select run_id from runs").fetchall()
    texts = [study.parent.name, *(text for (text,) in known)]
    claims = f'{{"email": "ana@example.org", "is_logged_in": true, "origin": "{address}"}}'
    frames: list[bytes] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: frames.append(frame if isinstance(frame, bytes) else frame.encode()))

    tab.on("websocket", listen)
    months_ago, good = signed(claims, COOKIE_SECRET, 31 * 86_400 + 1), signed(claims, COOKIE_SECRET, 0)
    for cookie in (None, months_ago, signed(claims, "another secret", 0), good):
        if cookie:
            tab.context.add_cookies([{"name": "_streamlit_user", "value": cookie, "url": address}])
        frames.clear()
        tab.goto(f"{address}/corrections")
        settle(tab)
        assert frames
        assert any(text.encode() in frame for frame in frames for text in texts) == (cookie == good)
    tab.remove_listener("websocket", listen)


def signed(claims: str, secret: str, seconds_ago: int) -> str:
    """The cookie that the server gave so long ago, or that somebody made who has another secret."""
    now = time.time
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("itsdangerous.timed.time.time", lambda: now() - seconds_ago)
        return create_signed_value(secret, "_streamlit_user", claims).decode()
