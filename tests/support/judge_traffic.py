"""A judge's server in virtual time: a token bucket, latencies and faults, without a byte on any wire."""

import asyncio
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from engine.judges.api.asking import Asking, Call, Failed, Traffic
from engine.judges.api.faults import Fault
from engine.judges.api.pace import Gate, Pace, Rate
from engine.judges.costs.budget import Budget
from engine.judges.judge import Answer, Question, Rating, Unscored, Usage

COST = 0.001
WORST = 0.003


@dataclass
class SimulatedServer:
    """Answers after a while; `room` is the number of calls that it would take at once."""

    rate: float = float("inf")
    share_429: float = 0.0
    share_529: float = 0.0
    share_dropped: float = 0.0
    latency_s: tuple[float, float] = (0.05, 0.5)
    retry_after: bool = True
    closed_until: float = 0.0
    refuses: bool = False
    rng: random.Random = field(default_factory=lambda: random.Random(3))
    began: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    n_over_rate: int = 0
    room: float = 1.0
    _seen: float = 0.0

    async def reply(self, question: Question) -> Answer:
        loop = asyncio.get_running_loop()
        now = loop.time()
        self.began.append(now)
        if self.refuses:
            raise Failed(Fault("question", "The server refuses the request (400: bad).", is_final_at_first=True))
        if now < self.closed_until:
            raise self._busy(self.closed_until - now)
        self.room = min(self.room + (now - self._seen) * self.rate, max(self.rate, 1.0)) if self.rate < 1e9 else 2.0
        self._seen = now
        if self.room < 1:
            self.n_over_rate += 1
            raise self._busy(1.0)
        self.room -= 1
        drawn = self.rng.random()
        if drawn < self.share_429 + self.share_529:
            raise self._busy(1.0 if drawn < self.share_429 else None)
        await asyncio.sleep(self.rng.uniform(*self.latency_s))
        if self.rng.random() < self.share_dropped:
            raise Failed(Fault("again", "The connection broke.", may_be_paid=True))
        self.answered.append(loop.time())
        return Answer(question, Rating(3), "3", usage=Usage(100, 10, cost_usd=COST))

    def _busy(self, wait_s: float | None) -> Failed:
        return Failed(Fault("slow down", "The judge's server is busy.", wait_s=wait_s if self.retry_after else None))

    def call(self, question: Question) -> Call:
        return Call(question, lambda: self.reply(question), WORST, 120.0)

    def refused(self, question: Question, fault: Fault) -> Answer:
        return Answer(question, Unscored(fault.told), fault.body)


def open_asking(
    server: SimulatedServer,
    *,
    budget: Budget | None = None,
    ceiling: int = 64,
    rpm: float | None = None,
    tpm: float | None = None,
    in_haste: bool = False,
    tell: Callable[[str], None] | None = None,
) -> Asking:
    """Asking of that server, by the clock of the running loop."""
    clock = asyncio.get_running_loop().time
    calls, tokens = (Rate(cap, clock()) if cap else None for cap in (rpm, tpm))
    gate = Gate(Pace(ceiling), calls, tokens, clock)
    return Asking(server, gate, budget or Budget(), Traffic(), clock, random.Random(5), in_haste=in_haste, tell=tell)


async def ask_all(asking: Asking, questions: Iterable[Question], *, ahead: int = 256) -> list[Answer | None]:
    """Every question's answer, asked as the judge asks: only so many are under way, and none after the end."""
    got: list[Answer | None] = []
    under_way: set[asyncio.Task[Answer | None]] = set()
    for question in questions:
        if asking.ended_by:
            break
        under_way.add(asyncio.create_task(asking.ask(question)))
        if len(under_way) >= ahead:
            done, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            got += [task.result() for task in done]
    asking.no_more()
    if under_way:
        done, _ = await asyncio.wait(under_way)
        got += [task.result() for task in done]
    return got


def questions_of(n: int) -> list[Question]:
    """So many questions."""
    return [Question("relevance", f"sample-{number}", "Gin is made of juniper.", "gin") for number in range(n)]
