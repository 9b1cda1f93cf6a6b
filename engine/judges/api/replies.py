"""A reply of the Messages API as it came: whether it is a message at all, its text, why it ended, and what it took.

Blocks are taken by their type, for a thinking block may stand first.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from engine.judges.api.faults import NoMessage, one_line
from engine.judges.characters import carried
from engine.judges.judge import Usage

if TYPE_CHECKING:
    from httpx2 import Response


def message_of(response: "Response") -> dict[str, Any]:
    """The message in a response; NoMessage for HTML, broken JSON and all else."""
    try:
        found = json.loads(response.content)
    except (ValueError, RecursionError):
        raise NoMessage(response) from None
    if (
        not isinstance(found, dict)
        or found.get("type", "message") != "message"
        or not isinstance(found.get("content"), list)
    ):
        raise NoMessage(response)
    return found


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
        return "the reply was cut at the most tokens allowed"
    if reason == "model_context_window_exceeded":
        return "the question is longer than the judge can read"
    return None if text_of(message).strip() else "the reply holds no text"


def usage_of(message: Mapping[str, Any]) -> Usage | None:
    """The tokens that a message took, without their cost; None where the server does not tell."""
    told = message.get("usage")
    if not isinstance(told, Mapping) or not isinstance(told.get("input_tokens"), int):
        return None
    return Usage(
        n_input_tokens=_count(told, "input_tokens"),
        n_output_tokens=_count(told, "output_tokens"),
        n_cache_read_tokens=_count(told, "cache_read_input_tokens"),
        n_cache_write_tokens=_count(told, "cache_creation_input_tokens"),
    )


def _count(told: Mapping[str, Any], name: str) -> int:
    value = told.get(name)
    return max(value, 0) if isinstance(value, int) else 0
