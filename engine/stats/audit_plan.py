"""Which pairs to audit: a floor for every pair, and more where people and judge are expected to differ most.

Strata are quadrant × arm. A pair is drawn when its permanent random number is below its stratum's probability, so a probability
that grows only adds pairs; none ever shrinks. Neyman's allocation makes the overall gap's interval shortest for the number of
ratings: probabilities in proportion to a stratum's residual deviation ÷ pairs of the arm, between floor and 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from scipy.optimize import brentq
from scipy.special import stdtrit

from engine.stats.audit import welch_freedom
from engine.stats.audit_arm import AuditArm, audited_columns
from engine.stats.audit_mean import ArmMean, Target, estimate_arm, judge_weight, weighted_mean
from engine.stats.estimate import tail_probability
from engine.stats.findings import ARMS, Arm
from engine.stats.gap import LARGEST_GAP

FLOOR: Final = 0.05
"""The least probability with which any pair is drawn."""
_PRIOR_RATINGS: Final = 5
"""Ratings that what was assumed of a variance counts for, so that a few equal ones are not taken for certainty."""
_ANY_RATING: Final = 2.0
"""Variance of ratings when each of the five is as likely."""

Source = Literal["audit", "judge"]
StratumKey = tuple[str, Arm]
"""Quadrant ('none': not assigned) and arm."""


@dataclass(frozen=True, slots=True)
class Stratum:
    """Pairs of one quadrant and arm. ``variance`` is of what people will say beyond the judge, and from what it was learnt.

    ``probability`` is that in force, 0 before the first plan.
    """

    quadrant: str
    arm: Arm
    n_known: int
    n_rest: int
    variance: float
    learnt_from: Source
    probability: float = 0.0

    @property
    def n(self) -> int:
        """Pairs, known or not."""
        return self.n_known + self.n_rest


def describe_strata(
    arms: Mapping[StratumKey, AuditArm], *, probabilities: Mapping[StratumKey, float] | None = None
) -> list[Stratum]:
    """Return every stratum with the variance of its residuals, from the audit where it has begun, else from the judge."""
    in_force = probabilities or {}
    learnt = {name: _learn([(key, arm) for key, arm in arms.items() if key[1] == name]) for name in ARMS}
    return [
        Stratum(key[0], key[1], arm.n_known, arm.n_rest, *learnt[key[1]][key], in_force.get(key, 0.0))
        for key, arm in arms.items()
    ]


def _learn(strata: Sequence[tuple[StratumKey, AuditArm]]) -> dict[StratumKey, tuple[float, Source]]:
    """Residual variances of an arm's strata: each its own, held to what is known of the arm as far as it has few ratings."""
    whole = AuditArm.merge(arm for _, arm in strata)
    usual = whole.judge_mean or 0.0
    by_judge = {key: _shrunk(_judge_squares(arm, usual), arm.n_scored, _ANY_RATING) for key, arm in strata}
    columns = audited_columns(whole) if all(cell.probability for cell in whole.audited) else None
    if columns is None or whole.n_audited < 2:
        return {key: (variance, "judge") for key, variance in by_judge.items()}
    weight = judge_weight(columns)
    centre = weighted_mean(columns.human - weight * columns.judge, columns)
    prior = sum(by_judge[key] * arm.n for key, arm in strata) / whole.n
    of_arm = _shrunk(_residual_squares(whole, weight, centre, usual), whole.n_audited, prior)
    return {
        key: (_shrunk(_residual_squares(arm, weight, centre, usual), arm.n_audited, of_arm), "audit")
        for key, arm in strata
    }


def _judge_squares(arm: AuditArm, centre: float) -> float:
    """Sum of squared distances of the judge's ratings to a centre."""
    return max(arm.judge_squares - 2 * centre * arm.judge_total + arm.n_scored * centre**2, 0.0)


def _residual_squares(arm: AuditArm, weight: float, centre: float, usual: float) -> float:
    """The same of what people said beyond the judge."""
    residuals = ((c.n, c.human - weight * (usual if c.judge is None else c.judge)) for c in arm.audited)
    return sum(n * (residual - centre) ** 2 for n, residual in residuals)


def _shrunk(squares: float, n: int, prior: float) -> float:
    return (squares + _PRIOR_RATINGS * prior) / (n + _PRIOR_RATINGS)


