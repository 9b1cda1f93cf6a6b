"""What the model behind the loopback server says: an instance of the schema that was asked for, decided by the request alone."""

import json
from collections.abc import Mapping
from typing import Any

from tests.support.messages_server import Settings, fate_of, rating_of, share_of, topic_of

RATING: Mapping[str, Any] = {
    "type": "object",
    "properties": {"rating": {"type": "integer", "enum": [1, 2, 3, 4, 5]}, "reason": {"type": "string"}},
}
TOPIC: Mapping[str, Any] = {"type": "object", "properties": {"topic": {"type": "string"}}}


def text_of(content: Any) -> str:
    """The text of a system prompt or of a message's content, both of which may be a list of blocks."""
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(block.get("text", "") for block in content)


def user_of(params: Mapping[str, Any]) -> str:
    """The text of the last message."""
    return text_of(params["messages"][-1]["content"])


def n_tokens(params: Mapping[str, Any], settings: Settings) -> int:
    """Tokens of a request."""
    if settings.input_tokens is not None:
        return settings.input_tokens
    return _quarter(text_of(params.get("system")) + "".join(text_of(each["content"]) for each in params["messages"]))


def message(params: Mapping[str, Any], settings: Settings, *, nth: int, cached: set[str]) -> dict[str, Any]:
    """The message that answers a request; `cached` holds the prefixes that were seen."""
    user = user_of(params)
    fate = fate_of(user, settings)
    said = "" if fate == "refusal" else _said(params, settings, nth if settings.varies else 0)
    if fate == "malformed":
        said = said.replace('": ', '": , ', 1)
    if fate == "max_tokens":
        said = said[: len(said) // 3]
    content: list[dict[str, Any]] = [{"type": "text", "text": said}] if said else []
    if settings.thinking_first:
        content.insert(0, {"type": "thinking", "thinking": "What is asked? A rating: 3?", "signature": "c2lnbmVk"})
    stop = {"refusal": "refusal", "max_tokens": "max_tokens"}.get(fate, "end_turn")
    return {
        "id": f"msg_{int(share_of(user, nth) * 2**60):020d}",
        "type": "message",
        "role": "assistant",
        "model": params["model"],
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "stop_details": {"type": "refusal", "category": None, "explanation": None} if stop == "refusal" else None,
        "usage": _usage(params, settings, content, cached),
    }


def _said(params: Mapping[str, Any], settings: Settings, nth: int) -> str:
    user, system = user_of(params), text_of(params.get("system"))
    form = (params.get("output_config") or {}).get("format") if settings.structured else None
    if form:
        return json.dumps(_instance(form["schema"], user, settings.seed, nth))
    for schema, word in ((RATING, '"rating"'), (TOPIC, '"topic"')):
        if word in system or word in user:
            asked = json.dumps(_instance(schema, user, settings.seed, nth))
            return asked if settings.structured else f"Sure! Here is what you asked for:\n```json\n{asked}\n```"
    return f"That makes me think of {topic_of(user, seed=settings.seed, nth=nth)}."


def _instance(schema: Mapping[str, Any], user: str, seed: int, nth: int) -> Any:
    if "properties" in schema:
        return {name: _instance(part, user, seed, nth) for name, part in schema["properties"].items()}
    if "const" in schema:
        return schema["const"]
    rating = rating_of(user, seed=seed, nth=nth)
    if "enum" in schema:
        return schema["enum"][(rating - 1) % len(schema["enum"])]
    values: Mapping[str, Any] = {"integer": rating, "number": rating, "boolean": True, "array": [], "null": None}
    return values.get(schema.get("type", "string"), topic_of(user, seed=seed, nth=nth))


def _usage(
    params: Mapping[str, Any], settings: Settings, content: list[dict[str, Any]], cached: set[str]
) -> dict[str, Any]:
    """Counts of tokens; a marked prefix is written to the cache first and read from it afterwards, if it is long enough."""
    n_input, prefix = n_tokens(params, settings), _marked_prefix(params)
    n_prefix = _quarter(prefix)
    is_cached, name = n_prefix >= settings.cache_minimum, f"{params['model']} {prefix}"
    read = n_prefix if is_cached and name in cached else 0
    written = n_prefix if is_cached and not read else 0
    if is_cached:
        cached.add(name)
    return {
        "input_tokens": max(0, n_input - read - written),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "cache_creation": {"ephemeral_5m_input_tokens": written, "ephemeral_1h_input_tokens": 0},
        "output_tokens": sum(_quarter(block.get("text", "") + block.get("thinking", "")) for block in content),
        "service_tier": "standard",
    }


def _marked_prefix(params: Mapping[str, Any]) -> str:
    blocks = params.get("system")
    if not isinstance(blocks, list) or not any("cache_control" in block for block in blocks):
        return ""
    return text_of(blocks)


def _quarter(text: str) -> int:
    return -(-len(text) // 4)
