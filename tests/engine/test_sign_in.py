"""Who may open the dashboard: the list, and the refusal to listen to other computers without sign-in."""

import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.serving import choose_place
from engine.sign_in import (
    CONTAINER,
    HOSTS,
    LOCAL_HOSTS,
    SECRETS,
    Guests,
    SignIn,
    SignInError,
    address_of,
    is_local,
    read_guests,
    read_sign_in,
    require_sign_in,
)
from tests.support.command import Command

ROOT = Path(__file__).parents[2]
WHOLE = {
    "redirect_uri": "https://lensgap.example.org/oauth2callback",
    "cookie_secret": "0123456789abcdef" * 2,
    "client_id": "of-the-lab",
    "client_secret": "the client's own secret",
    "server_metadata_url": "https://provider.example/.well-known/openid-configuration",
}
LIST = Guests(frozenset({"ana@example.org"}), frozenset({"lab.example"}))


def test_the_documented_secrets_are_refused_until_they_are_ones_own(tmp_path: Path) -> None:
    documented = (ROOT / "docs" / "team.md").read_text("utf-8").split("```toml")[1].split("```")[0]
    (tmp_path / SECRETS).parent.mkdir()
    (tmp_path / SECRETS).write_text(textwrap.dedent(documented), "utf-8")
    with pytest.raises(SignInError, match="lacks cookie_secret and client_id and client_secret"):
        read_sign_in((tmp_path,))


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
        {"email": "ana\u200b@lab.example"},
        {"email": "an a@lab.example"},
        {"email": "ana@lab.\u2028example"},
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


@given(st.text(), st.text())
def test_no_two_people_rate_under_one_name(first: str, second: str) -> None:
    addresses = [address_of({"email": f"{name}@lab.example"}) for name in (first, second)]
    if addresses[0] is not None and addresses[0] == addresses[1]:
        folded = [name.strip().encode().lower() for name in (first, second)]
        assert folded[0] == folded[1]


def write(folder: Path, auth: dict[str, str], *, guests: str = 'people = ["ana@example.org"]') -> Path:
    file = folder / SECRETS
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = "\n".join(f'{key} = "{value}"' for key, value in auth.items())
    file.write_text(f"[auth]\n{lines}\n[lensgap]\n{guests}\n", "utf-8")
    return folder


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
def test_only_loopback_addresses_need_no_sign_in(address: str, local: bool) -> None:
    assert is_local(address) == local
    require_sign_in(address, SignIn("https://lensgap.example.org", LIST))
    if local:
        require_sign_in(address, None)
    else:
        with pytest.raises(SignInError, match="without sign-in"):
            require_sign_in(address, None)


def test_what_the_secrets_set_up_is_read_and_the_nearer_folder_stands(tmp_path: Path) -> None:
    near, far = tmp_path / "near", tmp_path / "far"
    assert read_sign_in((far, near)) is None
    write(far, WHOLE | {"redirect_uri": "https://far.example/oauth2callback"})
    write(near, WHOLE, guests='domains = ["lab.example"]')
    assert read_sign_in((far, near)) == SignIn("https://lensgap.example.org", Guests(frozenset(), LIST.domains))
    found = read_sign_in((far,))
    assert found is not None
    assert found.address == "https://far.example"


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"client_secret": ""}, "lacks client_secret"),
        ({"redirect_uri": "", "cookie_secret": " "}, "lacks redirect_uri and cookie_secret"),
        ({"cookie_secret": "a long random text"}, "could be forged"),
        ({"redirect_uri": "https://lensgap.example.org"}, "does not end with /oauth2callback"),
        ({"redirect_uri": "lensgap.example.org/oauth2callback"}, "does not end with"),
        ({"server_metadata_url": "https://login.microsoftonline.com/common/v2.0/openid"}, "every Microsoft tenant"),
    ],
)
def test_sign_in_that_cannot_work_or_is_not_safe_is_told_without_its_secrets(
    tmp_path: Path, changed: dict[str, str], sentence: str
) -> None:
    with pytest.raises(SignInError, match=sentence) as told:
        read_sign_in((write(tmp_path, WHOLE | changed),))
    assert not [secret for secret in (WHOLE["cookie_secret"], WHOLE["client_secret"]) if secret in str(told.value)]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [("[auth", "cannot be read"), ('auth = "x"', "not sections"), ("[auth]\nx = 1\n[[lensgap]]\n", "not sections")],
)
def test_secrets_that_are_no_sections_are_told(tmp_path: Path, content: str, sentence: str) -> None:
    (tmp_path / SECRETS).parent.mkdir()
    (tmp_path / SECRETS).write_text(content, "utf-8")
    with pytest.raises(SignInError, match=sentence):
        read_sign_in((tmp_path,))


@pytest.mark.parametrize("guests", ["", "people = []", 'people = [""]\ndomains = ["@"]'])
def test_sign_in_that_lets_nobody_in_is_told(tmp_path: Path, guests: str) -> None:
    with pytest.raises(SignInError, match="nobody is allowed in"):
        read_sign_in((write(tmp_path, WHOLE, guests=guests),))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to serve from, in a home without secrets."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("LENSGAP_ADDRESS", CONTAINER, HOSTS):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.mark.parametrize("how", ["option", "environment"])
def test_the_command_refuses_to_listen_to_other_computers_without_sign_in(
    lensgap: Command, here: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    if how == "environment":
        monkeypatch.setenv("LENSGAP_ADDRESS", "0.0.0.0")
    found = lensgap("serve", here / "study", *(["--host", "0.0.0.0"] if how == "option" else []))
    assert found.status == 1
    said = " ".join(found.stderr.split())
    assert "without sign-in" in said
    assert "[auth] and [lensgap]" in said
    assert "Traceback" not in found.stderr
    assert not (here / "study").exists()


def test_without_sign_in_only_this_computers_names_lead_to_the_dashboard(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOSTS, "lab.example.org")
    place = choose_place(None, 8501)
    assert place.link == "http://127.0.0.1:8501"
    assert "--server.address=127.0.0.1" in place.options
    assert place.hosts == LOCAL_HOSTS
    assert {"--server.allowedHosts=localhost", "--server.allowedHosts=127.0.0.1"} <= set(place.options)


def test_with_sign_in_the_address_that_people_open_is_told_and_any_name_leads_there(here: Path) -> None:
    write(here, WHOLE | {"redirect_uri": "http://localhost:{port}/oauth2callback"})
    place = choose_place("0.0.0.0", 8765)
    assert place.link == "http://localhost:8765"
    assert place.options == ["--server.port=8765", "--server.address=0.0.0.0"]


def test_a_container_listens_to_what_is_published_of_it(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LENSGAP_ADDRESS", "0.0.0.0")
    monkeypatch.setenv(CONTAINER, "1")
    assert choose_place(None, 8501).hosts == LOCAL_HOSTS
    monkeypatch.setenv(HOSTS, "lab.example.org, , gpu-3,localhost")
    assert choose_place(None, 8501).hosts == (*LOCAL_HOSTS, "lab.example.org", "gpu-3")
    with pytest.raises(SignInError):
        choose_place("0.0.0.0", 8501)
