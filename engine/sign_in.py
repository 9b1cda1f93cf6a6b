"""Who may open the dashboard: people and e-mail domains of a list, and no other computer's visitors without sign-in.

The sign-in itself is Streamlit's (OIDC), set up under `[auth]` of `.streamlit/secrets.toml`; whom it lets in stands beside
it under `[lensgap]`. Both are read here before a server starts, so that what is wrong is told then, and by the dashboard at
each visit. No sentence repeats a secret.
"""

import importlib.util
import ipaddress
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from engine.errors import ExpectedError

REQUIRED: Final = "LENSGAP_SIGN_IN"
"""Set for a dashboard that was started with sign-in: it stays shut should its secrets become unreadable."""
CONTAINER: Final = "LENSGAP_CONTAINER"
"""Set in the container image, where what is published of all addresses is decided by who runs it."""
HOSTS: Final = "LENSGAP_HOSTS"
"""Other names by which browsers may call the dashboard of a container without sign-in, with commas between them."""
SECRETS: Final = Path(".streamlit") / "secrets.toml"
LOCAL_HOSTS: Final = ("localhost", "127.0.0.1", "::1")
"""Names by which this computer's browsers may call a dashboard without sign-in, so that no web page passes for one."""
_NEEDED: Final = ("redirect_uri", "cookie_secret", "client_id", "client_secret", "server_metadata_url")
_CALLBACK: Final = "/oauth2callback"
_SECRET_CHARS: Final = 32
_EVERY_TENANT: Final = ("/common/", "/organizations/", "/consumers/")


class SignInError(ExpectedError):
    """The dashboard would be open to people whom nobody let in."""

    title = "Sign-in"


@dataclass(frozen=True, slots=True)
class Guests:
    """Who may come in: e-mail addresses, and domains all of whose addresses may; in lower case."""

    people: frozenset[str]
    domains: frozenset[str]

    def may_enter(self, claims: Mapping[str, Any]) -> bool:
        """Whether the person of these OIDC claims may."""
        address = address_of(claims)
        return address is not None and (address in self.people or address.rpartition("@")[2] in self.domains)


@dataclass(frozen=True, slots=True)
class SignIn:
    """What the secrets set up: where people open the dashboard, and who of them may."""

    address: str
    guests: Guests


def address_of(claims: Mapping[str, Any]) -> str | None:
    """The e-mail address of OIDC claims as ratings are stored under it; None without one or where it is called unverified.

    No two people share one: only ASCII letters change their case, and what cannot be seen is not taken out but refused.
    """
    email = claims.get("email")
    if not isinstance(email, str) or claims.get("email_verified", True) not in (True, "true"):
        return None
    address = _lower(email.strip())
    name, _, domain = address.partition("@")
    return address if name and domain and "@" not in domain and not any(map(_is_unseen, address)) else None


def read_guests(section: Mapping[str, Any]) -> Guests:
    """The list from the secrets' `[lensgap]`: `people` and `domains`. SignInError for what is no list of texts."""

    def texts(key: str) -> frozenset[str]:
        found = section.get(key, [])
        if not isinstance(found, list | tuple) or not all(isinstance(one, str) for one in found):
            raise SignInError(f"{key} under [lensgap] of secrets.toml is not a list of texts.", hint=f'{key} = ["..."]')
        return frozenset(_lower(one.strip()).removeprefix("@") for one in found) - {""}

    return Guests(texts("people"), texts("domains"))


def secrets_folders() -> tuple[Path, ...]:
    """Where Streamlit looks for secrets; those of a later folder stand."""
    return Path.home(), Path.cwd()


def read_sign_in(folders: tuple[Path, ...]) -> SignIn | None:
    """What the secrets of these folders set up; None without `[auth]`. SignInError for what could let in nobody or anybody."""
    secrets: dict[str, Any] = {}
    for folder in folders:
        secrets |= _read(folder / SECRETS)
    auth, lensgap = secrets.get("auth"), secrets.get("lensgap", {})
    if not auth:
        return None
    if not isinstance(auth, Mapping) or not isinstance(lensgap, Mapping):
        raise SignInError(f"[auth] and [lensgap] of {SECRETS} are not sections.")
    address = _origin(auth)
    guests = read_guests(lensgap)
    if not (guests.people or guests.domains):
        raise SignInError(
            "Sign-in is set up, but nobody is allowed in.", hint=f"Name people or domains under [lensgap] of {SECRETS}."
        )
    return SignIn(address, guests)


def require_sign_in(address: str, sign_in: SignIn | None) -> None:
    """Raise SignInError where other computers could reach the dashboard and nobody would have to sign in."""
    if sign_in is None and not is_local(address):
        raise SignInError(
            f"The dashboard would listen on {address}, where other computers can reach it, without sign-in.",
            hint=f"Set up [auth] and [lensgap] in {SECRETS} (docs/team.md says how), or listen on 127.0.0.1.",
        )


def require_library() -> None:
    """Raise SignInError where the library that signs people in is not installed."""
    if importlib.util.find_spec("authlib") is None:
        raise SignInError("Sign-in is set up, but its library is missing.", hint="pip install 'lensgap[auth]'")


def is_local(address: str) -> bool:
    """Whether only this computer reaches the address."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def _origin(auth: Mapping[str, Any]) -> str:
    """Where people open the dashboard, by the `[auth]` section. SignInError for a section that cannot work or is not safe."""
    if missing := [key for key in _NEEDED if not (isinstance(auth.get(key), str) and auth[key].strip())]:
        raise SignInError(
            f"[auth] of {SECRETS} lacks {' and '.join(missing)}.", hint="docs/team.md has a complete example."
        )
    if len(auth["cookie_secret"]) < _SECRET_CHARS:
        raise SignInError(
            f"cookie_secret under [auth] is shorter than {_SECRET_CHARS} characters, so a sign-in could be forged.",
            hint='Make one with: python -c "import secrets; print(secrets.token_hex(32))"',
        )
    metadata = urlsplit(auth["server_metadata_url"])
    if metadata.hostname == "login.microsoftonline.com" and metadata.path.startswith(_EVERY_TENANT):
        raise SignInError(
            "server_metadata_url is that of every Microsoft tenant, any of which may claim any address.",
            hint="Name your own tenant in it.",
        )
    callback = urlsplit(auth["redirect_uri"])
    if callback.scheme not in ("http", "https") or not callback.netloc or not callback.path.endswith(_CALLBACK):
        raise SignInError(
            f"redirect_uri under [auth] does not end with {_CALLBACK}.",
            hint=f'redirect_uri = "https://lensgap.example.org{_CALLBACK}"',
        )
    return f"{callback.scheme}://{callback.netloc}{callback.path.removesuffix(_CALLBACK)}"


def _lower(text: str) -> str:
    return "".join(char.lower() if char.isascii() else char for char in text)


def _is_unseen(char: str) -> bool:
    return unicodedata.category(char)[0] in "CZ"


def _read(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SignInError(f"{file} cannot be read: {error}.") from error
