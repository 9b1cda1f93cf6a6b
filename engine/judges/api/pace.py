"""How many calls may be under way at once, and when the next may start.

A server's limit is not known, only felt: it rejects (429, 529). A few rejections mean nothing, for servers reject at random, so
the share of rejected calls decides and not the single one. While few of a cohort of calls are rejected the limit rises; when
many are it falls a little. A run of rejections without any success means that the server takes nothing for now, and then all
wait for as long as it asks.

A rejection comes at once and a reply later. So a cohort is judged by the calls that *began* in it and not by the first that end,
and a rejected call keeps its place for as long as a reply takes, else one place too many could be rejected hundreds of times.

`Pace` and `Rate` read no clock: times are given in seconds, so the same code is simulated in tests.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

Outcome = Literal["done", "rejected", "failed"]

FIRST_LIMIT: Final = 4
CEILING: Final = 64
SMALLEST_COHORT: Final = 16
ENDED: Final = 0.9
"""Share of a cohort that has ended before it is judged; the slowest are none of the rejected."""
FEW, MANY = 0.15, 0.25
"""Share of rejected calls in a cohort below which the limit rises, and above which it falls."""
SMALLEST_RISE, LARGEST_RISE, FALL = 0.1, 1.0, 0.85
"""The limit doubles at first; after a fall it rises by a tenth, and by twice as much with each further rise."""
RUN: Final = 8
"""Rejections without a success between them, after which nothing is sent for a while."""
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
FIRST_LATENCY_S: Final = 0.25
"""How long a reply takes, until one was seen."""
SLACK_S: Final = 0.1
"""How much unused time a rate may make up for, so that a late timer costs no calls."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A call under way: when it began, under which limit, and whether it is of the cohort by which that limit is judged."""

    began: float
    generation: int
    is_counted: bool


@dataclass(slots=True)
class Pace:
    """The number of calls that may be under way, as it follows from what became of earlier ones."""

    ceiling: int = CEILING
    limit: float = FIRST_LIMIT
    paused_until: float = 0.0
    latency_s: float = FIRST_LATENCY_S
    _generation: int = 0
    _n_begun: int = 0
    _n_ended: int = 0
    _n_rejected: int = 0
    _run: int = 0
    _n_pauses: int = 0
    _rise: float = LARGEST_RISE

    def __post_init__(self) -> None:
        self.limit = min(self.limit, self.ceiling)

    @property
    def _cohort(self) -> int:
        return max(SMALLEST_COHORT, int(self.limit))

    def begin(self, now: float) -> Ticket:
        """A call begins."""
        self._n_begun += 1
        return Ticket(now, self._generation, self._n_begun <= self._cohort)

    def end(self, ticket: Ticket, outcome: Outcome, now: float, wait_s: float | None = None) -> None:
        """A call ended; one that began under another limit says nothing about this one."""
        if outcome == "done":
            self._run = self._n_pauses = 0
            self.latency_s += 0.1 * (now - ticket.began - self.latency_s)
        if outcome == "rejected" and ticket.began >= self.paused_until:
            self._run += 1
        if self._run >= RUN:
            self._pause(now, wait_s)
        elif ticket.is_counted and ticket.generation == self._generation:
            self._n_ended += 1
            self._n_rejected += outcome == "rejected"
            self._decide()

    def _pause(self, now: float, wait_s: float | None) -> None:
        """Send nothing for as long as the server asks; where it does not say, twice as long each time."""
        self.paused_until = now + (wait_s or min(SHORTEST_PAUSE_S * 2.0**self._n_pauses, LONGEST_PAUSE_S))
        self._n_pauses = min(self._n_pauses + 1, 10)
        self._run = 0
        self._change(FALL)

    def _decide(self) -> None:
        """Judge the cohort, once enough of it has ended or too many of it were rejected already."""
        share = self._n_rejected / self._cohort
        if share > MANY:
            self._change(FALL)
        elif self._n_ended >= ENDED * self._cohort:
            self._change(1.0 + self._rise if share < FEW else 1.0)

    def _change(self, factor: float) -> None:
        raised = max(self.limit * factor, self.limit + 1) if factor > 1 else self.limit * factor
        self.limit = min(max(raised, 1.0), float(self.ceiling))
        if factor != 1:
            self._rise = SMALLEST_RISE if factor < 1 else min(2 * self._rise, LARGEST_RISE)
        self._generation += 1
        self._n_begun = self._n_ended = self._n_rejected = 0


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

    async def enter(self, n_tokens: float) -> Ticket:
        """Wait until a call may begin."""
        async with self._turn:
            while (wait_s := self._wait_s(now := self.clock())) > 0:
                self._changed.clear()
                # Whichever comes first: a call ends, or its time comes.
                await wait_at_most(wait_s, self._changed)
            self.n_under_way += 1
            for rate, amount in ((self.calls, 1.0), (self.tokens, n_tokens)):
                if rate:
                    rate.take(now, amount)
            return self.pace.begin(now)

    def leave(
        self, ticket: Ticket, outcome: Outcome, *, wait_s: float | None = None, n_tokens_more: float = 0.0
    ) -> None:
        """A call ended; a rejected one keeps its place for a while."""
        now = self.clock()
        self.pace.end(ticket, outcome, now, wait_s)
        if self.tokens:
            self.tokens.correct(n_tokens_more)
        if outcome == "rejected":
            asyncio.get_running_loop().call_later(max(ticket.began + self.pace.latency_s - now, 0.0), self.free)
        else:
            self.free()

    def free(self) -> None:
        """A place is free again."""
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
