"""The target to recommend from a ceiling: what the user asks for, or the highest tier that the ceiling's lower bound allows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

TIERS = (0.85, 0.75, 0.70)
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Target:
    """The F1 to ask for, its tier (`asked`, `primary`, `falloff`, `minimum`, `none`), and why.

    ``value`` is None exactly when the tier is `none`.
    """

    value: float | None
    tier: str
    reason: str


def recommended_target(
    ceiling_low: float | None,
    *,
    user_target: float = 0.95,
    tiers: Sequence[float] = TIERS,
    floor: float | None = None,
    unknown_because: str | None = None,
) -> Target:
    """Return min(user's target, ceiling's lower bound), rounded down to the tiers, of which the user's target is the first.

    Tiers above the user's target are left out, and so are those up to ``floor``, the always-positive F1: falling back to them
    would ask for nothing. (A user's target that low stands, and the reason says so.) No target when the bound is unknown,
    for the reason that is given, or below every tier that is left.
    """
    if ceiling_low is None:
        told = f": {unknown_because}" if unknown_because else ""
        return Target(None, "none", f"the ceiling's lower bound is unknown{told}")
    ordered = sorted(set(tiers), reverse=True)
    steps = [("asked", user_target)] + [(_tier_name(t, ordered), t) for t in ordered if t < user_target]
    for tier, value in steps:
        # A bound that equals a tier except for rounding in its last digits supports that tier.
        if ceiling_low < value - _ROUNDING:
            continue
        reason = f"the ceiling's lower bound is {_bound(ceiling_low)}"
        if floor is not None and value <= floor:
            reason += f", and always answering yes reaches {floor:.3f}"
        stands = tier == "asked" or floor is None or value > floor
        return Target(value, tier, reason) if stands else Target(None, "none", reason)
    lowest = steps[-1][1]
    return Target(
        None, "none", f"the ceiling's lower bound {_bound(ceiling_low)} is below the lowest tier {lowest:.2f}"
    )


def _bound(low: float) -> str:
    """A lower bound as written: rounded down, so that it never seems to reach a tier that it misses."""
    return f"{math.floor((low + _ROUNDING) * 1000) / 1000:.3f}"


def _tier_name(tier: float, ordered: Sequence[float]) -> str:
    if tier == ordered[0]:
        return "primary"
    return "minimum" if tier == ordered[-1] else "falloff"
