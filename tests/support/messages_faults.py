"""What goes wrong on the way, as often as the settings say: drawn anew at every try, from the request and the try's number."""

import asyncio
import time
from email.utils import formatdate

from tests.support.messages_http import Exchange, Gone, Refused
from tests.support.messages_server import Settings

HTML = "<!DOCTYPE html><html><head><title>Bad gateway</title></head><body><h1>Bad gateway</h1></body></html>"
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


def fault_of(settings: Settings, drawn: float) -> str | None:
    """The fault for a number in 0–1."""
    for name in FAULTS:
        share: float = getattr(settings, name)
        if drawn < share:
            return name
        drawn -= share
    return None


async def fail_early(exchange: Exchange, fault: str | None) -> None:
    """The faults for which no work is done."""
    settings = exchange.memory.settings
    if fault == "share_429":
        raise too_many(settings, settings.retry_after_s)
    if fault == "share_529":
        raise Refused(529, "overloaded_error", "Overloaded")
    if fault == "share_500":
        raise Refused(500, "api_error", "Internal server error")
    if fault == "share_html":
        raise html(settings)
    if fault == "share_dropped_before":
        exchange.memory.by_status["dropped"] += 1
        raise Gone
    if fault == "share_stalled":
        exchange.memory.by_status["stalled"] += 1
        while (await exchange.receive())["type"] != "http.disconnect":
            pass
        raise Gone


def too_many(settings: Settings, wait: float) -> Refused:
    """429 with the wait that the settings have it ask for."""
    said = "This request would exceed your organization's rate limit of requests per minute."
    when = formatdate(time.time() + settings.clock_skew_s + wait, usegmt=True)
    value = {"seconds": f"{wait:g}", "date": when}.get(settings.retry_after)
    return Refused(429, "rate_limit_error", said, {"retry-after": value} if value else {})


def html(settings: Settings) -> Refused:
    """The page of a gateway, or of a web site."""
    return Refused(settings.html_status, "html", HTML)


async def half(exchange: Exchange, body: bytes) -> None:
    """Send half of a body and drop the connection; the work was done."""
    exchange.memory.counts["lost"] += 1
    exchange.memory.by_status["dropped"] += 1
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await exchange.send({"type": "http.response.start", "status": 200, "headers": headers})
    await exchange.send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
    await asyncio.sleep(0)
    raise Gone
