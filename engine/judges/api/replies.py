"""A reply of the Messages API as it came: whether it is a message at all, its text, why it ended, and what it took.

Blocks are taken by their type, for a thinking block may stand first. Counts are whole numbers that a database holds, or are
not told.
"""

import asyncio
import json
from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any, Final

from engine.judges.api.faults import NoMessage, one_line
from engine.judges.characters import carried
from engine.judges.judge import Usage

if TYPE_CHECKING:
    from httpx2 import Response

LARGEST_COUNT: Final = 2**31 - 1
LONGEST_KEPT: Final = 100_000
"""Characters of a reply that are kept, many times what any answer has."""
TOLD: Final = 100
"""Characters in which a cut is told at most."""


async def reply_within(seconds: float, call: Awaitable[Any]) -> "Response":
    """The reply of a call of the client for raw responses; TimeoutError where it is not whole in time.

    The client's own limit is for a pause between bytes; a server that trickles would never reach it.
    """
    async with asyncio.timeout(seconds):
        reply: Response = (await call).http_response
        return reply


def json_object(response: "Response") -> dict[str, Any]:
    """The JSON object in a response; NoMessage for HTML, broken JSON and all else."""
    found = _object_in(response.content)
    if found is None:
        raise NoMessage(response)
    return found


def message_of(response: "Response") -> dict[str, Any]:
    """The message in a response; NoMessage for all else."""
    found = message_in(response.content)
    if found is None:
        raise NoMessage(response)
    return found


def message_in(body: bytes) -> dict[str, Any] | None:
    """The message that a body is; None for all else."""
    found = _object_in(body)
    if found is None or found.get("type", "message") != "message" or not isinstance(found.get("content"), list):
        return None
    return found


def _object_in(body: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def text_of(message: Mapping[str, Any]) -> str:
    """The text of the reply, without what the model thought."""
    blocks = (
        block for block in message.get("content") or [] if isinstance(block, Mapping) and block.get("type") == "text"
    )
    return "".join(text for block in blocks if isinstance(text := block.get("text"), str))


def raw_reply(message: Mapping[str, Any]) -> str:
    """The text as it came, but for characters that no database holds; where there is none, the message's ending and blocks."""
    told = {key: message.get(key) for key in ("stop_reason", "stop_details", "content")}
    return carried(text_of(message)) or json.dumps(told)


def kept(text: str) -> str:
    """The text as it is stored: cut where it is longer than any answer, which is told at its end."""
    if len(text) <= LONGEST_KEPT:
        return text
    n_kept = LONGEST_KEPT - TOLD
    return f"{text[:n_kept]}… ({len(text) - n_kept:,} more characters of the reply are not kept)"


def stopped_early(message: Mapping[str, Any]) -> str | None:
    """Why a message is no whole reply, None where it is one."""
    reason = message.get("stop_reason")
    if reason == "refusal":
        details = message.get("stop_details")
        category = details.get("category") if isinstance(details, Mapping) else None
        return (
            f"the judge refused to answer ({one_line(category)})"
            if isinstance(category, str)
            else "the judge refused to answer"
        )
    if reason == "max_tokens":
        return "the reply was cut off at the token limit"
    if reason == "model_context_window_exceeded":
        return "the text and the instructions are longer than the judge can read"
    return None if text_of(message).strip() else "the reply holds no text"


def usage_of(message: Mapping[str, Any]) -> Usage | None:
    """The tokens that a message took, without their cost; None where the server does not tell them, or what no call takes."""
    told = message.get("usage")
    if not isinstance(told, Mapping):
        return None
    counts = [count_in(told, name) for name in ("input_tokens", "output_tokens")]
    # Servers without a cache leave its counts out, or send null.
    counts += [
        0 if told.get(name) is None else count_in(told, name)
        for name in ("cache_read_input_tokens", "cache_creation_input_tokens")
    ]
    known = [count for count in counts if count is not None]
    return Usage(*known) if len(known) == len(counts) else None


def count_in(told: Mapping[str, Any], name: str) -> int | None:
    """A count that a server tells, None for what is no whole number of 0 or more that a database holds."""
    value = told.get(name)
    return value if type(value) is int and 0 <= value <= LARGEST_COUNT else None
