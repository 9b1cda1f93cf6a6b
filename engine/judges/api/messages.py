"""A judge behind the Messages API: each question is one request, and what comes back is validated here, whatever was promised.

`params` and `read` are all that decides an answer, so batches go through the same two. A message is the API's JSON object: the
client's models are read leniently by the client, so they are not trusted to be what they say.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from engine.errors import JudgeError
from engine.judges.api.aside import ask_aside
from engine.judges.api.asking import Asking, Call, Failed, Traffic
from engine.judges.api.endpoint import CONNECT_S, REPLY_S, Capabilities, Endpoint, open_client
from engine.judges.api.faults import Fault, call_errors, fault_of
from engine.judges.api.lines import STAKE, Stake, Start
from engine.judges.api.pace import CEILING, Gate, Pace, Rate
from engine.judges.api.replies import (
    count_in,
    json_object,
    kept,
    message_of,
    raw_reply,
    reply_within,
    stopped_early,
    text_of,
    usage_of,
)
from engine.judges.api.reply_files import Vote
from engine.judges.api.thinking import least_thinking
from engine.judges.characters import carried
from engine.judges.costs.budget import Budget
from engine.judges.costs.prices import Prices
from engine.judges.judge import Answer, JudgeIdentity, Question, Unscored, Usage
from engine.judges.parse import parse_reply
from engine.judges.questions import Questioner

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from httpx2 import AsyncBaseTransport

MAX_TOKENS: Final = 1024
"""Room for a reply of some twenty tokens, and for a model that cannot be kept from thinking first."""
ADDED_TOKENS: Final = 500
"""More than a server adds to a request of ours: turns, and what holds a reply to a schema."""
BYTES_PER_TOKEN: Final = 4
FEWEST_AHEAD: Final = 16


@dataclass(frozen=True, slots=True)
class Limits:
    """How fast an endpoint is asked, and how long is waited for it; none of it decides answers."""

    rpm: int | None = None
    tpm: int | None = None
    """Input tokens a minute, without those that were read from a cache."""
    max_concurrency: int = CEILING
    reply_s: float = REPLY_S
    connect_s: float = CONNECT_S


class MessagesJudge:
    """Asks one model at one endpoint."""

    def __init__(
        self,
        endpoint: Endpoint,
        questioner: Questioner,
        *,
        prices: Prices,
        capabilities: Capabilities,
        budget: Budget | None = None,
        limits: Limits | None = None,
        transport: "AsyncBaseTransport | None" = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.endpoint = endpoint
        self.capabilities = capabilities
        self.budget = budget or Budget()
        self.traffic = Traffic()
        self.was_reached_before = False
        """Whether the endpoint answered before the first question, to a probe."""
        self.in_haste = False
        """Whether a person waits at a screen, who is to hear of failures soon."""
        self.tell: Callable[[str], None] | None = None
        self.questioner = questioner
        self.prices = prices
        self._limits = limits or Limits()
        self.transport = transport
        self.leaves_calls = False
        """Whether another process still waits for replies, keeps them, and says what of them is lost."""
        self._clock = clock
        self._pace = Pace(ceiling=self._limits.max_concurrency)
        self.identity = identify(endpoint, questioner)

    def params(self, question: Question) -> dict[str, Any]:
        """The parameters of the request, as the client's `messages.create` and a batch take them."""
        asked = self.questioner.ask(question)
        least = least_thinking(self.endpoint.model)
        output = {**least.get("output_config", {})}
        if self.capabilities.structured:
            output["format"] = {"type": "json_schema", "schema": asked.schema}
        system: object = asked.system
        if self.capabilities.system_blocks:
            system = [{"type": "text", "text": asked.system, "cache_control": {"type": "ephemeral"}}]
        return {
            "model": self.endpoint.model,
            "max_tokens": MAX_TOKENS,
            "system": system,
            "messages": [{"role": "user", "content": asked.user}],
            **least,
            **({"output_config": output} if output else {}),
        }

    def read(self, question: Question, message: Mapping[str, Any], *, batch: bool = False) -> Answer:
        """The answer that a message is, with its cost at the batch price where it came in one."""
        message = self.endpoint.redacted(message)
        stop = stopped_early(message)
        # A key may be spread over blocks.
        text = self.endpoint.redact(text_of(message))
        said = Unscored(stop) if stop else parse_reply(question.kind, text)
        usage = usage_of(message)
        cost = None if usage is None else self.prices.cost(self.endpoint.model, usage, batch=batch)
        raw = kept(self.endpoint.redact(raw_reply(message)))
        return Answer(question, said, raw, self._n_cut(question), replace(usage or Usage(), cost_usd=cost))

    def refused(self, question: Question, fault: Fault) -> Answer:
        """The answer for a question that the server will not take as it stands; nothing is paid for it."""
        return Answer(question, Unscored(fault.told), kept(carried(fault.body)), self._n_cut(question))

    def _n_cut(self, question: Question) -> int:
        return self.questioner.ask(question).n_chars_cut

    def worst_usd(self, n_input_tokens: int, *, batch: bool = False) -> float:
        """The most that a request of so many tokens can cost; 0 where the price is unknown."""
        usages = (
            Usage(n_input_tokens=n_input_tokens, n_output_tokens=MAX_TOKENS),
            Usage(n_cache_write_tokens=n_input_tokens, n_output_tokens=MAX_TOKENS),
        )
        return max(self.prices.cost(self.endpoint.model, usage, batch=batch) or 0.0 for usage in usages)

    def answer(self, questions: Iterable[Question]) -> Iterator[Answer]:
        """Answers as they come; a question that fails again and again while others succeed is left, and counted in `traffic`.

        Raises JudgeError once nothing more can be asked, after all that came is yielded.
        """
        self.require_price()
        n_ahead = max(4 * self._limits.max_concurrency, FEWEST_AHEAD)
        yield from ask_aside(questions, self._asking, by_rule=self.questioner.by_rule, n_ahead=n_ahead)

    def require_price(self) -> None:
        """Raise JudgeError where a budget is to be kept and nobody told the price."""
        if self.budget.limit_usd is not None and self.prices.find(self.endpoint.model) is None:
            raise JudgeError(
                f'The price of "{self.endpoint.model}" is unknown, so a budget cannot be kept.',
                hint="Name a file with its price in the setting prices, or leave the budget out.",
            )

    def count_tokens(self, questions: Sequence[Question]) -> list[int | None]:
        """Tokens of each question as the endpoint counts them, for nothing; None where it does not."""
        return asyncio.run(self._count(questions))

    async def _count(self, questions: Sequence[Question]) -> list[int | None]:
        limits = self._limits
        counts: list[int | None] = []
        async with open_client(
            self.endpoint, max_connections=1, reply_s=limits.connect_s, transport=self.transport
        ) as client:
            for question in questions:
                asked = self.questioner.ask(question)
                call = client.messages.with_raw_response.count_tokens(
                    model=self.endpoint.model,
                    system=asked.system,
                    messages=[{"role": "user", "content": asked.user}],
                )
                try:
                    counts.append(count_in(json_object(await reply_within(limits.connect_s, call)), "input_tokens"))
                except call_errors():
                    counts.append(None)
                if not counts[-1]:
                    # A server that counts nothing says so in many ways; what is not counted is estimated.
                    return [None] * len(questions)
        return counts

    @contextmanager
    def receiving(self, folder: Path, judge_id: str, token: str) -> Iterator[None]:
        """Within the block another process makes the calls, and keeps each reply in a folder before it is read here.

        Where that process still waits for replies at the end, the judge `leaves_calls`.
        """
        from engine.judges.api.relay import GRACE_S, Relay

        limits, lost_usd = self._limits, self.budget.not_kept_usd
        start = Start(
            str(folder),
            judge_id,
            token,
            self.endpoint,
            limits.max_concurrency,
            limits.reply_s,
            limits.connect_s,
            lost_usd,
        )
        relay = self.transport = Relay(start)
        self._limits = replace(limits, reply_s=limits.reply_s + GRACE_S)
        try:
            yield
        finally:
            self.transport, self._limits = None, limits
            self.leaves_calls = relay.close() > 0

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[Asking]:
        limits = self._limits
        client = open_client(
            self.endpoint,
            max_connections=limits.max_concurrency,
            reply_s=limits.reply_s,
            connect_s=limits.connect_s,
            transport=self.transport,
        )
        now = self._clock()
        calls, tokens = (Rate(cap, now) if cap else None for cap in (limits.rpm, limits.tpm))
        gate = Gate(self._pace, calls, tokens, self._clock)
        async with client:
            caller = Caller(self, client, limits.reply_s)
            yield Asking(
                caller,
                gate,
                self.budget,
                self.traffic,
                self._clock,
                was_reached_before=self.was_reached_before,
                in_haste=self.in_haste,
                tell=self.tell,
            )


