"""What an endpoint can do, found out with one small paid call, at most two.

That a server accepts a schema says little: some drop it silently. So the question asked has an answer of its own, in words, and
only a reply that keeps to the schema all the same shows that replies are held to it.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from engine.errors import JudgeError
from engine.judges.api.endpoint import CONNECT_S, REPLY_S, Capabilities, Endpoint, open_client
from engine.judges.api.faults import Fault, call_errors, fault_of
from engine.judges.api.replies import count_in, json_object, message_of, reply_within, text_of, usage_of
from engine.judges.api.thinking import least_thinking
from engine.judges.costs.budget import Budget
from engine.judges.costs.prices import Prices
from engine.judges.judge import Usage

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from httpx2 import AsyncBaseTransport

SYSTEM: Final = "You answer in a few plain words."
USER: Final = "What do bees make?"
SCHEMA: Final = {
    "type": "object",
    "properties": {"rating": {"type": "integer", "enum": [1, 2, 3, 4, 5]}},
    "required": ["rating"],
    "additionalProperties": False,
}
MAX_TOKENS: Final = 256
MOST_TOKENS: Final = 1000
"""More than a probe's question can take."""
ATTEMPTS: Final = 5
FEW_ATTEMPTS: Final = 3
"""Where a person waits at a screen."""
FIRST_DELAY_S: Final = 1.0


def probe(
    endpoint: Endpoint,
    *,
    prices: Prices,
    budget: Budget,
    reply_s: float = REPLY_S,
    connect_s: float = CONNECT_S,
    first_delay_s: float = FIRST_DELAY_S,
    transport: "AsyncBaseTransport | None" = None,
    in_haste: bool = False,
    tell: Callable[[str], None] | None = None,
) -> Capabilities:
    """What the endpoint can do; what it costs is taken from the budget. JudgeError where it cannot be asked at all.

    `in_haste` gives up after fewer attempts; `tell` takes a sentence for each attempt that another follows.
    """
    n_attempts = FEW_ATTEMPTS if in_haste else ATTEMPTS

    async def probing() -> Capabilities:
        async with open_client(
            endpoint, max_connections=1, reply_s=reply_s, connect_s=connect_s, transport=transport
        ) as client:
            return await Probe(endpoint, client, prices, budget, first_delay_s, reply_s, n_attempts, tell).run()

    return asyncio.run(probing())


class Probe:
    """One endpoint's probe, in an event loop of its own."""

    def __init__(
        self,
        endpoint: Endpoint,
        client: "AsyncAnthropic",
        prices: Prices,
        budget: Budget,
        first_delay_s: float,
        reply_s: float,
        n_attempts: int,
        tell: Callable[[str], None] | None,
    ) -> None:
        self._endpoint = endpoint
        self._client = client
        self._prices = prices
        self._budget = budget
        self._first_delay_s = first_delay_s
        self._reply_s = reply_s
        self._n_attempts = n_attempts
        self._tell = tell

    async def run(self) -> Capabilities:
        """Ask with all that helps; where that is refused, ask plainly."""
        found = await self._ask(full_params(self._endpoint.model))
        is_plain = isinstance(found, Fault)
        if isinstance(found, Fault):
            found = await self._ask(plain_params(self._endpoint))
        if isinstance(found, Fault):
            raise JudgeError(found.told, hint=found.hint)
        return Capabilities(
            structured=not is_plain and keeps_to_schema(found),
            system_blocks=not is_plain or self._endpoint.is_anthropic,
            counts_tokens=await self._counts_tokens(),
            batches=self._endpoint.is_anthropic or await self._has_batches(),
            thinks_first=thinks_first(found),
        )

    async def _ask(self, params: Mapping[str, Any]) -> dict[str, Any] | Fault:
        """The message, or why the request is refused as it stands; JudgeError for all that another request would get too."""
        worst = self._worst_usd()
        for attempt in range(self._n_attempts):
            if not self._budget.reserve(worst):
                raise self._budget.spent_out(worst)
            got = await self._try(params)
            if isinstance(got, Fault):
                self._budget.settle(worst, 0.0, is_sure=not got.may_be_paid)
                if got.consequence == "question":
                    return got
                if got.consequence == "endpoint" or got.is_final_at_first or attempt == self._n_attempts - 1:
                    raise JudgeError(got.told, hint=got.hint)
                if self._tell:
                    self._tell(f"{got.told} Trying again.")
                await asyncio.sleep(self._first_delay_s * 2**attempt if got.wait_s is None else got.wait_s)
            else:
                usage = usage_of(got)
                cost = self._prices.cost(self._endpoint.model, usage) if usage else None
                self._budget.settle(worst, cost, is_sure=cost is not None)
                return got
        raise AssertionError("the last attempt returns or raises")

    async def _try(self, params: Mapping[str, Any]) -> dict[str, Any] | Fault:
        call = self._client.messages.with_raw_response.create(**params)
        try:
            return message_of(await reply_within(self._reply_s, call))
        except call_errors() as error:
            return fault_of(error, self._endpoint)

    def _worst_usd(self) -> float:
        usage = Usage(n_cache_write_tokens=MOST_TOKENS, n_output_tokens=MAX_TOKENS)
        return self._prices.cost(self._endpoint.model, usage) or 0.0

    async def _counts_tokens(self) -> bool:
        call = self._client.messages.with_raw_response.count_tokens(
            model=self._endpoint.model, messages=[{"role": "user", "content": USER}]
        )
        found = await self._object(call)
        return bool(found and count_in(found, "input_tokens"))

    async def _has_batches(self) -> bool:
        found = await self._object(self._client.messages.batches.with_raw_response.list(limit=1))
        return bool(found and isinstance(found.get("data"), list))

    async def _object(self, call: Awaitable[Any]) -> dict[str, Any] | None:
        """What a call brings beside a message, None where the server says in whatever way that it has no such thing."""
        try:
            return json_object(await reply_within(self._reply_s, call))
        except call_errors():
            return None


def full_params(model: str) -> dict[str, Any]:
    """The request with all that questions may use later: schema, cache mark, and the model kept from thinking."""
    least = least_thinking(model)
    return {
        **least,
        "model": model,
        "max_tokens": MAX_TOKENS,
        "system": [{"type": "text", "text": SYSTEM, "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": USER}],
        "output_config": {**least.get("output_config", {}), "format": {"type": "json_schema", "schema": SCHEMA}},
    }


def plain_params(endpoint: Endpoint) -> dict[str, Any]:
    """The request that every server of the API takes; what decides answers stays, for a judge is not changed silently."""
    system: object = full_params(endpoint.model)["system"] if endpoint.is_anthropic else SYSTEM
    return {
        **least_thinking(endpoint.model),
        "model": endpoint.model,
        "max_tokens": MAX_TOKENS,
        "system": system,
        "messages": [{"role": "user", "content": USER}],
    }


def keeps_to_schema(message: Mapping[str, Any]) -> bool:
    """Whether the reply is just what the schema allows."""
    try:
        found = json.loads(text_of(message))
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and set(found) == {"rating"} and found["rating"] in (1, 2, 3, 4, 5)


def thinks_first(message: Mapping[str, Any]) -> bool:
    """Whether a block of thinking stands before the text."""
    first = next(iter(message["content"]), None)
    return isinstance(first, Mapping) and first.get("type") in ("thinking", "redacted_thinking")
