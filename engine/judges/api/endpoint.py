"""Where a judge is asked: a server that speaks the Messages API, the model, and the key that it may be sent.

ANTHROPIC_API_KEY is sent to Anthropic's own address, or to ANTHROPIC_BASE_URL where the same environment names one, and to no
other: a server given by its address has a key of its own, LENSGAP_JUDGE_KEY, or none. A key is in no repr. Redirects are not
followed, for they would carry the key to an address that nobody gave.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit, urlunsplit

from engine.errors import JudgeError

if TYPE_CHECKING:
    from ssl import SSLContext

    from anthropic import AsyncAnthropic
    from httpx2 import AsyncBaseTransport, AsyncClient

ANTHROPIC_URL = "https://api.anthropic.com"
ANTHROPIC_KEY = "ANTHROPIC_API_KEY"
OTHER_KEY = "LENSGAP_JUDGE_KEY"
NO_KEY = "none"
"""Sent where a server needs no key; the client insists on one."""

CONNECT_S = 10.0
REPLY_S = 120.0
SHORTEST_KEY = 8
"""What is shorter is no key that texts are searched for."""
STREAMED = "application/binary"
"""What a request accepts whose reply is read piece by piece, and may be of any size."""
MOST_NESTED = 50
"""Levels of JSON that a reply may have; what lies deeper is in no reply of the API."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server's address without a slash at its end, the model to ask there, and the key with the variable that holds it."""

    base_url: str
    model: str
    key: str = field(repr=False)
    key_variable: str

    @property
    def is_anthropic(self) -> bool:
        """Whether it is Anthropic's own address."""
        return self.base_url == ANTHROPIC_URL

    def redact(self, text: str) -> str:
        """The text without the key, should a server have echoed it."""
        return _written(self.key).sub("…", text) if len(self.key) >= SHORTEST_KEY else text

    def redacted(self, found: Any, *, n_levels: int = MOST_NESTED) -> Any:
        """JSON with every text in it redacted, names too; what is nested too deeply is left out."""
        if isinstance(found, str):
            return self.redact(found)
        if isinstance(found, dict | list) and not n_levels:
            return None
        if isinstance(found, dict):
            return {self.redact(name): self.redacted(each, n_levels=n_levels - 1) for name, each in found.items()}
        return [self.redacted(each, n_levels=n_levels - 1) for each in found] if isinstance(found, list) else found


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a probe saw an endpoint do."""

    structured: bool
    """Its replies keep to a JSON schema."""
    system_blocks: bool
    """It takes the system prompt as blocks with a cache mark."""
    counts_tokens: bool
    batches: bool
    thinks_first: bool
    """A reply may begin with a thinking block."""

    def to_json(self) -> str:
        """One line of JSON, for a cache."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self | None:
        """What `to_json` wrote; None for anything else, which is to be probed again."""
        try:
            found = json.loads(text)
        except ValueError:
            return None
        names = {each.name for each in fields(cls)}
        if (
            not isinstance(found, dict)
            or set(found) != names
            or not all(isinstance(each, bool) for each in found.values())
        ):
            return None
        return cls(**found)


ASSUMED = Capabilities(structured=True, system_blocks=True, counts_tokens=True, batches=True, thinks_first=False)
"""What is taken for granted until an endpoint has been probed."""


def find_endpoint(model: str, base_url: str | None = None, *, environ: Mapping[str, str] = os.environ) -> Endpoint:
    """The endpoint that the settings and the environment name.

    Raises JudgeError for an address that is none, and where the key is missing or malformed.
    """
    if base_url is not None:
        key = environ.get(OTHER_KEY, "").strip() or NO_KEY
        return Endpoint(plain_address(base_url), model, checked_key(key, OTHER_KEY), OTHER_KEY)
    address = plain_address(environ.get("ANTHROPIC_BASE_URL", "").strip() or ANTHROPIC_URL)
    key = environ.get(ANTHROPIC_KEY, "").strip()
    if not key:
        raise JudgeError(
            f'The judge "anthropic:{model}" needs a key, and {ANTHROPIC_KEY} is not set.',
            hint=f"Set {ANTHROPIC_KEY}, or use --judge offline, which needs none.",
        )
    return Endpoint(address, model, checked_key(key, ANTHROPIC_KEY), ANTHROPIC_KEY)


