"""The shortcut alarm: does a lens fire on degenerate outputs because they are degenerate?

Where empty, short or repetitive outputs fill the positive arm, firing on degeneracy raises a measured F1 without knowing the
concept. Two comparisons within one arm show it, since there the concept is the same on both sides:

- On negatives no concept excuses firing on degenerate outputs more than on good ones.
- On positives a loop may repeat the concept's own words. That excuses firing on degenerate positives more than on good ones,
  as long as the lens tells degenerate positives from degenerate negatives.

Only intervals that do not meet count, so that a pack of a thousand lenses raises few alarms by chance.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.stats.estimate import Estimate

DEGENERATE_POSITIVE = "fires_on_degenerate_positive"
DEGENERATE_NEGATIVE = "fires_on_degenerate_negative"
GOOD_POSITIVE = "fires_on_good_positive"
GOOD_NEGATIVE = "fires_on_good_negative"


def shortcut_alarm(measures: Mapping[str, Estimate]) -> str | None:
    """Return one sentence where a lens's firing rates show a shortcut; None where they do not, or are unknown."""
    if _clearly_above(measures, DEGENERATE_NEGATIVE, GOOD_NEGATIVE):
        rates = _compared(measures, DEGENERATE_NEGATIVE, GOOD_NEGATIVE, arm="negatives")
        return f"{rates}: it has learnt to see degenerate text, whatever the text is about."
    excused = _clearly_above(measures, DEGENERATE_POSITIVE, DEGENERATE_NEGATIVE)
    if not excused and _clearly_above(measures, DEGENERATE_POSITIVE, GOOD_POSITIVE):
        rates = _compared(measures, DEGENERATE_POSITIVE, GOOD_POSITIVE, arm="positives")
        return f"{rates}, and nothing shows that it tells degenerate text on the concept from other degenerate text."
    return None


def _clearly_above(measures: Mapping[str, Estimate], higher: str, lower: str) -> bool:
    above, below = measures.get(higher), measures.get(lower)
    if above is None or below is None or above.low is None or below.high is None:
        return False
    return above.low > below.high


def _compared(measures: Mapping[str, Estimate], degenerate: str, good: str, *, arm: str) -> str:
    first, second = measures[degenerate], measures[good]
    return (
        f"This lens fires on {first.value:.0%} of {first.n} degenerate {arm} "
        f"but on {second.value:.0%} of {second.n} good ones"
    )
