"""A server of the Messages API on this machine, in a process of its own and over real HTTP, as faulty as a test wants it.

Answers follow a rule that a test can recompute: what is said of a text depends on the request alone, what goes wrong on the way
depends on the request and on how often it was tried. Every request is checked against the types that the official client
publishes; what violates them is refused as the API refuses it, and remembered.
"""

import hashlib
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).parents[2]
MODEL = "claude-haiku-5-5"
WORDS = ("juniper", "harbours", "tin mines", "sleep", "grain trade", "old maps", "river birds", "gin", "clocks", "moss")
Fate = Literal["good", "refusal", "max_tokens", "malformed"]


@dataclass(frozen=True, slots=True)
class Settings:
    """How the server behaves; shares are of requests, in 0–1, and their sum stays below 1."""

    seed: int = 0
    models: tuple[str, ...] = (MODEL, "claude-haiku-4-5")
    key: str | None = None
    """The only key that it takes; None: any."""

    latency_s: tuple[float, float] = (0.0, 0.0)
    held_after: int | None = None
    """Requests for a message after which all others are answered only once they are let go; None: at once."""
    rate: float | None = None
    """Requests a second that it allows; what exceeds them is 429."""
    burst: float | None = None
    """Requests that it allows at once, default one second of the rate."""
    retry_after: Literal["seconds", "date", "none"] = "seconds"
    retry_after_s: float = 1.0
    """What an injected 429 asks for; a 429 of the rate asks for the whole seconds until there is room."""
    clock_skew_s: float = 0.0
    """The server's clock minus ours."""

    # Faults of the way, drawn anew at every try.
    share_429: float = 0.0
    share_529: float = 0.0
    share_500: float = 0.0
    share_dropped_before: float = 0.0
    share_dropped_after: float = 0.0
    """Half of the reply is sent, then the connection is gone; the work was done."""
    share_stalled: float = 0.0
    """The connection stays open, and nothing ever comes."""
    share_html: float = 0.0
    html_status: int = 502
    share_malformed_body: float = 0.0
    """200 with a body that is no JSON."""

    # What the model says, the same at every try.
    share_refusals: float = 0.0
    share_max_tokens: float = 0.0
    share_malformed: float = 0.0
    """The text is meant to be JSON and is not."""
    varies: bool = False
    """The nth answer to one request differs from the first."""
    thinking_first: bool = False
    input_tokens: int | None = None
    """Tokens that a request is said to have; None: a quarter of its characters."""
    cache_minimum: int = 4096
    """Tokens from which a marked prefix is cached."""

    structured: bool = True
    """False: `output_config.format` is silently ignored."""
    counts_tokens: bool = True
    has_batches: bool = True
    out_of_credit: Literal[0, 400, 402, 429] = 0
    """The status by which it says so."""

    batch_s: float = 0.0
    """Seconds that a batch takes."""
    has_results: bool = True
    """False: batches end, and their results are not to be had any more."""
    share_batch_errored: float = 0.0
    """Drawn anew each time that a request is in a batch."""
    share_batch_expired: float = 0.0
    share_batch_invalid: float = 0.0
    """The same at every try."""


@dataclass(frozen=True, slots=True)
class Stats:
    """What the server saw since it took its settings."""

    n_requests: int = 0
    n_in_flight: int = 0
    n_in_flight_most: int = 0
    n_over_rate: int = 0
    n_lost: int = 0
    """Answers that were worked out and never fully sent."""
    n_counted: int = 0
    """Requests for a number of tokens."""
    by_status: Mapping[str, int] = field(default_factory=dict)
    """Requests by status; those without one by `dropped` and `stalled`."""
    paid: Mapping[str, int] = field(default_factory=dict)
    """Answers that were fully sent, by `request_key`; those of batches included."""
    tries: Mapping[str, int] = field(default_factory=dict)
    """Well-formed requests for a message, by `request_key`."""
    cached_tokens: int = 0
    batch_sizes: tuple[int, ...] = ()
    answered_s: float = 0.0
    """Seconds from the first request for a message to the last answer."""
    keys: tuple[str, ...] = ()
    """Every key that was shown."""
    violations: tuple[str, ...] = ()
    """What did not follow the published types."""

    @property
    def n_paid(self) -> int:
        return sum(self.paid.values())


@dataclass(frozen=True, slots=True)
class MessagesServer:
    """A running server; `become` gives it other settings and lets it forget what it saw."""

    url: str
    pid: int

    def stats(self) -> Stats:
        return Stats(**_with_tuples(_call(f"{self.url}/-/stats")))

    def become(self, settings: Settings) -> None:
        _call(f"{self.url}/-/settings", json.dumps(asdict(settings)).encode())

    def let_go(self) -> None:
        """Have all requests answered that are held, and hold no more."""
        _call(f"{self.url}/-/let-go")

    def progress(self) -> tuple[int, int]:
        """Answers that were fully sent, and requests in flight; cheap to ask."""
        n_paid, n_in_flight = _call(f"{self.url}/-/progress")
        return n_paid, n_in_flight

    def log(self) -> list[dict[str, Any]]:
        """The last requests as they came: path, headers in lower case, body."""
        seen: list[dict[str, Any]] = _call(f"{self.url}/-/log")
        return seen


@contextmanager
def messages_server(settings: Settings | None = None) -> Iterator[MessagesServer]:
    """A server in a process of its own on a free port; it ends with the block, and with this process."""
    command = [sys.executable, "-m", "tests.support.messages_app", json.dumps(asdict(settings or Settings()))]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        try:
            port = process.stdout.readline().strip()
            assert port.isdigit(), "The server did not start."
            yield MessagesServer(f"http://127.0.0.1:{port}", process.pid)
        finally:
            process.kill()


def settings_from(content: Mapping[str, Any]) -> Settings:
    """Settings from their JSON."""
    return Settings(**_with_tuples(content))


def request_key(model: str, system: str, user: str) -> str:
    """What makes a request for a message distinct."""
    return hashlib.sha256(json.dumps([model, system, user]).encode()).hexdigest()[:24]


def share_of(*parts: object) -> float:
    """A number in 0–1 that these parts decide."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8]) / 2**64


def rating_of(user: str, *, seed: int = 0, nth: int = 0) -> int:
    """The rating 1–5 of a user message; `nth` is 0 unless the server varies."""
    return 1 + int(5 * share_of(seed, "rating", user, nth))


def topic_of(user: str, *, seed: int = 0, nth: int = 0) -> str:
    """The topic of a user message; `nth` is 0 unless the server varies."""
    return WORDS[int(len(WORDS) * share_of(seed, "topic", user, nth))]


def fate_of(user: str, settings: Settings) -> Fate:
    """What the model makes of a user message, at every try."""
    drawn = share_of(settings.seed, "fate", user)
    shares: tuple[tuple[Fate, float], ...] = (
        ("refusal", settings.share_refusals),
        ("max_tokens", settings.share_max_tokens),
        ("malformed", settings.share_malformed),
    )
    for fate, share in shares:
        if drawn < share:
            return fate
        drawn -= share
    return "good"


def _with_tuples(content: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in content.items()}


def _call(url: str, body: bytes | None = None) -> Any:
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
        urllib.request.Request(url, body), timeout=30
    ) as reply:
        return json.load(reply)
