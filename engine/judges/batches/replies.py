"""What a server says of message batches: one batch, its list of them, results line by line; nothing of it is believed unseen."""

import json
from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from engine.judges.api.endpoint import Endpoint
from engine.judges.api.faults import NoMessage
from engine.judges.api.replies import json_object

if TYPE_CHECKING:
    from httpx2 import Response

LONGEST_LINE: Final = 4_000_000
"""Bytes of one result, many times what any answer has."""
LONGEST_ID: Final = 200
MOST_SKEW: Final = timedelta(days=3650)
"""A clock that is further off tells no time."""


@dataclass(frozen=True, slots=True)
class Item:
    """One line of results: the name of the request, and the result as the API's JSON object."""

    custom_id: str
    result: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Listed:
    """A batch as the server's list shows it."""

    batch_id: str
    created_at: datetime
    n_requests: int


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the server's list, newest first."""

    batches: tuple[Listed, ...]
    has_more: bool


def page_of(reply: "Response") -> Page:
    """A part of the list; NoMessage for anything else."""
    content = json_object(reply)
    try:
        batches = tuple(map(_listed, content["data"]))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise NoMessage(reply) from None
    return Page(batches, has_more=bool(batches and content.get("has_more")))


def _listed(shown: Mapping[str, Any]) -> Listed:
    created_at = datetime.fromisoformat(shown["created_at"])
    if not (_is_id(shown["id"]) and created_at.tzinfo):
        raise ValueError("no batch")
    return Listed(shown["id"], created_at, sum(shown["request_counts"].values()))


def batch_of(reply: "Response") -> dict[str, Any]:
    """What a server says of a batch, with an id and how it is; NoMessage for anything else."""
    content = json_object(reply)
    if not (_is_id(content.get("id")) and isinstance(content.get("processing_status"), str)):
        raise NoMessage(reply)
    return content


def _is_id(found: object) -> bool:
    return isinstance(found, str) and found.isprintable() and 1 <= len(found) <= LONGEST_ID


def item_of(line: bytes, endpoint: Endpoint) -> Item:
    """A line of results without the key; ValueError for anything else."""
    try:
        content = endpoint.redacted(json.loads(line))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not (isinstance(content, dict) and isinstance(content.get("result"), dict)):
        raise ValueError("no result of a batch")
    return Item(str(content.get("custom_id")), content["result"])


async def lines_of(chunks: AsyncIterable[bytes]) -> AsyncGenerator[bytes]:
    """Lines that are not blank; only a line feed ends one, for JSON may hold all else that ends lines of text.

    ValueError for a line that is longer than any result.
    """
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > LONGEST_LINE:
            raise ValueError("a line is too long")
        for line in filter(bytes.strip, lines):
            yield line
    if rest.strip():
        yield rest


def skew_of(reply: "Response") -> timedelta:
    """The server's clock minus ours; none where it tells no time."""
    try:
        skew = parsedate_to_datetime(reply.headers.get("date", "")) - datetime.now(UTC)
    except (ValueError, TypeError, OverflowError):
        return timedelta()
    return skew if abs(skew) <= MOST_SKEW else timedelta()
