"""When a concept has pairs enough: the rule by which its lens graduates, goes on, or stops.

A lens graduates at a tier when its held-out F1 reaches it and its F1 on training pairs is not much higher. The tiers are the
concept's target and the falloff tiers below it; a falloff tier that always answering yes would reach is none. While a
concept may still get pairs, the highest tier that its ceiling permits is the only one that counts. Once nothing is left to
give it, it graduates at the highest tier that it reaches.

A tier is permitted while it is not above the upper bound of the ceiling. Only where that bound lies below every tier does
the ceiling stop a concept: an F1 near the ceiling's value may still reach a tier that its interval holds.

Looking several times and stopping at the first good F1 favours luck: docs/targets.md says how much, and `by="lower-bound"`
asks the interval's lower end to reach the tier instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from engine.stats.estimate import Estimate

Decision = Literal["more", "graduated", "ceiling", "exhausted", "budget"]
End = Literal["exhausted", "budget"]
"""Why a concept can get no more pairs: it has those of the last step, or all texts that the settings allow are used."""
By = Literal["value", "lower-bound"]
_ROUNDING = 1e-9
"""A number that equals a tier but for its last digits reaches it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What holds for every concept."""

    falloff: tuple[float, ...] = (0.75, 0.70)
    train_gap: float = 0.10
    by: By = "value"


@dataclass(frozen=True, slots=True)
class Goal:
    """What is asked of one concept, and the ceiling that its data set where that is known."""

    target: float
    ceiling: Estimate | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """What a concept's lens reaches; None is unknown."""

    f1: Estimate
    train_f1: float | None
    always_positive_f1: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a concept; `reached` is the tier that it graduated at."""

    decision: Decision
    reached: float | None
    why: str


def decide(goal: Goal, measured: Measured, rule: Rule, *, end: End | None = None) -> Outcome:
    """Decide about one concept after a step; with `end` it stops, whatever it has reached."""
    tiers = choose_tiers(goal, rule, floor=measured.always_positive_f1)
    permitted = [tier for tier in tiers if _permits(goal.ceiling, tier)]
    if not permitted:
        bound = f"the upper bound of its ceiling {shown(goal.ceiling)} is below {tiers[-1]:.2f}, the lowest tier"
        return Outcome("ceiling", None, bound)
    met = next((tier for tier in permitted if _falls_short(measured, rule, tier) is None), None)
    lowered = (
        f"; its ceiling {shown(goal.ceiling)} does not permit {goal.target:.2f}" if permitted[0] < goal.target else ""
    )
    if met == permitted[0]:
        return Outcome("graduated", met, f"F1 {shown(measured.f1)} reaches {met:.2f}{lowered}")
    short = f"{_falls_short(measured, rule, permitted[0])}{lowered}"
    if not end:
        return Outcome("more", None, short)
    left = "no pairs are left to give" if end == "exhausted" else "all texts that the settings allow are used"
    if met is not None:
        return Outcome("graduated", met, f"{short}, and {left}; it reaches {met:.2f}")
    # Who reaches no tier falls short of the lowest one.
    return Outcome(end, None, f"{_falls_short(measured, rule, permitted[-1])}{lowered}, and {left}")


def is_held_back(target: float, measured: Measured, rule: Rule) -> bool:
    """Whether the F1 on training pairs alone keeps a lens from the lowest of its tiers, and so from all."""
    lowest = choose_tiers(Goal(target), rule, floor=measured.always_positive_f1)[-1]
    lax = replace(rule, train_gap=1.0)
    return _falls_short(measured, rule, lowest) is not None and _falls_short(measured, lax, lowest) is None


def choose_tiers(goal: Goal, rule: Rule, *, floor: float | None) -> tuple[float, ...]:
    """The target and the falloff tiers below it, highest first; without falloff tiers that always answering yes reaches."""
    below = {tier for tier in rule.falloff if tier < goal.target and (floor is None or tier > floor)}
    return (goal.target, *sorted(below, reverse=True))


def best_layers(
    f1: Sequence[tuple[str, tuple[int, ...], float | None]],
) -> tuple[int, ...] | None:
    """The layers of the best mean F1, from rows of concept, layers and F1; None where nothing has been measured.

    Means are over the concepts that every one of the layers has an F1 of. Chosen for all concepts together: the best of
    several layers for each concept would be picked by chance. Of equal ones the first.
    """
    known: dict[tuple[int, ...], dict[str, float]] = {}
    for concept, layers, value in f1:
        if value is not None:
            known.setdefault(layers, {})[concept] = value
    if not known:
        return None
    shared = set.intersection(*(set(of_layer) for of_layer in known.values()))
    if not shared:
        return max(sorted(known), key=lambda layers: len(known[layers]))
    return max(sorted(known), key=lambda layers: sum(known[layers][concept] for concept in sorted(shared)))


def shown(estimate: Estimate | None) -> str:
    """A value with its interval and n, in words."""
    if estimate is None or estimate.value is None:
        return "unknown"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.2f} (no interval)"
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"


def _permits(ceiling: Estimate | None, tier: float) -> bool:
    """Whether the upper bound of the ceiling, or its value where it has no bounds, is not below the tier."""
    if ceiling is None or ceiling.value is None:
        return True
    return tier <= (ceiling.value if ceiling.high is None else ceiling.high) + _ROUNDING


def _falls_short(measured: Measured, rule: Rule, tier: float) -> str | None:
    """Why a lens does not graduate at a tier; None where it does."""
    f1, low = measured.f1, measured.f1.low
    if f1.value is None:
        return f"it has no F1: {f1.reason}"
    if rule.by == "lower-bound" and low is None:
        return f"F1 {f1.value:.2f} has no interval whose lower end could reach {tier:.2f}"
    asked = low if rule.by == "lower-bound" and low is not None else f1.value
    if asked < tier - _ROUNDING:
        return f"{'the lower end of ' if rule.by == 'lower-bound' else ''}F1 {shown(f1)} is below {tier:.2f}"
    if measured.train_f1 is None:
        return f"F1 {shown(f1)} reaches {tier:.2f}, but the F1 on training pairs is unknown"
    if measured.train_f1 - f1.value > rule.train_gap + _ROUNDING:
        more = f"{measured.train_f1 - f1.value:.2f} higher, and --train-gap allows {rule.train_gap:.2f}"
        return f"F1 {shown(f1)} reaches {tier:.2f}, but on training pairs it is {more}"
    return None
