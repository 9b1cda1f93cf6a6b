"""A budget that is kept: a call is sent only if the worst that it can cost still fits beside all that is under way.

What a call cost is known when its reply came. Where a reply was lost on the way it may have been paid all the same; such a call
counts at its worst, apart from what is known to be spent.
"""

import math
from dataclasses import dataclass

from engine.errors import JudgeError


@dataclass(slots=True)
class Budget:
    """US dollars that may be spent, None for no limit; `spent_usd` is what was spent before, and grows."""

    limit_usd: float | None = None
    spent_usd: float = 0.0
    unsure_usd: float = 0.0
    """Of calls whose reply was lost: at most so much more."""
    reserved_usd: float = 0.0
    """Of calls under way: at most so much more."""
    n_under_way: int = 0

    def __post_init__(self) -> None:
        if self.limit_usd is not None and not (math.isfinite(self.limit_usd) and self.limit_usd >= 0):
            raise JudgeError(f"A budget of {self.limit_usd} US dollars makes no sense.")

    def reserve(self, worst_usd: float) -> bool:
        """Whether a call of this worst cost fits, which is then held for it."""
        if self.limit_usd is not None and self.committed_usd + worst_usd > self.limit_usd:
            return False
        self.reserved_usd += worst_usd
        self.n_under_way += 1
        return True

    def settle(self, worst_usd: float, cost_usd: float | None, *, is_sure: bool = True) -> None:
        """A call ended: what it cost is spent; what it may have cost, where nobody knows, is unsure."""
        self.n_under_way -= 1
        # Sums of floats leave crumbs; where nothing is under way, nothing is held.
        self.reserved_usd = self.reserved_usd - worst_usd if self.n_under_way else 0.0
        if is_sure:
            self.spent_usd += cost_usd or 0.0
        else:
            self.unsure_usd += worst_usd

    @property
    def committed_usd(self) -> float:
        """The most that can have been spent once all that is under way has ended."""
        return self.spent_usd + self.unsure_usd + self.reserved_usd

    def spent_out(self, worst_usd: float) -> JudgeError:
        """The error that says why the next call is not sent."""
        unsure = f" and at most {dollars(self.unsure_usd)} for replies that were lost" if self.unsure_usd else ""
        return JudgeError(
            f"The budget of {dollars(self.limit_usd or 0.0)} is reached: {dollars(self.spent_usd)} is spent{unsure}, "
            f"and the next call may cost {dollars(worst_usd)}.",
            hint="What is judged is kept; run the same command with a larger --budget to go on.",
        )


def dollars(amount: float) -> str:
    """An amount with the digits that it needs: $12.50, $0.0041."""
    if amount >= 1 or amount == 0:
        return f"${amount:.2f}"
    return f"${amount:.4f}" if amount >= 0.0001 else f"${amount:.1e}"
