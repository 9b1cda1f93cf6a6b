"""A budget that is kept: a call is sent only if the worst that it can cost still fits beside all that is under way.

What a call cost is known when its reply came. Where a reply was lost on the way it may have been paid all the same; such a call
counts at its worst, apart from what is known to be spent.

So that it is kept over a kill too, what the study does not know yet is held: before a call is sent, the most that could be lost
if the process ended now is put on disk (`hold`), and what is on disk as a vote or a loss is no longer part of that (`keep`).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from engine.errors import BudgetReached, JudgeError
from engine.terminal import dollars


@dataclass(slots=True)
class Budget:
    """US dollars that may be spent, None for no limit; `spent_usd` is what was spent before, and grows."""

    limit_usd: float | None = None
    spent_usd: float = 0.0
    unsure_usd: float = 0.0
    """Of calls whose reply was lost: at most so much more."""
    at_server_usd: float = 0.0
    """Of batches under way: at most so much more. The study knows them, so a process that ends loses none of it."""
    hold: Callable[[float], None] | None = None
    """Puts on disk how much could be lost at most; called each time that it becomes more than ever before."""
    reserved_usd: float = 0.0
    """Of calls under way: at most so much more."""
    n_under_way: int = 0
    _kept_usd: float = 0.0
    _held_usd: float = 0.0

    def __post_init__(self) -> None:
        if self.limit_usd is not None and not (math.isfinite(self.limit_usd) and self.limit_usd >= 0):
            raise JudgeError(f"A budget of {self.limit_usd} US dollars makes no sense.")
        self._kept_usd = self.spent_usd + self.unsure_usd

    def reserve(self, worst_usd: float) -> bool:
        """Whether a call of this worst cost fits, which is then held for it."""
        if not self._fits(worst_usd):
            return False
        self._hold(worst_usd)
        self.reserved_usd += worst_usd
        self.n_under_way += 1
        return True

    def settle(self, worst_usd: float, cost_usd: float | None, *, is_sure: bool = True) -> None:
        """A call ended: what it cost is spent; what it may have cost, where nobody knows, is unsure."""
        self.n_under_way -= 1
        # Sums of floats leave crumbs; where nothing is under way, nothing is held.
        self.reserved_usd = self.reserved_usd - worst_usd if self.n_under_way else 0.0
        self._spend(worst_usd, cost_usd, is_sure=is_sure)

    def reserve_at_server(self, worst_usd: float) -> bool:
        """Whether a request of a batch fits, which is then held for it."""
        if not self._fits(worst_usd):
            return False
        self.at_server_usd += worst_usd
        return True

    def settle_at_server(self, worst_usd: float, cost_usd: float | None, *, is_sure: bool = True) -> None:
        """A request of a batch ended."""
        self.at_server_usd = max(0.0, self.at_server_usd - worst_usd)
        self._spend(worst_usd, cost_usd, is_sure=is_sure)
        if not is_sure:
            self._hold(0.0)

    def keep(self, cost_usd: float | None) -> None:
        """So much of what was spent or unsure is on disk, as a vote or as a loss."""
        self._kept_usd += cost_usd or 0.0

    @property
    def committed_usd(self) -> float:
        """The most that can have been spent once all that is under way has ended."""
        return self.spent_usd + self.unsure_usd + self.reserved_usd + self.at_server_usd

    @property
    def not_kept_usd(self) -> float:
        """The most that can have been spent without the study knowing of it, were the process to end now."""
        return max(0.0, self.spent_usd + self.unsure_usd + self.reserved_usd - self._kept_usd)

    def spent_out(self, worst_usd: float) -> JudgeError:
        """The error that says why the next call is not sent."""
        at_most = [
            f" and at most {dollars(amount)} for {what}"
            for amount, what in (
                (self.unsure_usd, "replies that were lost"),
                (self.at_server_usd, "batches under way"),
            )
            if amount
        ]
        return BudgetReached(
            f"Of the budget of {dollars(self.limit_usd or 0.0)}, {dollars(self.spent_usd)} is spent{''.join(at_most)}; "
            f"the next call may cost {dollars(worst_usd)}.",
            hint="What is judged is kept; run the same command with a larger --budget to go on.",
        )

    def _fits(self, worst_usd: float) -> bool:
        return self.limit_usd is None or self.committed_usd + worst_usd <= self.limit_usd

    def _hold(self, more_usd: float) -> None:
        could_be_lost = self.not_kept_usd + more_usd
        if self.hold and could_be_lost > self._held_usd:
            self.hold(could_be_lost)
            self._held_usd = could_be_lost

    def _spend(self, worst_usd: float, cost_usd: float | None, *, is_sure: bool) -> None:
        if is_sure:
            self.spent_usd += cost_usd or 0.0
        else:
            self.unsure_usd += worst_usd
