"""The loopback server's process: HTTP, faults of the way, limits of rate, and what it remembers.

`python -m tests.support.messages_app '{…settings…}'` prints its port and serves until its standard input ends.
"""

import asyncio
import json
import math
import os
import socket
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from email.utils import formatdate
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from tests.support.messages_batches import Batches
from tests.support.messages_model import message, n_tokens, text_of, user_of
from tests.support.messages_schema import body_faults, header_faults, key_of
from tests.support.messages_server import Settings, Stats, request_key, settings_from, share_of

HTML = "<!DOCTYPE html><html><head><title>Bad gateway</title></head><body><h1>Bad gateway</h1></body></html>"
LARGEST = {"/v1/messages/batches": 256_000_000}
N_LOGGED = 500


@dataclass(slots=True)
class Memory:
    """What was seen under one set of settings."""

    settings: Settings
    counts: Counter[str] = field(default_factory=Counter)
    by_status: Counter[str] = field(default_factory=Counter)
    paid: Counter[str] = field(default_factory=Counter)
    tries: Counter[str] = field(default_factory=Counter)
    keys: dict[str, None] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    log: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=N_LOGGED))
    cached: set[str] = field(default_factory=set)
    batches: Batches = field(init=False)
    n_in_flight: int = 0
    room: float = 0.0
    refilled: float = field(default_factory=time.monotonic)
    first: float | None = None
    last: float = 0.0

    def __post_init__(self) -> None:
        self.room = self.burst
        self.batches = Batches(self.settings, self.paid, self.cached)

    @property
    def burst(self) -> float:
        rate = self.settings.rate or 0.0
        return max(1.0, rate if self.settings.burst is None else self.settings.burst)

    def wait_for_room(self) -> float:
        """Seconds until the rate allows another request; takes the room where there is some."""
        rate = self.settings.rate
        if rate is None:
            return 0.0
        now = time.monotonic()
        self.room, self.refilled = min(self.burst, self.room + rate * (now - self.refilled)), now
        if self.room < 1:
            return (1 - self.room) / rate
        self.room -= 1
        return 0.0

    def stats(self) -> Stats:
        return Stats(
            n_requests=self.counts["requests"],
            n_in_flight=self.n_in_flight,
            n_in_flight_most=self.counts["in flight most"],
            n_over_rate=self.counts["over rate"],
            n_lost=self.counts["lost"],
            n_counted=self.counts["counted"],
            by_status=dict(self.by_status),
            paid=dict(self.paid),
            tries=dict(self.tries),
            cached_tokens=self.counts["cached tokens"],
            batch_sizes=self.batches.sizes,
            answered_s=max(0.0, self.last - self.first) if self.first is not None else 0.0,
            keys=tuple(self.keys),
            violations=tuple(self.violations),
        )


class Refused(Exception):
    """A reply other than 200."""

    def __init__(self, status: int, kind: str, said: str, headers: Mapping[str, str] | None = None) -> None:
        self.status, self.kind, self.said, self.headers = status, kind, said, headers or {}
        super().__init__(said)


class Gone(Exception):
    """The connection ends, or stays open for nothing."""


transports: dict[tuple[str, int], asyncio.Transport] = {}


