"""The loopback server is as faithful and as faulty as it says, for all else is measured by it."""

import asyncio
from collections import Counter

import anthropic
import pytest

from tests.support.messages_server import (
    MODEL,
    MessagesServer,
    Settings,
    fate_of,
    rating_of,
    request_key,
)

SYSTEM = 'Reply with {"rating": 1, "reason": "…"}.'
SCHEMA = {
    "type": "object",
    "properties": {"rating": {"type": "integer", "enum": [1, 2, 3, 4, 5]}, "reason": {"type": "string"}},
    "required": ["rating", "reason"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def server(server_process: MessagesServer) -> MessagesServer:
    return server_process


def request(user: str, **others: object) -> dict[str, object]:
    return {
        "model": MODEL,
        "max_tokens": 100,
        "system": SYSTEM,
        "messages": [{"role": "user", "content": user}],
        **others,
    }


def outcomes(server: MessagesServer, n: int, *, at_once: int = 16) -> Counter[str]:
    """What became of n calls, each tried once: the status, or the kind of exception."""

    async def ask() -> Counter[str]:
        found: Counter[str] = Counter()
        free = asyncio.Semaphore(at_once)
        async with anthropic.AsyncAnthropic(api_key="k", base_url=server.url, max_retries=0, timeout=2) as client:

            async def one(i: int) -> None:
                async with free:
                    try:
                        message = await client.messages.create(**request(f"u{i}"))  # type: ignore[call-overload]
                        found[message.stop_reason or ""] += 1
                    except anthropic.APIStatusError as error:
                        found[str(error.status_code)] += 1
                    except (anthropic.APIConnectionError, ValueError) as error:
                        found[type(error).__name__] += 1

            await asyncio.gather(*map(one, range(n)))
        return found

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("setting", "found"),
    [
        ("share_429", "429"),
        ("share_529", "529"),
        ("share_500", "500"),
        ("share_html", "502"),
        ("share_dropped_before", "APIConnectionError"),
        ("share_dropped_after", "APIConnectionError"),
        ("share_malformed_body", "JSONDecodeError"),
        ("share_refusals", "refusal"),
        ("share_max_tokens", "max_tokens"),
    ],
)
def test_faults_are_as_frequent_as_asked_for(server: MessagesServer, setting: str, found: str) -> None:
    server.become(Settings(**{setting: 0.3}))  # type: ignore[arg-type]
    counts = outcomes(server, 120)
    assert set(counts) == {found, "end_turn"}
    assert 20 <= counts[found] <= 55
    n_answers = counts["end_turn"] + (counts[found] if found in ("refusal", "max_tokens") else 0)
    assert server.stats().n_paid == n_answers


def test_a_reply_follows_the_rule_and_is_counted_as_paid(server: MessagesServer) -> None:
    server.become(Settings())
    client = anthropic.Anthropic(api_key="k", base_url=server.url, max_retries=0)
    for _ in range(2):
        message = client.messages.create(
            **request("u", output_config={"format": {"type": "json_schema", "schema": SCHEMA}})  # type: ignore[call-overload]
        )
        assert f'"rating": {rating_of("u")}' in message.content[0].text
    assert fate_of("u", Settings()) == "good"
    assert dict(server.stats().paid) == {request_key(MODEL, SYSTEM, "u"): 2}


@pytest.mark.parametrize(
    "wrong",
    [
        {"unknown": 1},
        {"temperature": 0.5},
        {"max_tokens": "100"},
        {"thinking": {"type": "dissabled"}},
        {"messages": [{"role": "user", "content": "u", "name": "x"}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "u", "extra": 1}]}]},
        {"messages": [{"role": "user", "content": "u"}, {"role": "assistant", "content": "{"}]},
        {"system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral", "ttl": "2h"}}]},
        {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
        {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA, "strict": True}}},
    ],
)
@pytest.mark.parametrize("in_batch", [False, True])
def test_what_the_published_types_do_not_know_is_refused_and_remembered(
    server: MessagesServer, wrong: dict[str, object], in_batch: bool
) -> None:
    server.become(Settings())
    client = anthropic.Anthropic(api_key="k", base_url=server.url, max_retries=0)
    body = request("u", **wrong)
    content = {"requests": [{"custom_id": "a", "params": body}]} if in_batch else body
    path = "/v1/messages/batches" if in_batch else "/v1/messages"
    with pytest.raises(anthropic.BadRequestError):
        client.post(path, cast_to=object, body=content)
    assert len(server.stats().violations) >= 1


def test_the_rate_is_kept(server: MessagesServer) -> None:
    server.become(Settings(rate=10.0, burst=5.0, latency_s=(0.01, 0.02)))
    counts = outcomes(server, 60, at_once=60)
    stats = server.stats()
    assert counts["end_turn"] <= 5 + 10 * (stats.answered_s + 1)
    assert counts["429"] == stats.n_over_rate > 0
