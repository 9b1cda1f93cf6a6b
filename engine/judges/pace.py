"""How many calls may be under way at once, and when the next may start.

A server's limit is not known, only felt: it rejects (429, 529). A few rejections mean nothing, for servers reject at random, so
the share of rejected calls decides and not the single one. While few of a window of calls are rejected the limit rises, doubling
until the first time that many are; then it falls by a fifth. A run of rejections without any success means that the server takes
nothing for now, and then all wait for as long as it asks.

What stands here reads no clock: times are given in seconds, so the same code is simulated in tests.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

Outcome = Literal["done", "rejected", "failed"]

FIRST_LIMIT = 4
CEILING = 64
SMALLEST_WINDOW = 20
FEW, MANY = 0.12, 0.2
"""Share of rejected calls in a window below which the limit rises, and above which it falls."""
RISE, FALL = 1.1, 0.8
RUN = 8
"""Rejections without a success between them, after which nothing is sent for a while."""
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
SLACK_S: Final = 0.1
"""How much unused time a rate may make up for, so that a late timer costs no calls."""


@dataclass(slots=True)
class Pace:
    """The number of calls that may be under way, as it follows from what became of earlier ones."""

    ceiling: int = CEILING
    limit: float = FIRST_LIMIT
    paused_until: float = 0.0
    _since: float = float("-inf")
    _n_calls: int = 0
    _n_rejected: int = 0
    _run: int = 0
    _n_pauses: int = 0
    _doubles: bool = True

    def __post_init__(self) -> None:
        self.limit = min(self.limit, self.ceiling)

    def observe(self, outcome: Outcome, *, started: float, now: float, wait_s: float | None = None) -> None:
        """Take note of a call that ended `now`; one that started before the last change says nothing about the new limit."""
        if outcome == "done":
            self._run = self._n_pauses = 0
        if started < self._since:
            return
        self._n_calls += 1
        if outcome == "rejected":
            self._n_rejected += 1
            self._run += 1
        if self._run >= RUN:
            self._pause(now, wait_s)
        elif self._n_calls >= max(SMALLEST_WINDOW, self.limit):
            self._decide(now)

    def _pause(self, now: float, wait_s: float | None) -> None:
        """Send nothing for as long as the server asks; where it does not say, twice as long each time."""
        self.paused_until = now + (wait_s if wait_s else min(SHORTEST_PAUSE_S * 2**self._n_pauses, LONGEST_PAUSE_S))
        self._n_pauses = min(self._n_pauses + 1, 10)
        # Calls that start when the pause is over are the first that count again.
        self._change(FALL, self.paused_until)

    def _decide(self, now: float) -> None:
        share = self._n_rejected / self._n_calls
        if share > MANY:
            self._change(FALL, now)
        elif share < FEW:
            self._change(2.0 if self._doubles else RISE, now)
        else:
            self._change(1.0, now)

    def _change(self, factor: float, since: float) -> None:
        step = max(self.limit * factor, self.limit + 1) if factor > 1 else self.limit * factor
        self.limit = min(max(step, 1.0), float(self.ceiling))
        self._doubles = self._doubles and factor > 1
        self._since, self._n_calls, self._n_rejected, self._run = since, 0, 0, 0


@dataclass(slots=True)
class Rate:
    """At most so much a minute, evenly, without a burst at the start; a call may take more than a second's worth.

    A ready-made limiter of the leaky-bucket kind does not serve: it refuses what is larger than its bucket, cannot be told
    afterwards what a call really took, and lets a full bucket through at once.
    """

    per_minute: float
    _free_at: float = 0.0

    def wait_s(self, now: float) -> float:
        """Seconds until the next call may start."""
        return max(self._free_at - now, 0.0)

    def take(self, now: float, amount: float = 1.0) -> None:
        """A call of this amount starts now."""
        self._free_at = max(self._free_at, now - SLACK_S) + amount * 60.0 / self.per_minute

    def correct(self, amount: float) -> None:
        """A call took so much more (or less, where negative) than was taken at its start."""
        self._free_at += amount * 60.0 / self.per_minute


@dataclass(slots=True)
class Gate:
    """Lets calls of one event loop through, in the order in which they come."""

    pace: Pace
    calls: Rate | None = None
    tokens: Rate | None = None
    clock: Callable[[], float] = time.monotonic
    n_under_way: int = 0
    _is_closed: bool = False
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def enter(self, n_tokens: float) -> float:
        """Wait until a call may start; its start."""
        async with self._turn:
            while (wait_s := self._wait_s(now := self.clock())) > 0:
                self._changed.clear()
                # Whichever comes first: a call ends, or its time comes.
                await wait_at_most(wait_s, self._changed)
            self.n_under_way += 1
            for rate, amount in ((self.calls, 1.0), (self.tokens, n_tokens)):
                if rate:
                    rate.take(now, amount)
            return now

    def leave(
        self, outcome: Outcome, *, started: float, wait_s: float | None = None, n_tokens_more: float = 0.0
    ) -> None:
        """A call ended."""
        self.n_under_way -= 1
        self.pace.observe(outcome, started=started, now=self.clock(), wait_s=wait_s)
        if self.tokens:
            self.tokens.correct(n_tokens_more)
        self._changed.set()

    def give_up(self) -> None:
        """A call ended before it was sent."""
        self.n_under_way -= 1
        self._changed.set()

    def close(self) -> None:
        """Let all through that wait, for nothing will be sent any more."""
        self._is_closed = True
        self._changed.set()

    def _wait_s(self, now: float) -> float:
        """Seconds until a call may start: infinite until another ends."""
        if self._is_closed:
            return 0.0
        if self.n_under_way >= int(self.pace.limit):
            return float("inf")
        rates = (rate.wait_s(now) for rate in (self.calls, self.tokens) if rate)
        return max(self.pace.paused_until - now, *rates, 0.0)


async def wait_at_most(seconds: float, event: asyncio.Event) -> bool:
    """Whether the event came within the time."""
    try:
        async with asyncio.timeout(None if seconds == float("inf") else seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
