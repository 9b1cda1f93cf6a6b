"""Requests checked against the types that the official client publishes, with no field beyond them, at any depth."""

import inspect
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from anthropic.types.message_count_tokens_params import MessageCountTokensParams
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from anthropic.types.messages.batch_create_params import BatchCreateParams
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from typing_extensions import is_typeddict

CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
VERSIONS = ("2023-06-01", "2026-10-21")


def _forbid_extras() -> None:
    """Typed dictionaries take unknown keys unless told otherwise, each for itself."""
    for module in [module for name, module in sys.modules.items() if name.startswith("anthropic.types")]:
        for _, kind in inspect.getmembers(module, is_typeddict):
            kind.__pydantic_config__ = ConfigDict(extra="forbid", strict=True, arbitrary_types_allowed=True)


_forbid_extras()
_ADAPTERS: Mapping[str, TypeAdapter[Any]] = {
    "/v1/messages": TypeAdapter(MessageCreateParamsNonStreaming),
    "/v1/messages/count_tokens": TypeAdapter(MessageCountTokensParams),
    "/v1/messages/batches": TypeAdapter(BatchCreateParams),
}


def body_faults(path: str, body: Any) -> list[str]:
    """What of a request's body the published types do not allow, one sentence each."""
    try:
        beyond = list(_beyond(_ADAPTERS[path].validate_python(body)))
    except ValidationError as error:
        return [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors(include_input=False)]
    return [*beyond, *_rule_faults(path, body)]


def _rule_faults(path: str, body: Mapping[str, Any]) -> list[str]:
    """What the API refuses although its types allow it."""
    if path == "/v1/messages":
        return _schema_faults(body) + _turn_faults(body)
    if path != "/v1/messages/batches":
        return []
    names = [request["custom_id"] for request in body["requests"]]
    faults = [f"custom_id: {name!r} is no name of a request" for name in names if not CUSTOM_ID.fullmatch(name)]
    if len(set(names)) < len(names):
        faults.append("custom_id: must be unique")
    if not 1 <= len(names) <= 100_000:
        faults.append("requests: must be 1 to 100000")
    return faults + [fault for request in body["requests"] for fault in _rule_faults("/v1/messages", request["params"])]


def _beyond(value: Any) -> Iterator[str]:
    """Unknown fields of blocks that are types of replies too, which take them. An iterable is checked only as it is read."""
    if isinstance(value, BaseModel):
        yield from (
            f"{type(value).__name__}.{name}: Extra inputs are not permitted" for name in value.model_extra or {}
        )
        value = dict(value)
    if isinstance(value, Mapping):
        value = value.values()
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        for part in value:
            yield from _beyond(part)


def _turn_faults(body: Mapping[str, Any]) -> list[str]:
    """Newer models take no beginning of their reply."""
    messages = body["messages"]
    if not messages:
        return ["messages: at least one message is required"]
    is_users = messages[-1]["role"] == "user"
    return [] if is_users else ["This model does not support assistant message prefill."]


def _schema_faults(body: Mapping[str, Any]) -> list[str]:
    """What structured outputs refuse in a schema."""
    form = (body.get("output_config") or {}).get("format") or {}
    return [f"output_config.format.schema: {fault}" for fault in _object_faults(form.get("schema", {}))]


def _object_faults(schema: Any) -> list[str]:
    if not isinstance(schema, Mapping):
        return [fault for part in schema for fault in _object_faults(part)] if isinstance(schema, list) else []
    faults = []
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        faults.append("For 'object' type, 'additionalProperties' must be explicitly set to false")
    refused = {"minimum", "maximum", "multipleOf", "minLength", "maxLength"} & set(schema)
    faults += [f"For '{schema.get('type')}' type, property '{name}' is not supported" for name in sorted(refused)]
    return faults + [fault for part in schema.values() for fault in _object_faults(part)]


def header_faults(headers: Mapping[str, str], *, has_body: bool) -> list[str]:
    """Headers that the API requires and that are missing or wrong; the key is checked elsewhere."""
    faults = []
    if headers.get("anthropic-version") not in VERSIONS:
        faults.append("anthropic-version: header is required")
    if has_body and headers.get("content-type", "").split(";")[0].strip() != "application/json":
        faults.append("content-type: must be application/json")
    return faults


def key_of(headers: Mapping[str, str]) -> str | None:
    """The key of a request: the newer API takes it as a bearer's, the older one in a header of its own."""
    bearer = headers.get("authorization", "")
    return bearer.removeprefix("Bearer ") if bearer.startswith("Bearer ") else headers.get("x-api-key")
