"""What went wrong with a call, and what that means: wait, try again, this question alone, or the endpoint as a whole.

A server's text is shown cut, on one line, and without the key. Nothing here is an answer of the judge but the refusal of one
request as it stands (400, 413, 422), which is the same however often it is asked.
"""

import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

from engine.judges.api.endpoint import NO_KEY, Endpoint

if TYPE_CHECKING:
    from httpx2 import Response

Consequence = Literal["slow down", "again", "question", "endpoint"]

LONGEST_WAIT_S = 120.0
LONGEST_PATIENCE_S = 900.0
"""Who is asked to wait longer is told so, and waits himself."""
LONGEST_BELIEVED_S = 31 * 86_400.0
"""No limit of a server lasts longer, so whatever asks for more asks for nothing."""
LONGEST_TEXT = 300
BUSY = (429, 529)
REFUSALS = (400, 413, 422)
RETRIED = (408, 409, 425)
PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")

_MONEY: Final = re.compile(
    r"credit balance|usage limits?\b|spend(ing)? limit|insufficient.{0,10}(funds|quota|balance)", re.I
)
_TOO_LONG: Final = re.compile(r"too (long|large|many tokens)|context (length|size|window)|maximum context|exceed", re.I)


@dataclass(frozen=True, slots=True)
class Fault:
    """A call that brought no message."""

    consequence: Consequence
    told: str
    """One sentence, with neither key nor control characters."""
    hint: str | None = None
    is_final_at_first: bool = False
    """While no call has succeeded yet, it speaks of the endpoint: the address or the form of the request is wrong."""
    wait_s: float | None = None
    """How long the server asks to wait."""
    body: str = ""
    """The server's text without the key."""
    may_be_paid: bool = False
    """The server may have done the work before the reply was lost."""


class TooLarge(Exception):
    """A reply that is larger than any can be."""

    def __init__(self, most_bytes: int) -> None:
        super().__init__(f"more than {most_bytes / 1e6:g} MB")
        self.most_bytes = most_bytes


class NoMessage(Exception):
    """A reply with status 200 whose body is no message."""

    def __init__(self, response: "Response") -> None:
        super().__init__("The body is no message.")
        self.response = response


class ReceiverGone(Exception):
    """The process that makes the calls has ended."""


def call_errors() -> tuple[type[Exception], ...]:
    """The exceptions of a call that brought no message; `fault_of` says what they mean."""
    from anthropic import APIError

    return APIError, NoMessage, TooLarge, TimeoutError


def fault_of(error: Exception, endpoint: Endpoint) -> Fault:
    """What one of `call_errors` means."""
    from anthropic import APIStatusError, APITimeoutError

    if isinstance(error, NoMessage):
        return _no_message(error.response, endpoint)
    if isinstance(too_large := error if isinstance(error, TooLarge) else error.__cause__, TooLarge):
        told = f"The server at {endpoint.base_url} sends a reply of {too_large}."
        return Fault("again", told, "Is the address right?", may_be_paid=True)
    if isinstance(error, APIStatusError):
        return status_fault(error.response, endpoint)
    if isinstance(error, (APITimeoutError, TimeoutError)):
        return _timeout(error, endpoint)
    return _connection_fault(error, endpoint)


def status_fault(response: "Response", endpoint: Endpoint) -> Fault:
    """What a reply with an error status means."""
    status, body = response.status_code, endpoint.redact(response.text)
    kind, code, message = error_parts(response, body, endpoint)
    said = f"{status}: {message}" if message else str(status)
    if status == 402 or kind == "billing_error" or _is_about_money(status, code, message):
        told = f"The judge's account cannot pay for more ({said})."
        return Fault("endpoint", told, "Add credit, then run again.", body=body)
    if status in BUSY:
        return _busy(response, said, body)
    if status in REFUSALS:
        first = not (status == 413 or _TOO_LONG.search(message))
        return Fault("question", f"The server refuses the request ({said}).", is_final_at_first=first, body=body)
    if status >= 500 or status in RETRIED:
        told = f"The judge's server fails ({said})."
        return Fault("again", told, is_final_at_first=status == 501, wait_s=wait_asked(response.headers), body=body)
    return _endpoint_fault(response, endpoint, message, body)


def _is_about_money(status: int, code: str, message: str) -> bool:
    return code.endswith("spend_limit_reached") or (status in (400, 403, 429) and bool(_MONEY.search(message)))


def _busy(response: "Response", said: str, body: str) -> Fault:
    """A server that is busy for minutes is waited for; a limit of the day is not."""
    if (asked := asked_s(response.headers) or 0.0) > LONGEST_PATIENCE_S:
        return Fault(
            "endpoint", f"The judge's server asks to wait {_duration(asked)} ({said}).", "Run again then.", body=body
        )
    return Fault("slow down", f"The judge's server is busy ({said}).", wait_s=wait_asked(response.headers), body=body)


def _endpoint_fault(response: "Response", endpoint: Endpoint, message: str, body: str) -> Fault:
    """Statuses that every question would get."""
    status = response.status_code
    said = f"{status}: {message}" if message else str(status)
    address, model = endpoint.base_url, endpoint.model
    if status == 401 and endpoint.key == NO_KEY:
        told, hint = f"The judge's server asks for a key ({said}).", f"Put it into {endpoint.key_variable}."
    elif status == 401:
        told, hint = f"The judge's server refuses the key in {endpoint.key_variable} ({said}).", "Check the key."
    elif status == 403:
        told, hint = (
            f'The key in {endpoint.key_variable} may not use "{model}" at {address} ({said}).',
            "Check its permissions.",
        )
    elif status == 404 and "model" in message.lower():
        told, hint = f'The server at {address} has no model "{model}" ({said}).', "Check the model's name."
    elif status == 404:
        told, hint = f"The server at {address} has no Messages API ({said}).", "Check the address; it ends before /v1."
    elif status == 407:
        told, hint = f"{_proxy()} asks for a login ({status}).", "Check the proxy's settings."
    elif 300 <= status < 400:
        told, hint = (
            f"The server at {address} redirects elsewhere ({status}).",
            "Give the address that it redirects to.",
        )
    else:
        told, hint = f"The server at {address} refuses the call ({said}).", "Check the address and the model."
    return Fault("endpoint", told, hint, body=body)


