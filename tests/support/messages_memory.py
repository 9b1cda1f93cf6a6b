"""What the loopback server remembers under one set of settings, and the rate that it allows."""

import asyncio
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from tests.support.messages_batches import Batches
from tests.support.messages_server import Settings, Stats

N_LOGGED = 500


@dataclass(slots=True)
class Memory:
    """What was seen under one set of settings."""

    settings: Settings
    counts: Counter[str] = field(default_factory=Counter)
    by_status: Counter[str] = field(default_factory=Counter)
    paid: Counter[str] = field(default_factory=Counter)
    tries: Counter[str] = field(default_factory=Counter)
    keys: dict[str, None] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    log: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=N_LOGGED))
    cached: set[str] = field(default_factory=set)
    batches: Batches = field(init=False)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    n_in_flight: int = 0
    room: float = 0.0
    refilled: float = field(default_factory=time.monotonic)
    first: float | None = None
    last: float = 0.0

    def __post_init__(self) -> None:
        self.room = self.burst
        self.batches = Batches(self.settings, self.paid, self.cached)

    @property
    def burst(self) -> float:
        rate = self.settings.rate or 0.0
        return max(1.0, rate if self.settings.burst is None else self.settings.burst)

    def wait_for_room(self) -> float:
        """Seconds until the rate allows another request; takes the room where there is some."""
        rate = self.settings.rate
        if rate is None:
            return 0.0
        now = time.monotonic()
        self.room, self.refilled = min(self.burst, self.room + rate * (now - self.refilled)), now
        if self.room < 1:
            return (1 - self.room) / rate
        self.room -= 1
        return 0.0

    def stats(self) -> Stats:
        return Stats(
            n_requests=self.counts["requests"],
            n_in_flight=self.n_in_flight,
            n_in_flight_most=self.counts["in flight most"],
            n_over_rate=self.counts["over rate"],
            n_lost=self.counts["lost"],
            n_counted=self.counts["counted"],
            by_status=dict(self.by_status),
            paid=dict(self.paid),
            tries=dict(self.tries),
            cached_tokens=self.counts["cached tokens"],
            batch_sizes=self.batches.sizes,
            answered_s=max(0.0, self.last - self.first) if self.first is not None else 0.0,
            keys=tuple(self.keys),
            violations=tuple(self.violations),
        )