@dataclass(frozen=True, slots=True)
class Caller:
    """Sends a judge's requests through one client."""

    judge: MessagesJudge
    client: "AsyncAnthropic"
    reply_s: float

    def call(self, question: Question) -> Call:
        """The call for a question."""
        params = self.judge.params(question)
        # A token is at least a byte, so there are never more tokens than bytes.
        n_bytes = len(json.dumps(params, ensure_ascii=False).encode())
        worst_usd = self.judge.worst_usd(n_bytes + ADDED_TOKENS)
        stake = Stake(Vote(question.kind, question.sample_id, question.concept, question.vote), worst_usd)
        return Call(question, partial(self.send, question, params, stake), worst_usd, n_bytes / BYTES_PER_TOKEN)

    def refused(self, question: Question, fault: Fault) -> Answer:
        """The answer for a question that the server will not take."""
        return self.judge.refused(question, fault)

    async def send(self, question: Question, params: Mapping[str, Any], stake: Stake) -> Answer:
        """Ask once; Failed where no message came."""
        STAKE.set(stake)
        call = self.client.messages.with_raw_response.create(**params)
        try:
            message = message_of(await reply_within(self.reply_s, call))
        except call_errors() as error:
            raise Failed(fault_of(error, self.judge.endpoint)) from None
        return self.judge.read(question, message)


def identify(endpoint: Endpoint, questioner: Questioner) -> JudgeIdentity:
    """Everything that decides the answers of a model at an endpoint."""
    parameters: dict[str, object] = {
        "text_limit": questioner.text_limit,
        "max_tokens": MAX_TOKENS,
        **least_thinking(endpoint.model),
    }
    if not endpoint.is_anthropic:
        parameters["base_url"] = endpoint.base_url
    return JudgeIdentity(
        backend="anthropic",
        model=endpoint.model,
        rubric=questioner.rubric.name,
        rubric_hash=questioner.rubric.hash,
        parameters=parameters,
        is_baseline=False,
    )
