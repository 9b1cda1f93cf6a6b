"""The mean rating of one arm from a judge's ratings, a census of known pairs and an audit of the rest.

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

from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.stats.audit_arm import AuditArm, AuditedColumns, audited_columns, weigh_answers
from engine.stats.findings import Arm
from engine.stats.resampling import FloatArray

Target = Literal["samples", "future"]


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
    # Rounded, so that what rounding leaves of 0 is not taken for a slope.
    return min(max(round(float(weights @ (judge * human)) / spread, 12), 0.0), 1.0)


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
        return f"for {n_unlogged:,} of {arm.n_audited:,} audit ratings {where} the probability of being drawn was not recorded"
    if arm.is_complete:
        return None
    if not arm.n_scored:
        return f"the judge has rated no pair {where} except those that people overrode"
    if arm.n_audited < 2:
        return f"{'only one pair' if arm.n_audited else 'no pair'} {where} is audited; at least two are needed"
    if arm.n_unanswered:
        drawn = (
            "the one pair that was" if arm.n_unanswered == 1 else f"none of the {arm.n_unanswered:,} pairs that were"
        )
        is_rated = "is not rated yet" if arm.n_unanswered == 1 else "is rated yet"
        return f"{drawn} drawn from some quadrant {where} {is_rated}"
    ratings = {cell.human for cell in arm.audited}
    if len(ratings) == 1:
        return (
            f"all {arm.n_audited:,} audit ratings {where} are {ratings.pop():g}, which does not show how ratings vary"
        )
    return None