class Protocol(H11Protocol):
    """Remembers its transport, so that a connection can be dropped."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        transports[transport.get_extra_info("peername")[:2]] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        transports.pop(self.transport.get_extra_info("peername")[:2], None)
        super().connection_lost(exc)


@dataclass(slots=True)
class Exchange:
    """One request and the way back."""

    path: str
    method: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    transport: asyncio.Transport
    send: Any
    receive: Any
    memory: Memory

    async def reply(
        self, status: int, body: bytes, *, headers: Mapping[str, str] | None = None, kind: str = "application/json"
    ) -> bool:
        """Send a reply; whether the other side was still there."""
        settings, number = self.memory.settings, self.memory.counts["requests"]
        every = {
            "content-type": kind,
            "content-length": str(len(body)),
            "date": formatdate(time.time() + settings.clock_skew_s, usegmt=True),
            "request-id": f"req_{number:024d}",
            **(headers or {}),
        }
        self.memory.by_status[str(status)] += 1
        listed = [(name.encode(), value.encode()) for name, value in every.items()]
        await self.send({"type": "http.response.start", "status": status, "headers": listed})
        await self.send({"type": "http.response.body", "body": body})
        return not self.transport.is_closing()

    async def refuse(self, refused: Refused) -> None:
        if refused.kind == "html":
            await self.reply(refused.status, refused.said.encode(), kind="text/html")
            return
        content = {
            "type": "error",
            "error": {"type": refused.kind, "message": refused.said},
            "request_id": f"req_{self.memory.counts['requests']:024d}",
        }
        await self.reply(refused.status, json.dumps(content).encode(), headers=refused.headers)


class App:
    """The ASGI application; its memory is replaced when the settings are."""

    def __init__(self, settings: Settings) -> None:
        self.memory = Memory(settings)

    async def __call__(self, scope: Mapping[str, Any], receive: Any, send: Any) -> None:
        body = await _read(receive)
        exchange = Exchange(
            path=scope["path"],
            method=scope["method"],
            headers={name.decode().lower(): value.decode() for name, value in scope["headers"]},
            query=dict(part.split("=", 1) for part in scope["query_string"].decode().split("&") if "=" in part),
            body=body,
            transport=transports[tuple(scope["client"])[:2]],
            send=send,
            receive=receive,
            memory=self.memory,
        )
        if exchange.path.startswith("/-/"):
            await self._control(exchange)
            return
        memory = self.memory
        memory.counts["requests"] += 1
        memory.n_in_flight += 1
        memory.counts["in flight most"] = max(memory.counts["in flight most"], memory.n_in_flight)
        try:
            await _answer(exchange)
        except Refused as refused:
            await exchange.refuse(refused)
        except Gone:
            exchange.transport.abort()
        finally:
            memory.n_in_flight -= 1

    async def _control(self, exchange: Exchange) -> None:
        if exchange.path == "/-/settings":
            self.memory = Memory(settings_from(json.loads(exchange.body)))
        seen = list(self.memory.log) if exchange.path == "/-/log" else asdict(self.memory.stats())
        await exchange.reply(200, json.dumps(seen).encode())


async def _read(receive: Any) -> bytes:
    parts = []
    while True:
        event = await receive()
        parts.append(event.get("body", b""))
        if not event.get("more_body"):
            return b"".join(parts)


async def _answer(exchange: Exchange) -> None:
    memory, settings = exchange.memory, exchange.memory.settings
    if settings.share_html >= 1:
        raise _html(settings)
    path = exchange.path
    _admit(exchange)
    if path == "/v1/messages" and exchange.method == "POST":
        await _message(exchange, _checked_body(exchange))
    elif path == "/v1/messages/count_tokens" and exchange.method == "POST" and settings.counts_tokens:
        params = _checked_body(exchange)
        _known(params, settings)
        memory.counts["counted"] += 1
        await exchange.reply(200, json.dumps({"input_tokens": n_tokens(params, settings)}).encode())
    elif path.startswith("/v1/messages/batches") and settings.has_batches:
        await _batches(exchange)
    else:
        raise Refused(404, "not_found_error", f"Not found: {path}")


def _admit(exchange: Exchange) -> None:
    """Check headers and key, and remember them."""
    memory, settings = exchange.memory, exchange.memory.settings
    log = {"path": exchange.path, "headers": exchange.headers, "body": exchange.body.decode(errors="replace")[:20_000]}
    memory.log.append(log)
    key = key_of(exchange.headers)
    if not key:
        raise Refused(401, "authentication_error", "x-api-key header is required")
    memory.keys[key] = None
    if settings.key is not None and key != settings.key:
        raise Refused(401, "authentication_error", "invalid x-api-key")
    if faults := header_faults(exchange.headers, has_body=bool(exchange.body)):
        memory.violations.extend(f"{exchange.path}: {fault}" for fault in faults)
        raise Refused(400, "invalid_request_error", faults[0])


def _checked_body(exchange: Exchange) -> dict[str, Any]:
    memory, path = exchange.memory, exchange.path
    if len(exchange.body) > LARGEST.get(path, 32_000_000):
        raise Refused(413, "request_too_large", "Request exceeds the maximum size")
    try:
        body: Any = json.loads(exchange.body)
    except ValueError as error:
        memory.violations.append(f"{path}: the body is no JSON: {error}")
        raise Refused(400, "invalid_request_error", f"The request body is not valid JSON: {error}") from error
    known = {name: value for name, value in body.items() if name not in memory.settings.extra_fields}
    if faults := body_faults(path, known):
        memory.violations.extend(f"{path}: {fault}" for fault in faults)
        raise Refused(400, "invalid_request_error", faults[0])
    return dict(body)


def _known(params: Mapping[str, Any], settings: Settings) -> None:
    if params["model"] not in settings.models:
        raise Refused(404, "not_found_error", f"model: {params['model']}")


def _afford(settings: Settings) -> None:
    """The ways in which the API says that there is no money left."""
    low = "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to buy credits."
    if settings.out_of_credit == 400:
        raise Refused(400, "invalid_request_error", low)
    if settings.out_of_credit == 402:
        raise Refused(402, "billing_error", low)
    if settings.out_of_credit == 429:
        # A spend limit is no limit of rate: it comes without retry-after.
        raise Refused(429, "rate_limit_error", "This request would exceed your organization's monthly spend limit.")


async def _message(exchange: Exchange, params: Mapping[str, Any]) -> None:
    memory, settings = exchange.memory, exchange.memory.settings
    _known(params, settings)
    _afford(settings)
    memory.first = memory.first or time.monotonic()
    key = request_key(params["model"], text_of(params.get("system")), user_of(params))
    nth_try = memory.tries[key]
    memory.tries[key] += 1
    if wait := memory.wait_for_room():
        memory.counts["over rate"] += 1
        raise _too_many(settings, math.ceil(wait))
    fault = _fault(settings, share_of(settings.seed, "way", key, nth_try))
    await _fail_early(exchange, fault)
    low, high = settings.latency_s
    await asyncio.sleep(low + (high - low) * share_of(settings.seed, "latency", key, nth_try))
    said = message(params, settings, nth=memory.paid[key], cached=memory.cached)
    memory.counts["cached tokens"] += said["usage"]["cache_read_input_tokens"]
    body = json.dumps(said).encode()
    if fault == "share_dropped_after":
        await _half(exchange, body)
    elif fault == "share_malformed_body":
        memory.counts["lost"] += 1
        await exchange.reply(200, b'{"type": "message", "content": [' + body[: len(body) // 2])
    elif await exchange.reply(200, body, headers=_limits(memory)):
        memory.paid[key] += 1
        memory.last = time.monotonic()
    else:
        memory.counts["lost"] += 1


FAULTS = (
    "share_429",
    "share_529",
    "share_500",
    "share_dropped_before",
    "share_dropped_after",
    "share_stalled",
    "share_html",
    "share_malformed_body",
)


def _fault(settings: Settings, drawn: float) -> str | None:
    for name in FAULTS:
        share: float = getattr(settings, name)
        if drawn < share:
            return name
        drawn -= share
    return None


async def _fail_early(exchange: Exchange, fault: str | None) -> None:
    """The faults for which no work is done."""
    settings = exchange.memory.settings
    if fault == "share_429":
        raise _too_many(settings, settings.retry_after_s)
    if fault == "share_529":
        raise Refused(529, "overloaded_error", "Overloaded")
    if fault == "share_500":
        raise Refused(500, "api_error", "Internal server error")
    if fault == "share_html":
        raise _html(settings)
    if fault == "share_dropped_before":
        exchange.memory.by_status["dropped"] += 1
        raise Gone
    if fault == "share_stalled":
        exchange.memory.by_status["stalled"] += 1
        while (await exchange.receive())["type"] != "http.disconnect":
            pass
        raise Gone


def _too_many(settings: Settings, wait: float) -> Refused:
    said = "This request would exceed your organization's rate limit of requests per minute."
    when = formatdate(time.time() + settings.clock_skew_s + wait, usegmt=True)
    value = {"seconds": f"{wait:g}", "date": when}.get(settings.retry_after)
    return Refused(429, "rate_limit_error", said, {"retry-after": value} if value else {})


def _html(settings: Settings) -> Refused:
    """The page of a gateway, or of a web site."""
    return Refused(settings.html_status, "html", HTML)


async def _half(exchange: Exchange, body: bytes) -> None:
    exchange.memory.counts["lost"] += 1
    exchange.memory.by_status["dropped"] += 1
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await exchange.send({"type": "http.response.start", "status": 200, "headers": headers})
    await exchange.send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
    await asyncio.sleep(0)
    raise Gone


def _limits(memory: Memory) -> Mapping[str, str]:
    if memory.settings.rate is None:
        return {}
    return {
        "anthropic-ratelimit-requests-limit": f"{60 * memory.settings.rate:.0f}",
        "anthropic-ratelimit-requests-remaining": f"{max(0.0, memory.room):.0f}",
    }


async def _batches(exchange: Exchange) -> None:
    """Create, list, look at, cancel a batch, or stream its results."""
    memory, settings = exchange.memory, exchange.memory.settings
    parts = exchange.path.removeprefix("/v1/messages/batches").strip("/").split("/")
    host = f"http://{exchange.headers['host']}"
    if exchange.method == "POST" and parts == [""]:
        body = _checked_body(exchange)
        _afford(settings)
        for request in body["requests"]:
            _known(request["params"], settings)
        content = memory.batches.create(body["requests"], host)
        nth = len(memory.batches.sizes)
        if share_of(settings.seed, "batch", nth) < settings.share_dropped_after:
            await _half(exchange, json.dumps(content).encode())
    elif exchange.method == "GET" and parts == [""]:
        content = memory.batches.listed(exchange.query, host)
    elif not memory.batches.knows(parts[0]):
        raise Refused(404, "not_found_error", f"Message batch not found: {parts[0]}")
    elif parts[1:] == ["results"]:
        lines = memory.batches.results(parts[0])
        if lines is None:
            raise Refused(404, "not_found_error", "Results are not available before the batch has ended.")
        await exchange.reply(200, lines, kind="application/x-jsonl")
        return
    elif exchange.method == "POST" and parts[1:] == ["cancel"]:
        content = memory.batches.cancel(parts[0], host)
    else:
        content = memory.batches.shown(parts[0], host)
    await exchange.reply(200, json.dumps(content).encode())


def _serve(settings: Settings) -> None:
    listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
    print(listening.getsockname()[1], flush=True)
    # The process that started this one holds the other end of the pipe.
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    options = {"log_level": "critical", "access_log": False, "lifespan": "off", "server_header": False}
    config = uvicorn.Config(App(settings), http=Protocol, date_header=False, timeout_keep_alive=60, **options)  # type: ignore[arg-type]
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    _serve(settings_from(json.loads(sys.argv[1])))
