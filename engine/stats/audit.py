"""What an audit licenses: mean ratings of both arms and their gap, each with an interval, or the reason why there is none.

Every estimate is for one of two targets, which its method names: what people would say of these samples, or of future ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, get_args

from scipy.special import stdtrit

from engine.stats.audit_arm import AuditArm
from engine.stats.audit_mean import ArmMean, Target, estimate_arm
from engine.stats.estimate import Estimate, known, tail_probability, unknown, without_interval
from engine.stats.findings import Arm
from engine.stats.gap import LARGEST_GAP

TARGETS: Final[tuple[Target, ...]] = get_args(Target)
TARGET_NAMES: Final[Mapping[Target, str]] = {"samples": "these samples", "future": "future generations"}
WEAK_BELOW_AUDITED: Final = 12
"""Audited pairs an arm below which 95 % intervals held the truth in 92 to 93 % of simulated studies."""
_NO_SPREAD: Final = 1e-20
"""Variance below which rounding explains it."""


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """Means of both arms and their gap, each for both targets; a judge's weight is None where the arm's mean is unknown.

    ``weak`` where an arm has too few audited pairs to trust the intervals.
    """

    positive: Mapping[Target, Estimate]
    negative: Mapping[Target, Estimate]
    gap: Mapping[Target, Estimate]
    judge_weights: Mapping[Arm, float | None]
    weak: bool


def find_audited(positive: AuditArm, negative: AuditArm, *, confidence: float = 0.95) -> AuditFinding:
    """Return all that the audit of two arms licenses; what it does not license is unknown with a reason."""
    arms: dict[Arm, ArmMean | str] = {
        "positive": estimate_arm(positive, name="positive"),
        "negative": estimate_arm(negative, name="negative"),
    }
    n: dict[Arm, int] = {"positive": n_rated(positive), "negative": n_rated(negative)}
    means = {
        name: {target: mean_rating(arm, target, n=n[name], confidence=confidence) for target in TARGETS}
        for name, arm in arms.items()
    }
    gap = {
        target: audit_gap(arms["positive"], arms["negative"], target, n=sum(n.values()), confidence=confidence)
        for target in TARGETS
    }
    weights = {name: None if isinstance(arm, str) else arm.judge_weight for name, arm in arms.items()}
    weak = any(not arm.is_complete and arm.n_audited < WEAK_BELOW_AUDITED for arm in (positive, negative))
    return AuditFinding(means["positive"], means["negative"], gap, weights, weak)


def n_rated(arm: AuditArm) -> int:
    """Return the number of pairs that people rated: known ones and audited ones."""
    return arm.n_known + arm.n_audited


def mean_rating(arm: ArmMean | str, target: Target, *, n: int, confidence: float) -> Estimate:
    """Return an arm's mean rating with Student's interval; n counts the ratings by people."""
    method = _method(target, "Student t", confidence)
    if isinstance(arm, str):
        return unknown(arm, n=n, method=method)
    value, variance = min(max(arm.value, 1.0), 5.0), arm.variance(target)
    if because := _why_no_interval(arm, target):
        return without_interval(value, n=n, method=method, because=because)
    half = _half_width(variance, arm.freedom, confidence)
    return known(value, max(value - half, 1.0), min(value + half, 5.0), n=n, method=method)


def audit_gap(
    positive: ArmMean | str, negative: ArmMean | str, target: Target, *, n: int, confidence: float = 0.95
) -> Estimate:
    """Return the gap of two audited arms with Welch's interval; n counts the ratings by people."""
    method = _method(target, "Welch t", confidence)
    if isinstance(positive, str) or isinstance(negative, str):
        reasons = [arm for arm in (positive, negative) if isinstance(arm, str)]
        return unknown("; ".join(reasons), n=n, method=method)
    value = min(max(positive.value - negative.value, -LARGEST_GAP), LARGEST_GAP)
    reasons = [f"in the {name} arm {because}" for name, because in _gap_obstacles(positive, negative, target)]
    if reasons:
        return without_interval(value, n=n, method=method, because="; ".join(reasons))
    a, b = positive.variance(target), negative.variance(target)
    half = _half_width(a + b, welch_freedom((a, positive.freedom), (b, negative.freedom)), confidence)
    return known(value, max(value - half, -LARGEST_GAP), min(value + half, LARGEST_GAP), n=n, method=method)


def _gap_obstacles(positive: ArmMean, negative: ArmMean, target: Target) -> list[tuple[Arm, str]]:
    arms: tuple[tuple[Arm, ArmMean], ...] = (("positive", positive), ("negative", negative))
    return [(name, because) for name, arm in arms if (because := _why_no_interval(arm, target))]


def _why_no_interval(arm: ArmMean, target: Target) -> str | None:
    if not arm.is_certain and arm.audit_variance < _NO_SPREAD:
        return "the judge and people agree on every audited pair, which does not show how often the judge is wrong"
    return "the ratings do not vary" if target == "future" and arm.spread < _NO_SPREAD else None


def welch_freedom(*variances: tuple[float, float]) -> float:
    """Return the degrees of freedom of a sum of variances, each with its own (Welch and Satterthwaite); infinity for 0."""
    shares = sum(variance**2 / freedom for variance, freedom in variances if variance > 0)
    return sum(variance for variance, _ in variances) ** 2 / shares if shares > 0 else math.inf


def _half_width(variance: float, freedom: float, confidence: float) -> float:
    quantile = float(stdtrit(freedom, 1.0 - tail_probability(confidence))) if variance > 0 else 0.0
    return quantile * math.sqrt(variance)


def _method(target: Target, interval: str, confidence: float) -> str:
    return f"census and weighted audit, for {TARGET_NAMES[target]}, {interval}, {confidence:.0%}"
