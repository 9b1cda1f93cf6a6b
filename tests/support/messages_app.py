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
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import uvicorn

from tests.support.messages_faults import fail_early, fault_of, half, html, too_many
from tests.support.messages_http import Exchange, Gone, Protocol, Refused, transports
from tests.support.messages_memory import Memory
from tests.support.messages_model import message, n_tokens, text_of, user_of
from tests.support.messages_schema import body_faults, header_faults, key_of
from tests.support.messages_server import Settings, request_key, settings_from, share_of

LARGEST = {"/v1/messages/batches": 256_000_000}


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
        memory = self.memory
        if exchange.path == "/-/let-go":
            memory.let_go.set()
        seen: object = {
            "/-/log": lambda: list(memory.log),
            "/-/progress": lambda: [memory.paid.total(), memory.n_in_flight],
        }.get(exchange.path, lambda: asdict(memory.stats()))()
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
        raise html(settings)
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
    if faults := body_faults(path, body):
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
    # What fails by chance takes no room of the rate.
    fault = fault_of(settings, share_of(settings.seed, "way", key, nth_try))
    await fail_early(exchange, fault)
    if wait := memory.wait_for_room():
        memory.counts["over rate"] += 1
        raise too_many(settings, math.ceil(wait))
    if settings.held_after is not None and memory.tries.total() > settings.held_after:
        await memory.let_go.wait()
    low, high = settings.latency_s
    await asyncio.sleep(low + (high - low) * share_of(settings.seed, "latency", key, nth_try))
    said = message(params, settings, nth=memory.paid[key], cached=memory.cached)
    memory.counts["cached tokens"] += said["usage"]["cache_read_input_tokens"]
    body = json.dumps(said).encode()
    if fault == "share_dropped_after":
        await half(exchange, body)
    elif fault == "share_malformed_body":
        memory.counts["lost"] += 1
        await exchange.reply(200, b'{"type": "message", "content": [' + body[: len(body) // 2])
    elif await exchange.reply(200, body, headers=_limits(memory)):
        memory.paid[key] += 1
        memory.last = time.monotonic()
    else:
        memory.counts["lost"] += 1


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
    fault = fault_of(settings, share_of(settings.seed, "batches", memory.counts["batch calls"]))
    memory.counts["batch calls"] += 1
    await fail_early(exchange, fault)
    if exchange.method == "POST" and parts == [""]:
        body = _checked_body(exchange)
        _afford(settings)
        for request in body["requests"]:
            _known(request["params"], settings)
        content = memory.batches.create(body["requests"], host)
        if fault == "share_dropped_after":
            await half(exchange, json.dumps(content).encode())
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