def allocate(strata: Sequence[Stratum], n_ratings: float, *, floor: float = FLOOR) -> list[Stratum]:
    """Return the strata with the probabilities at which about so many pairs are drawn in all; none is below that in force.

    Fewer than the floor asks for, or than are drawn already, are not possible: then that many are drawn.
    """
    weights = _weights(strata)
    if not any(weight > 0 for weight in weights):
        return list(strata)

    def drawn(scale: float) -> list[Stratum]:
        return [
            replace(s, probability=min(max(scale * weight, floor, s.probability), 1.0)) if s.n_rest else s
            for s, weight in zip(strata, weights, strict=True)
        ]

    most = 1.0 / min(weight for weight in weights if weight > 0)
    # Asking once more for what a plan has drawn changes nothing.
    if expected_ratings(drawn(0.0)) >= n_ratings - 1e-6:
        return drawn(0.0)
    if expected_ratings(drawn(most)) <= n_ratings:
        return drawn(most)
    return drawn(brentq(lambda scale: expected_ratings(drawn(scale)) - n_ratings, 0.0, most))


def _weights(strata: Sequence[Stratum]) -> list[float]:
    """What Neyman's probabilities are in proportion to."""
    n = {name: sum(s.n for s in strata if s.arm == name) for name in ARMS}
    return [math.sqrt(s.variance) / n[s.arm] if s.n_rest else 0.0 for s in strata]


def expected_ratings(strata: Sequence[Stratum]) -> float:
    """Return how many pairs are drawn on average."""
    return sum(s.n_rest * s.probability for s in strata)


def expected_half_width(
    strata: Sequence[Stratum], *, spreads: Mapping[Arm, float], target: Target, confidence: float = 0.95
) -> float | None:
    """Return half the width of the gap's interval that is to be expected once all drawn pairs are rated.

    ``spreads`` are the variances of people's ratings in each arm. None where an arm has no pairs, or some that cannot be drawn.
    """
    variances = []
    for name in ARMS:
        own = [s for s in strata if s.arm == name]
        n = sum(s.n for s in own)
        if not n or any(s.n_rest and not s.probability for s in own):
            return None
        audit = sum(s.n_rest * s.variance * (1 / s.probability - 1) for s in own if s.n_rest) / n**2
        freedom = expected_ratings(own) - 1 if audit > 0 else n - 1
        variances.append((audit + (spreads[name] / n if target == "future" else 0.0), max(freedom, 1.0)))
    total = sum(variance for variance, _ in variances)
    return (
        float(stdtrit(welch_freedom(*variances), 1 - tail_probability(confidence))) * math.sqrt(total) if total else 0.0
    )


def allocate_for(
    strata: Sequence[Stratum],
    half_width: float,
    *,
    spreads: Mapping[Arm, float],
    target: Target,
    floor: float = FLOOR,
) -> list[Stratum] | str:
    """Return the strata with the fewest ratings that bring the overall gap to ± half_width, or why none do."""

    def excess(n_ratings: float) -> float:
        width = expected_half_width(allocate(strata, n_ratings, floor=floor), spreads=spreads, target=target)
        return (math.inf if width is None else width) - half_width

    fewest, most = expected_ratings(allocate(strata, 0, floor=floor)), sum(float(s.n_rest) for s in strata)
    if missing := [name for name in ARMS if not any(s.n for s in strata if s.arm == name)]:
        return f"the {' and the '.join(missing)} arm has no pair"
    if excess(most) > 0:
        # No gap lies farther off than its scale is long, whatever t makes of a few ratings.
        least = min(half_width + excess(most), LARGEST_GAP)
        return f"even with every pair rated, these samples alone leave ± {least:.2f} for future generations"
    return allocate(strata, fewest if excess(fewest) <= 0 else _root(excess, fewest, most), floor=floor)


def _root(excess: Callable[[float], float], low: float, high: float) -> float:
    """The number of ratings, to the next tenth, from which on there is no excess."""
    return math.ceil(10 * brentq(excess, low, high)) / 10


def arm_spreads(arms: Mapping[StratumKey, AuditArm]) -> dict[Arm, float]:
    """Return the variance of ratings in each arm: people's where the audit tells, else the judge's."""
    spreads: dict[Arm, float] = {}
    for name in ARMS:
        whole = AuditArm.merge(arm for key, arm in arms.items() if key[1] == name)
        found: ArmMean | str = estimate_arm(whole, name=name)
        judged = _shrunk(_judge_squares(whole, whole.judge_mean or 0.0), whole.n_scored, _ANY_RATING)
        spreads[name] = judged if isinstance(found, str) else found.spread
    return spreads
