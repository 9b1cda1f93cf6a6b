"""What the audit says of the gap of these samples, beside the gap that every screen shows."""

from typing import Any

from engine.stats.estimate import Estimate
from engine.words import number

Json = dict[str, Any]


def audited_gap(found: Json) -> Estimate:
    """The gap of these samples by the audit, out of an audit's document."""
    return Estimate(**found["overall"]["gap"]["samples"])


def beside_shown(audited: Estimate, shown: Estimate) -> str:
    """What to think of the shown gap, in a sentence that claims no more than the audit's interval does."""
    if audited.low is None or audited.high is None:
        missing = "gap" if audited.value is None else "interval"
        return f"The audit gives no {missing} yet: {audited.why_no_interval}. Rate more drawn pairs under Review."
    if shown.value is None:
        return f"No other gap is shown to compare it with: {shown.reason}."
    lies = f"The shown gap of {number(shown.value)} lies"
    if audited.low <= shown.value <= audited.high:
        return f"{lies} within the audit's interval, so the audit does not contradict it."
    side, size = ("above", "large") if shown.value > audited.high else ("below", "small")
    return f"{lies} {side} the audit's interval, so for these samples it is probably too {size}."
