"""What an audit licenses: mean ratings and gap of all pairs, from a judge's ratings and those of drawn pairs that people rated.

Pairs that people had overridden before the audit began are taken as known, a census. Of the rest each pair was drawn with a
known probability; those that were rated correct the judge, whose ratings count by as much as they foretell people's (λ). With
known pairs O, the N_R others R of N in all, judge f, person Y, drawn and rated ξ, probability π:

    mean = (Σ_O Y + λ Σ_R f + N_R r) / N,  r = Σ_R ξ (Y - λ f) / π ÷ Σ_R ξ / π
    variance = Σ_R ξ (1 - π) / π² (Y - λ f - r)² / N², and (variance of Y) / N more for generations that are yet to come

The variance is multiplied to be that of the number of pairs drawn in fact, and of λ and r being fitted: without that, simulated
intervals were a little too narrow. λ is the slope of Y on f with weights (1 - π) / π², cut to 0…1. Sources: PPI++ (arXiv
2311.01453), active statistical inference (2403.03208), unequal probabilities (2501.18577), strata (2406.04291).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from scipy.special import stdtrit

from engine.stats.audit_arm import AuditArm, AuditedColumns, audited_columns, weigh_answers
from engine.stats.estimate import Estimate, known, tail_probability, unknown, without_interval
from engine.stats.findings import Arm
from engine.stats.gap import LARGEST_GAP
from engine.stats.resampling import FloatArray

Target = Literal["samples", "future"]
TARGETS: Final[tuple[Target, ...]] = get_args(Target)
TARGET_NAMES: Final[Mapping[Target, str]] = {"samples": "these samples", "future": "future generations"}
WEAK_BELOW_AUDITED: Final = 12
"""Audited pairs an arm below which 95 % intervals held the truth in 92 to 93 % of simulated studies."""
_NO_SPREAD: Final = 1e-20
"""Variance below which rounding explains it."""


@dataclass(frozen=True, slots=True)
class ArmMean:
    """An arm's mean rating. ``audit_variance`` is due to pairs that nobody rated, ``spread`` is the variance of ratings.

    ``judge_weight`` is λ, ``freedom`` the degrees of freedom of both variances. ``is_certain`` where people rated every pair;
    elsewhere a variance of 0 is no evidence.
    """

    value: float
    audit_variance: float
    spread: float
    judge_weight: float
    n: int
    freedom: float
    is_certain: bool

    def variance(self, target: Target) -> float:
        """Return the mean's variance as an estimate for these samples, or for generations like them."""
        return self.audit_variance + (self.spread / self.n if target == "future" else 0.0)


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


def estimate_arm(arm: AuditArm, *, name: Arm) -> ArmMean | str:
    """Return the mean of an arm with its variances, or the reason why the audit licenses none."""
    arm = weigh_answers(arm)
    if reason := _why_unknown(arm, name):
        return reason
    columns = audited_columns(arm)
    weight = judge_weight(columns)
    residuals = columns.human - weight * columns.judge
    correction = weighted_mean(residuals, columns)
    value = (arm.known_total + arm.n_rest * (weight * (arm.judge_mean or 0.0) + correction)) / arm.n
    shares = _uncertain_shares(columns)
    squares = float(shares @ (residuals - correction) ** 2)
    n_effective = _effective_number(columns)
    return ArmMean(
        value=value,
        audit_variance=squares * _drawn_factor(arm, columns) * _fitted_factor(n_effective, weight) / arm.n**2,
        spread=_spread(arm, columns, value),
        judge_weight=weight,
        n=arm.n,
        freedom=float(arm.n - 1) if arm.is_complete else max(n_effective - 1, 1.0),
        is_certain=arm.is_complete,
    )


def _uncertain_shares(columns: AuditedColumns) -> FloatArray:
    """How much of the variance one squared residual of each cell is, times its number of pairs."""
    return columns.n * (1 - columns.probability) / columns.probability**2


def _effective_number(columns: AuditedColumns) -> float:
    """Number of audited pairs of equal probability that would tell as much of the variance (Kish)."""
    shares = _uncertain_shares(columns)
    return float(shares.sum() ** 2 / (shares**2 / columns.n).sum()) if shares.sum() > 0 else float(columns.n.sum())


def _drawn_factor(arm: AuditArm, columns: AuditedColumns) -> float:
    """What makes the variance that of the number of pairs drawn in fact, which by chance is larger or smaller than planned."""
    stand_for = float((columns.n / columns.probability).sum())
    return (arm.n_rest / stand_for) ** 2 if stand_for else 1.0


def _fitted_factor(n: float, weight: float) -> float:
    """What residuals are too small by, since r, and λ where it was not cut, were fitted to them."""
    return n / max(n - 1 - (0.0 < weight < 1.0), 1.0)


def judge_weight(columns: AuditedColumns) -> float:
    """Return λ: how much of a difference between two of the judge's ratings people's ratings show, from 0 to 1."""
    weights = _uncertain_shares(columns)
    if not weights.sum() > 0:
        return 0.0
    judge = columns.judge - np.average(columns.judge, weights=weights)
    human = columns.human - np.average(columns.human, weights=weights)
    spread = float(weights @ judge**2)
    # A judge that gives everything the same rating foretells nothing; what is left of a spread then is rounding.
    if spread <= 1e-12 * float(weights.sum()):
        return 0.0
    return min(max(float(weights @ (judge * human)) / spread, 0.0), 1.0)


def weighted_mean(values: FloatArray, columns: AuditedColumns) -> float:
    """Return the mean over the pairs that the audited ones stand for; 0 where none was audited."""
    return float(np.average(values, weights=columns.n / columns.probability)) if values.size else 0.0


def _spread(arm: AuditArm, columns: AuditedColumns, mean: float) -> float:
    """Variance of people's ratings over all pairs, those of the rest by the audited ones."""
    known = arm.known_squares - 2 * mean * arm.known_total + arm.n_known * mean**2
    rest = arm.n_rest * weighted_mean((columns.human - mean) ** 2, columns)
    return max(known + rest, 0.0) / (arm.n - 1)


def _why_unknown(arm: AuditArm, name: Arm) -> str | None:
    """Why the audit says nothing of an arm; None where it does."""
    where, n_unlogged = f"of the {name} arm", sum(cell.n for cell in arm.audited if cell.probability is None)
    if arm.n < 2:
        return f"the {name} arm has {'one pair only' if arm.n else 'no pair'}"
    if n_unlogged:
        return f"for {n_unlogged:,} of {arm.n_audited:,} audit ratings {where} nobody logged how likely they were to be drawn"
    if arm.is_complete:
        return None
    if not arm.n_scored:
        return f"the judge has scored no pair {where} beside those that people overrode"
    if arm.n_audited < 2:
        return f"{'only one pair' if arm.n_audited else 'no pair'} {where} is audited; two are the least"
    if arm.n_unanswered:
        return f"none of the {arm.n_unanswered:,} pairs that were drawn from some quadrant {where} is rated yet"
    ratings = {cell.human for cell in arm.audited}
    if len(ratings) == 1:
        return (
            f"all {arm.n_audited:,} audit ratings {where} are {ratings.pop():g}, which does not show how ratings spread"
        )
    return None


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
        return "the judge foretold every audited rating, which does not show how often it fails"
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
