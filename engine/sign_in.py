"""Who may open the dashboard: people and e-mail domains of a list, and no other computer's visitors without sign-in.

The sign-in itself is Streamlit's (OIDC), set up under `[auth]` of `.streamlit/secrets.toml`; whom it lets in stands beside
it under `[lensgap]`. Both are read here before a server starts, and by the dashboard at each visit.
"""

import importlib.util
import ipaddress
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine.errors import ExpectedError

REQUIRED: Final = "LENSGAP_SIGN_IN"
"""Set for a dashboard that was started with sign-in: it stays shut should its secrets become unreadable."""
SECRETS: Final = Path(".streamlit") / "secrets.toml"


class SignInError(ExpectedError):
    """The dashboard would be open to people whom nobody let in."""

    title = "Sign-in"


@dataclass(frozen=True, slots=True)
class Guests:
    """Who may come in: e-mail addresses, and domains all of whose addresses may; in lower case."""

    people: frozenset[str]
    domains: frozenset[str]

    def may_enter(self, claims: Mapping[str, Any]) -> bool:
        """Whether the person of these OIDC claims may: by an e-mail address that the provider does not call unverified."""
        email = claims.get("email")
        if not isinstance(email, str) or claims.get("email_verified", True) not in (True, "true"):
            return False
        name, at, domain = email.strip().casefold().rpartition("@")
        return bool(name and at) and "@" not in name and (f"{name}@{domain}" in self.people or domain in self.domains)


def read_guests(section: Mapping[str, Any]) -> Guests:
    """The list from the secrets' `[lensgap]`: `people` and `domains`. SignInError for what is no list of texts."""

    def texts(key: str) -> frozenset[str]:
        found = section.get(key, [])
        if not isinstance(found, list | tuple) or not all(isinstance(one, str) for one in found):
            raise SignInError(f"{key} under [lensgap] of secrets.toml is no list of texts.", hint=f'{key} = ["..."]')
        return frozenset(one.strip().casefold().removeprefix("@") for one in found if one.strip())

    return Guests(texts("people"), texts("domains"))


def has_sign_in(folders: tuple[Path, ...]) -> bool:
    """Whether the secrets of one of these folders set up sign-in. SignInError for a file that is no TOML."""
    return any(bool(_read(folder / SECRETS).get("auth")) for folder in folders if (folder / SECRETS).is_file())


def require_sign_in(address: str, *, folders: tuple[Path, ...]) -> None:
    """Raise SignInError where other computers could reach the dashboard and nobody would have to sign in."""
    if not is_local(address) and not has_sign_in(folders):
        raise SignInError(
            f"The dashboard would listen on {address}, where other computers reach it, and nobody would have to sign in.",
            hint=f"Set up [auth] in {SECRETS}, or listen on 127.0.0.1.",
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


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SignInError(f"{file} cannot be read: {error}.") from error