def _no_message(response: "Response", endpoint: Endpoint) -> Fault:
    page = is_html(response)
    what = "an HTML page" if page else "something that is no message"
    return Fault(
        "again",
        f"The server at {endpoint.base_url} answers with {what}.",
        "Is the address right?",
        is_final_at_first=page,
        body=endpoint.redact(response.text),
        may_be_paid=not page,
    )


def is_html(response: "Response") -> bool:
    """Whether a response is a page, which no model wrote."""
    return "html" in response.headers.get("content-type", "") or response.text.lstrip()[:1] == "<"


def was_sent(error: BaseException) -> bool:
    """Whether a request may have reached the server before its connection failed."""
    from httpx2 import ConnectError, ConnectTimeout, ProxyError

    return not isinstance(error, (ConnectError, ConnectTimeout, ProxyError))


def _timeout(error: Exception, endpoint: Endpoint) -> Fault:
    from httpx2 import ConnectTimeout

    connecting = isinstance(error.__cause__, ConnectTimeout)
    what = "cannot be reached in time" if connecting else "does not answer in time"
    told = f"The server at {endpoint.base_url} {what}{_by_way_of(endpoint) if connecting else ''}."
    hint = "Is the address right?" if connecting else None
    return Fault("again", told, hint, is_final_at_first=connecting, may_be_paid=not connecting)


def _connection_fault(error: Exception, endpoint: Endpoint) -> Fault:
    """A connection that was refused, never came about, or broke."""
    from httpx2 import ConnectError, ProxyError

    cause = error.__cause__
    if isinstance(cause, ReceiverGone):
        told = "The process that receives the judge's replies has ended."
        return Fault("endpoint", told, "Run the same command again.", may_be_paid=True)
    reason = one_line(endpoint.redact(str(cause or error))) or type(cause or error).__name__
    if isinstance(cause, ProxyError):
        return Fault("again", f"{_proxy()} fails ({reason}).", "Check the proxy's settings.", is_final_at_first=True)
    if isinstance(cause, ConnectError):
        told = f"The server at {endpoint.base_url} cannot be reached{_by_way_of(endpoint)} ({reason})."
        hint = "Check the certificate." if "ssl" in reason.lower() else "Is the address right, and does the server run?"
        return Fault("again", told, hint, is_final_at_first=True)
    return Fault("again", f"The connection to {endpoint.base_url} broke ({reason}).", may_be_paid=True)


def _proxy() -> str:
    """The proxy that the environment sets, without its login."""
    for variable in PROXIES:
        if value := os.environ.get(variable):
            parts = urlsplit(value if "://" in value else f"http://{value}")
            port = parts.netloc.rpartition("@")[2]
            return f"The proxy in {variable} ({port})"
    return "The proxy"


def _by_way_of(endpoint: Endpoint) -> str:
    scheme = urlsplit(endpoint.base_url).scheme
    for variable in PROXIES:
        if os.environ.get(variable) and variable.lower() in (f"{scheme}_proxy", "all_proxy"):
            return f", perhaps because of the proxy in {variable}"
    return ""


def error_parts(response: "Response", body: str, endpoint: Endpoint) -> tuple[str, str, str]:
    """Type, code and message of an error body; servers of other makes put the message elsewhere."""
    try:
        found = endpoint.redacted(json.loads(body))
    except (ValueError, RecursionError):
        return "", "", "an HTML page" if is_html(response) else one_line(body)
    if not isinstance(found, dict):
        return "", "", one_line(body)
    error = found.get("error", found)
    if not isinstance(error, dict):
        return "", "", one_line(str(error))
    details = error.get("details")
    code = details.get("error_code") if isinstance(details, dict) else None
    message = error.get("message", error.get("detail", ""))
    return str(error.get("type", "")), str(code or ""), one_line(str(message))


def wait_asked(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait before the next attempt: what the server asks for, at most two minutes."""
    asked = asked_s(headers)
    return None if asked is None else min(max(asked, 0.0), LONGEST_WAIT_S)


def asked_s(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server asks to wait; an HTTP date counts from the server's own clock."""
    waits = (_number(headers.get("retry-after-ms"), 1e-3), _number(headers.get("retry-after"), 1.0), _until(headers))
    return next((wait for wait in waits if wait is not None and wait <= LONGEST_BELIEVED_S), None)


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.0f} hours"


def _number(text: str | None, scale: float) -> float | None:
    try:
        value = float(text or "nan") * scale
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _until(headers: Mapping[str, str]) -> float | None:
    """Clocks are skewed, so only two dates of the same clock tell how long."""
    try:
        until, now = (parsedate_to_datetime(headers.get(name, "")) for name in ("retry-after", "date"))
        return (until - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None


def one_line(text: str) -> str:
    """A server's text on one line, cut, with its controls dropped."""
    words = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return words if len(words) <= LONGEST_TEXT else f"{words[:LONGEST_TEXT]}…"
