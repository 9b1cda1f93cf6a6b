"""Asking in spite of faults: each question until it is answered, has failed too often, or nothing more is to be sent.

A fault of the way is never an answer. Waiting for the next attempt holds no place among the calls under way. What speaks of the
endpoint as a whole ends everything: the calls under way are waited for, unless it is that the endpoint answers nothing any more.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from engine.errors import JudgeError
from engine.judges.api.faults import Fault
from engine.judges.api.pace import Gate, Ticket, wait_at_most
from engine.judges.costs.budget import Budget
from engine.judges.judge import Answer, Question

ATTEMPTS = 8
FEW_ATTEMPTS = 4
"""Failures of a question after which it is left, or its judge, where a person waits at a screen."""
FIRST_DELAY_S, LONGEST_DELAY_S = 0.5, 30.0
DEAD_S = 60.0
"""Without any success for so long, and with no wait that the server asked for, an endpoint is given up."""
REFUSED_AT_FIRST = 4
"""Questions refused before any was answered, after which the form of the requests is blamed and not their texts."""
TOLD_AT = 3
"""Calls in a row without an answer that are told, and again whenever there are twice as many."""


class Failed(Exception):
    """A call that brought no message."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.told)
        self.fault = fault


@dataclass(slots=True)
class Traffic:
    """What became of the calls so far; `n_left` questions were given up and stay pending."""

    n_calls: int = 0
    n_answered: int = 0
    n_rejected: int = 0
    n_failed: int = 0
    n_left: int = 0
    last_fault: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A question as it is sent: what it will take at most and about, and how."""

    question: Question
    send: Callable[[], Awaitable[Answer]]
    worst_usd: float
    n_tokens: float


class Prepare(Protocol):
    """Puts a question into a call, and says what a refusal of it means."""

    def call(self, question: Question) -> Call:
        """The call for a question."""
        ...

    def refused(self, question: Question, fault: Fault) -> Answer:
        """The answer for a question that the server will not take."""
        ...


@dataclass(slots=True)
class Asking:
    """Asks many questions at once in one event loop."""

    prepare: Prepare
    gate: Gate
    budget: Budget
    traffic: Traffic
    clock: Callable[[], float] = time.monotonic
    # Only delays are drawn from it, and never an answer.
    rng: random.Random = field(default_factory=random.Random)
    was_reached_before: bool = False
    """The endpoint has answered already, so its address is right."""
    in_haste: bool = False
    """A person waits: what fails is left sooner; a busy server is waited for as ever."""
    tell: Callable[[str], None] | None = None
    """Takes a sentence whenever several calls in a row got no answer."""
    ended_by: JudgeError | None = None
    is_dead: bool = False
    _ending: asyncio.Event = field(default_factory=asyncio.Event)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _alive_at: float = field(init=False)
    _n_faults_in_a_row: int = 0
    _n_open: int = 0
    _n_held: int = 0
    _refusal: Fault | None = None
    _no_more: bool = False

    def __post_init__(self) -> None:
        self._alive_at = self.clock()

    async def ask(self, question: Question) -> Answer | None:
        """The answer, None where the question stays pending."""
        self._n_open += 1
        try:
            return await self._ask(self.prepare.call(question))
        finally:
            self._n_open -= 1
            self._check_held()

    def no_more(self) -> None:
        """No further question will come."""
        self._no_more = True
        self._check_held()

    async def _ask(self, call: Call) -> Answer | None:
        n_before, n_failures = self.traffic.n_answered, 0
        for attempt in range(1, ATTEMPTS + 1):
            got = await self._attempt(call)
            if not isinstance(got, Fault):
                return got
            if got.consequence == "question":
                return await self._refused(call.question, got)
            n_failures += got.consequence == "again"
            is_last = attempt == ATTEMPTS or (self.in_haste and n_failures == FEW_ATTEMPTS)
            if is_last and self.traffic.n_answered == n_before:
                self._give_up(got)
            if is_last or await wait_at_most(self._delay(attempt, got), self._ending):
                break
        self.traffic.n_left += not self.ended_by
        return None

    async def _attempt(self, call: Call) -> Answer | Fault | None:
        """One call; None where nothing more is to be sent."""
        ticket = await self.gate.enter(call.n_tokens)
        if self.ended_by or not await self._reserve(call):
            self.gate.free()
            return None
        self.traffic.n_calls += 1
        try:
            answer = await call.send()
        except Failed as failed:
            self._failed(call, failed.fault, ticket)
            return failed.fault
        except BaseException:
            self.budget.settle(call.worst_usd, None, is_sure=False)
            raise
        self._answered(call, answer, ticket)
        return answer

    async def _reserve(self, call: Call) -> bool:
        """Whether the budget allows the call, once calls under way have ended that hold a part of it."""
        while not self.budget.reserve(call.worst_usd):
            if self.ended_by is None and self.budget.n_under_way == 0:
                self._end(self.budget.spent_out(call.worst_usd))
            if self.ended_by:
                return False
            self._news.clear()
            await self._news.wait()
        return True

    def _answered(self, call: Call, answer: Answer, ticket: Ticket) -> None:
        usage = answer.usage
        n_tokens = usage.n_input_tokens + usage.n_cache_write_tokens
        self.budget.settle(call.worst_usd, usage.cost_usd, is_sure=usage.cost_usd is not None)
        self.gate.leave(ticket, "done", n_tokens_more=n_tokens - call.n_tokens if n_tokens else 0.0)
        self.traffic.n_answered += 1
        self._n_faults_in_a_row, self._alive_at = 0, self.clock()
        self._news.set()

    def _failed(self, call: Call, fault: Fault, ticket: Ticket) -> None:
        self.budget.settle(call.worst_usd, 0.0, is_sure=not fault.may_be_paid)
        rejected = fault.consequence == "slow down"
        self.gate.leave(ticket, "rejected" if rejected else "failed", wait_s=fault.wait_s)
        self.traffic.n_rejected += rejected
        self.traffic.n_failed += not rejected
        self.traffic.last_fault = fault.told
        self._news.set()
        if fault.consequence == "question":
            return
        is_first = not (self.traffic.n_answered or self.was_reached_before)
        if fault.consequence == "endpoint" or (fault.is_final_at_first and is_first):
            self._end(JudgeError(fault.told, hint=fault.hint))
        self._check_alive(fault)

    def _check_alive(self, fault: Fault) -> None:
        now = self.clock()
        self._n_faults_in_a_row += 1
        if self.tell and not self.ended_by and is_told(self._n_faults_in_a_row):
            self.tell(f"{fault.told} {self._n_faults_in_a_row} calls in a row got no answer; trying again.")
        if self._n_faults_in_a_row >= ATTEMPTS and now - self._alive_at >= DEAD_S:
            self._give_up(fault)
        if fault.wait_s:
            self._alive_at = max(self._alive_at, now + fault.wait_s)

    async def _refused(self, question: Question, fault: Fault) -> Answer | None:
        """Unscored for the server's reason; but while nothing was answered yet, the request may be at fault and not its text."""
        if fault.is_final_at_first:
            self._n_held, self._refusal = self._n_held + 1, fault
            self._check_held()
            while not self.traffic.n_answered and not self.ended_by:
                self._news.clear()
                await self._news.wait()
            self._n_held -= 1
            if not self.traffic.n_answered:
                return None
        return self.prepare.refused(question, fault)

    def _check_held(self) -> None:
        """Blame the requests where several were refused, or all that there are, and none was answered."""
        all_held = self._no_more and self._n_held == self._n_open
        if (
            self._refusal
            and not self.traffic.n_answered
            and (self._n_held >= REFUSED_AT_FIRST or (self._n_held and all_held))
        ):
            self._end(JudgeError(self._refusal.told, hint="Every request so far was refused; check model and address."))

    def _give_up(self, fault: Fault) -> None:
        self.is_dead = True
        self._end(
            JudgeError(
                f"The judge does not answer any more. {fault.told}",
                hint="What is judged is kept; run the same command again.",
            )
        )

    def _end(self, error: JudgeError) -> None:
        self.ended_by = self.ended_by or error
        self._ending.set()
        self._news.set()
        self.gate.close()

    def _delay(self, attempt: int, fault: Fault) -> float:
        """Seconds until the next attempt: what the server asks for and a little more, or twice as long each time, with jitter."""
        if fault.wait_s is not None:
            return fault.wait_s + self.rng.uniform(0.0, FIRST_DELAY_S)
        return min(FIRST_DELAY_S * 2.0 ** (attempt - 1), LONGEST_DELAY_S) * self.rng.uniform(0.5, 1.5)


def is_told(n_in_a_row: int) -> bool:
    """Whether so many calls in a row without an answer are worth a sentence: 3, 6, 12 and so on."""
    n_times, rest = divmod(n_in_a_row, TOLD_AT)
    return not rest and n_times.bit_count() == 1