def plain_address(address: str) -> str:
    """Scheme, host and path of an address that may end in /v1 or /v1/messages; JudgeError for what is no such address."""
    try:
        parts = urlsplit(address.strip())
        parts.port  # noqa: B018 — raises where the port is no number
    except ValueError:
        raise JudgeError("The judge's address cannot be read.", hint="It is like http://127.0.0.1:8000.") from None
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise JudgeError(
            "The judge's address holds more than scheme, host and path.",
            hint=f"A key belongs in {OTHER_KEY}, not there.",
        )
    is_one_word = address.strip().isprintable() and not any(each.isspace() for each in address.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or not is_one_word:
        raise JudgeError("The judge's address is no http address.", hint="It is like http://127.0.0.1:8000.")
    path = parts.path.rstrip("/").removesuffix("/messages").removesuffix("/v1").rstrip("/")
    return urlunsplit((parts.scheme, parts.netloc.lower(), path, "", ""))


def checked_key(key: str, variable: str) -> str:
    """The key, where it can be sent in a header; JudgeError, without the key, where it cannot."""
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise JudgeError(f"{variable} holds characters that are in no key.", hint="Copy the key again.")
    return key


def open_http(
    *,
    max_connections: int,
    reply_s: float = REPLY_S,
    connect_s: float = CONNECT_S,
    transport: "AsyncBaseTransport | None" = None,
) -> "AsyncClient":
    """An HTTP client for one event loop that follows no redirects, with a connection for each call at once.

    Raises JudgeError where proxy or certificates make none.
    """
    import httpx2

    from engine.judges.api.sizes import hold_to_size

    with _settings_told():
        return httpx2.AsyncClient(
            timeout=httpx2.Timeout(reply_s, connect=connect_s, pool=None),
            limits=httpx2.Limits(max_connections=max_connections, max_keepalive_connections=max_connections),
            follow_redirects=False,
            verify=_certificates(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")),
            transport=transport,
            event_hooks={"response": [hold_to_size]},
        )


def open_client(
    endpoint: Endpoint,
    *,
    max_connections: int,
    reply_s: float = REPLY_S,
    connect_s: float = CONNECT_S,
    transport: "AsyncBaseTransport | None" = None,
) -> "AsyncAnthropic":
    """A client for one event loop that neither retries nor follows redirects, with a connection for each call at once.

    Raises JudgeError where address, proxy or certificates make none.
    """
    from anthropic import AsyncAnthropic

    http = open_http(max_connections=max_connections, reply_s=reply_s, connect_s=connect_s, transport=transport)
    with _settings_told():
        client = AsyncAnthropic(
            api_key=endpoint.key, base_url=endpoint.base_url, max_retries=0, timeout=http.timeout, http_client=http
        )
    if endpoint.key_variable == OTHER_KEY:
        # Headers of the environment (ANTHROPIC_CUSTOM_HEADERS) may hold secrets that are meant for another server.
        client._custom_headers = {}
    return client


@contextmanager
def _settings_told() -> Iterator[None]:
    """JudgeError for what the HTTP library says of an address, or of the environment's settings."""
    import httpx2

    try:
        yield
    except httpx2.InvalidURL:
        raise JudgeError("The judge's address cannot be used.", hint="It is like http://127.0.0.1:8000.") from None
    except ImportError:
        raise JudgeError(
            "The environment sets a SOCKS proxy, for which a package is missing.",
            hint="Install socksio, or unset ALL_PROXY.",
        ) from None
    except (ValueError, OSError) as error:
        # What the library says may hold the proxy's login.
        raise JudgeError(
            f"The environment's settings of proxy or certificates cannot be used ({type(error).__name__}).",
            hint="Check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR.",
        ) from None


@cache
def _certificates(file: str | None, folder: str | None) -> "SSLContext":
    """The certificates that servers are checked with, read once for each place where the environment says that they are."""
    import httpx2

    return httpx2.create_ssl_context()


@cache
def _written(key: str) -> re.Pattern[str]:
    """The key, however JSON may write its characters."""
    # Few backslashes: a text of nothing else would be searched for hours.
    return re.compile("".join(rf"(?:\\{{0,4}}{re.escape(each)}|\\{{1,4}}u00{ord(each):02x})" for each in key), re.I)
