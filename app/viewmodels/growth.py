"""A concept's learning curve as points, what it expects of more pairs, and the steps of its escalation in words."""

from dataclasses import dataclass
from typing import Final

from engine.stats.estimate import Estimate
from engine.stats.learning_curve import LearningCurve
from engine.stats.power_law import PowerLaw, asymptote, expected_f1, fit_power_law
from engine.words import UNKNOWN, integer, with_interval

DECISIONS: Final = {
    "more": ("More pairs", "It missed its target and got more pairs."),
    "graduated": ("Graduated", "It reached its target."),
    "ceiling": ("Stopped at its ceiling", "Its data do not permit the target, so more pairs would not help."),
    "exhausted": ("Stopped, pairs used up", "It got as many pairs as the steps allow."),
    "budget": ("Stopped, budget used up", "The budget was spent."),
}


@dataclass(frozen=True, slots=True)
class Point:
    """F1 as measured on average of lenses fitted on so many pairs, with its standard error."""

    n_train: int
    f1: float
    error: float


@dataclass(frozen=True, slots=True)
class Expected:
    """F1 that is expected with so many pairs."""

    n_pairs: int
    f1: Estimate


@dataclass(frozen=True, slots=True)
class Growth:
    """A learning curve as it is drawn: `expected` with the pairs that are there and with twice as many, `end` with ever more."""

    points: tuple[Point, ...]
    expected: tuple[Expected, ...]
    end: Estimate
    law: PowerLaw | None
    lens: str
    reason: str | None


def growth(curve: LearningCurve | None) -> Growth | None:
    """The curve's points and where it leads; None where none was measured."""
    if curve is None:
        return None
    points = tuple(
        Point(n, f1, curve.covariance[i][i] ** 0.5)
        for i, (n, f1) in enumerate(zip(curve.n_train, curve.f1, strict=True))
    )
    sizes = (curve.n_pairs, 2 * curve.n_pairs) if curve.n_pairs else ()
    expected = tuple(Expected(n, expected_f1(curve, n)) for n in sizes)
    end = asymptote(curve)
    return Growth(points, expected, end, fit_power_law(curve), curve.lens, curve.reason or end.reason)


def promise(shown: Growth) -> str:
    """What more pairs would give, in a sentence."""
    if shown.end.value is None or not shown.expected:
        return f"Where the curve ends is unknown: {shown.end.reason}."
    last = shown.expected[-1]
    return (
        f"Twice the pairs ({integer(last.n_pairs)}) would give F1 {with_interval(last.f1)}, and unlimited pairs "
        f"{with_interval(shown.end)}. Lenses: {shown.lens}."
    )


def decided(decision: str) -> tuple[str, str]:
    """A decision in words, and what it means."""
    return DECISIONS.get(decision, (decision or UNKNOWN, ""))
