"""Throughput of a judge at a server that allows so many calls a second and fails some at random.

Every way puts the same questions to the same server over HTTP, and the server counts. What a way reaches is the share of the
answers that the server's rate allowed in the time from the first call to the last answer, the start included.
"""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.compare import Comparison, Timing
from engine.judges.api.endpoint import ASSUMED, Endpoint, find_endpoint
from engine.judges.api.messages import MessagesJudge
from engine.judges.costs.prices import load_prices
from engine.judges.judge import Question
from engine.judges.questions import Questioner
from engine.packs.folder import load_pack
from engine.prompts.rubrics import load_rubric
from tests.support.messages_server import MODEL, MessagesServer, Settings, Stats, messages_server

N_VOTES, RATE, BURST = 3000, 50.0, 10.0
N_WARM_UP = 20
FAULTY = Settings(
    rate=RATE,
    burst=BURST,
    share_429=0.05,
    share_529=0.02,
    share_dropped_before=0.01,
    latency_s=(0.05, 0.5),
)
CLIENT_RETRIES = 20


@dataclass(frozen=True, slots=True)
class Measured:
    """What one way took, and what the server saw of it."""

    cpu_s: float
    stats: Stats

    @property
    def reached(self) -> float:
        """Share of the allowed answers."""
        return self.stats.n_paid / (RATE * self.stats.answered_s + BURST)

    def described(self, way: str) -> str:
        """The way with what it reached and what it wasted."""
        per_second = self.stats.n_paid / self.stats.answered_s
        calls = sum(self.stats.tries.values()) / self.stats.n_paid
        return f"{way}: {self.reached:.0%} of the rate, {per_second:.1f} answers/s, {calls:.2f} calls an answer"


def throughput_against_client() -> Comparison:
    """Ours against the official client's own retries, with few and with many calls at once."""
    ways: dict[str, Callable[[MessagesJudge], None]] = {
        "engine.judges.api.messages": _ask,
        "anthropic, its retries, 16 at once": lambda judge: asyncio.run(_by_client(judge, 16)),
        "anthropic, its retries, 64 at once": lambda judge: asyncio.run(_by_client(judge, 64)),
    }
    with messages_server(FAULTY) as server:
        # What is imported at the first call is no part of its pace.
        _ask(_judge(find_endpoint(MODEL, server.url, environ=os.environ)), N_WARM_UP)
        found = {name: _measure(server, way) for name, way in ways.items()}
    ours = next(iter(found.values())).cpu_s
    timings = tuple(Timing(each.described(name), each.cpu_s, each.cpu_s / ours) for name, each in found.items())
    said = "5% 429, 2% 529, 1% dropped, replies after 50 to 500 ms"
    return Comparison(f"{N_VOTES:,} votes at {RATE:.0f} calls/s allowed", said, timings)


def _measure(server: MessagesServer, way: Callable[[MessagesJudge], None]) -> Measured:
    server.become(FAULTY)
    judge = _judge(find_endpoint(MODEL, server.url, environ=os.environ))
    started = _cpu_s()
    way(judge)
    spent, stats = _cpu_s() - started, server.stats()
    if stats.n_paid != N_VOTES:
        raise RuntimeError(f"{stats.n_paid} of {N_VOTES} votes were answered")
    return Measured(spent, stats)


def _cpu_s() -> float:
    """Seconds of this process and of those that it has seen end."""
    return sum(os.times()[:4])


def _judge(endpoint: Endpoint) -> MessagesJudge:
    questioner = Questioner(load_rubric("standard"), load_pack("starter"), text_limit=20_000)
    return MessagesJudge(endpoint, questioner, prices=load_prices(), capabilities=ASSUMED)


def _questions(n: int = N_VOTES) -> list[Question]:
    text = "It goes on for a while and says little more. " * 10
    return [Question("topic", f"s{i}", f"Text {i} tells of gin. {text}") for i in range(n)]


def _ask(judge: MessagesJudge, n: int = N_VOTES) -> None:
    with TemporaryDirectory() as folder, judge.receiving(Path(folder), "judge", "bench"):
        for _ in judge.answer(_questions(n)):
            pass


async def _by_client(judge: MessagesJudge, n_at_once: int) -> None:
    """The same requests through the client, which retries by itself."""
    from anthropic import AsyncAnthropic

    free = asyncio.Semaphore(n_at_once)
    endpoint = judge.endpoint
    async with AsyncAnthropic(api_key=endpoint.key, base_url=endpoint.base_url, max_retries=CLIENT_RETRIES) as client:

        async def one(question: Question) -> None:
            async with free:
                await client.messages.create(**judge.params(question))

        await asyncio.gather(*map(one, _questions()))
