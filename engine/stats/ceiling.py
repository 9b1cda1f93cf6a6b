"""The F1 that a study's data permit: every named model with its interval, and the target to recommend from one.

Shares enter as Jeffreys draws, Beta(k + 1/2, n - k + 1/2). Resampling the counts themselves is no alternative: ten good
ratings of ten resample to ten of ten, and the lower bound, which sets the target, becomes 1.0. Simulated at ten ratings an
arm and 2 % noise, that bound lay above the true ceiling in 64 % of studies by resampling and in none by these draws; over
ten to 120 ratings an arm and 1 to 30 % noise it did so in at most 3 %. The upper end is the cautious one: with ten ratings
an arm and 1 % noise it lay below the truth in 18 %.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.stats.ceiling_models import (
    FORMULAS,
    REFERENCE_LABELS,
    CeilingName,
    gap_linear_target,
    label_noise_ceiling,
    propagated_activation,
    propagation_ceiling,
    published_activation,
    published_ceiling,
)
from engine.stats.classification import always_positive_f1
from engine.stats.estimate import Estimate, known, unknown, without_interval
from engine.stats.gap import multinomial_bootstrap_gap
from engine.stats.histogram import RatingHistogram
from engine.stats.resampling import FloatArray, percentile_estimate
from engine.stats.summary import mean_estimate

TIERS = (0.85, 0.75, 0.70)

_NO_FORM = "no positive has a known form"
_NO_PREVALENCE = "an arm has no rating, so the share of positives is unknown"


@dataclass(frozen=True)
class Ceiling:
    """One model's ceiling. ``prevalence`` and ``floor`` (always-positive F1) are None while an arm is unrated."""

    name: CeilingName
    estimate: Estimate
    formula: str
    inputs: Mapping[str, float]
    reference_labels: str
    prevalence: float | None
    floor: float | None


@dataclass(frozen=True)
class Target:
    """The F1 to ask for, its tier (`asked`, `primary`, `falloff`, `minimum`, `none`), and why.

    ``value`` is None exactly when the tier is `none`.
    """

    value: float | None
    tier: str
    reason: str


@dataclass(frozen=True)
class _Share:
    """A share with its Jeffreys draws; ``n`` is what it is a share of."""

    value: float
    draws: FloatArray
    n: int


def ceilings_from_counts(
    *,
    positive: RatingHistogram,
    negative: RatingHistogram,
    good_positive: int,
    n_positive: int,
    k: int = 2,
    stability: float = 0.75,
    prevalence: float | None = None,
    n_resamples: int = 1000,
    seed: int,
    confidence: float = 0.95,
) -> dict[CeilingName, Ceiling]:
    """Return every model's ceiling, in the order `published`, `propagation`, `label_noise`, `gap_linear`.

    ``good_positive`` of ``n_positive`` positives with a known form are good; a rating <= ``k`` counts as off-topic.
    ``prevalence`` is the share of positives, by default that among the ratings. A model that lacks its inputs is
    unknown with a reason. ValueError for counts or shares outside their range.
    """
    _check(good_positive=good_positive, n_positive=n_positive, stability=stability, prevalence=prevalence)
    rng = np.random.default_rng(seed)
    good = _share(good_positive, n_positive, n_resamples, rng)
    off_topic = _share(positive.count_at_most(k), positive.n, n_resamples, rng)
    on_topic = _share(negative.n - negative.count_at_most(k), negative.n, n_resamples, rng)
    if prevalence is None and positive.n and negative.n:
        prevalence = positive.n / (positive.n + negative.n)
    gap = multinomial_bootstrap_gap(positive, negative, n_resamples=n_resamples, seed=seed, confidence=confidence)
    method = f"Jeffreys draws, {n_resamples} of them, {confidence:.0%}"
    models = (
        _published(good, prevalence, confidence=confidence, method=method),
        _propagation(good, prevalence, stability=stability, confidence=confidence, method=method),
        _label_noise(off_topic, on_topic, prevalence, k=k, confidence=confidence, method=method),
        _gap_linear(gap, prevalence),
    )
    return {ceiling.name: ceiling for ceiling in models}


def ceiling_values(
    *,
    positive: RatingHistogram,
    negative: RatingHistogram,
    good_positive: int,
    n_positive: int,
    k: int = 2,
    stability: float = 0.75,
) -> dict[CeilingName, float | None]:
    """Return the values of `ceilings_from_counts` without intervals, a hundred times as fast; None where unknown."""
    good = good_positive / n_positive if n_positive else None
    prevalence = positive.n / (positive.n + negative.n) if positive.n and negative.n else None
    values: dict[CeilingName, float | None] = {
        "published": None if good is None else published_ceiling(good),
        "propagation": None,
        "label_noise": None,
        "gap_linear": None,
    }
    if prevalence is None or positive.mean is None or negative.mean is None:
        return values
    if good is not None:
        values["propagation"] = float(propagation_ceiling(good, prevalence=prevalence, stability=stability))
    off_topic = positive.count_at_most(k) / positive.n
    on_topic = 1 - negative.count_at_most(k) / negative.n
    values["label_noise"] = float(label_noise_ceiling(off_topic, on_topic, prevalence=prevalence))
    values["gap_linear"] = gap_linear_target(positive.mean - negative.mean)
    return values


def mean_ceilings(
    concepts: Sequence[Mapping[CeilingName, float | None]], pooled: Mapping[CeilingName, Ceiling]
) -> dict[CeilingName, Ceiling]:
    """Return the mean over concepts of each model's ceiling, comparable with a mean F1, with concepts as the units.

    The formulas are not linear, so the ceiling of the pooled counts (`pooled`, whose inputs, prevalence and floor are kept)
    is not the mean; and its interval would leave out that concepts differ. Student's t over concepts, not below the floor.
    """
    means: dict[CeilingName, Ceiling] = {}
    for name, ceiling in pooled.items():
        values = [value for concept in concepts if (value := concept[name]) is not None]
        lowest = min(ceiling.floor or 0.0, *values) if values else 0.0
        means[name] = replace(ceiling, estimate=mean_estimate(values, bounds=(lowest, 1.0))) if values else ceiling
    return means


def recommended_target(
    ceiling_low: float | None, *, user_target: float = 0.95, tiers: Sequence[float] = TIERS, floor: float | None = None
) -> Target:
    """Return min(user's target, ceiling's lower bound), rounded down to the tiers, of which the user's target is the first.

    Tiers above the user's target are left out, and so are those up to ``floor``, the always-positive F1: falling back to them
    would ask for nothing. (A user's target that low stands, and the reason says so.) No target when the bound is unknown or
    below every tier that is left.
    """
    if ceiling_low is None:
        return Target(None, "none", "the ceiling's lower bound is unknown")
    ordered = sorted(set(tiers), reverse=True)
    steps = [("asked", user_target)] + [(_tier_name(t, ordered), t) for t in ordered if t < user_target]
    for tier, value in steps:
        # A bound that equals a tier except for rounding in its last digits supports that tier.
        if ceiling_low < value - 1e-9:
            continue
        reason = f"the ceiling's lower bound is {ceiling_low:.3f}"
        if floor is not None and value <= floor:
            reason += f", and always answering yes reaches {floor:.3f}"
        stands = tier == "asked" or floor is None or value > floor
        return Target(value, tier, reason) if stands else Target(None, "none", reason)
    lowest = steps[-1][1]
    return Target(None, "none", f"the ceiling's lower bound {ceiling_low:.3f} is below the lowest tier {lowest:.2f}")


def _tier_name(tier: float, ordered: Sequence[float]) -> str:
    if tier == ordered[0]:
        return "primary"
    return "minimum" if tier == ordered[-1] else "falloff"


def _check(*, good_positive: int, n_positive: int, stability: float, prevalence: float | None) -> None:
    if not 0 <= good_positive <= n_positive:
        raise ValueError(f"good_positive lies between 0 and n_positive, got {good_positive} of {n_positive}")
    if not 0.0 <= stability <= 1.0:
        raise ValueError(f"stability lies between 0 and 1, got {stability}")
    if prevalence is not None and not 0.0 < prevalence < 1.0:
        raise ValueError(f"prevalence lies between 0 and 1, got {prevalence}")


def _share(count: int, n: int, n_resamples: int, rng: np.random.Generator) -> _Share | None:
    return _Share(count / n, rng.beta(count + 0.5, n - count + 0.5, size=n_resamples), n) if n else None


def _ceiling(name: CeilingName, estimate: Estimate, inputs: dict[str, float], prevalence: float | None) -> Ceiling:
    floor = None if prevalence is None else always_positive_f1(prevalence)
    return Ceiling(name, estimate, FORMULAS[name], inputs, REFERENCE_LABELS[name], prevalence, floor)


def _published(good: _Share | None, prevalence: float | None, *, confidence: float, method: str) -> Ceiling:
    if good is None:
        return _ceiling("published", unknown(_NO_FORM, method=method), {}, prevalence)
    value, draws = published_ceiling(good.value), published_ceiling(good.draws)
    inputs = {"good": good.value, "activation": published_activation(good.value)}
    estimate = percentile_estimate(value, draws, n=good.n, confidence=confidence, method=method)
    return _ceiling("published", estimate, inputs, prevalence)


def _propagation(
    good: _Share | None, prevalence: float | None, *, stability: float, confidence: float, method: str
) -> Ceiling:
    inputs = {"stability": stability}
    if good is None:
        return _ceiling("propagation", unknown(_NO_FORM, method=method), inputs, prevalence)
    inputs |= {"good": good.value, "activation": propagated_activation(good.value, stability=stability)}
    if prevalence is None:
        return _ceiling("propagation", unknown(_NO_PREVALENCE, n=good.n, method=method), inputs, None)
    value = propagation_ceiling(good.value, prevalence=prevalence, stability=stability)
    draws = propagation_ceiling(good.draws, prevalence=prevalence, stability=stability)
    estimate = percentile_estimate(float(value), draws, n=good.n, confidence=confidence, method=method)
    return _ceiling("propagation", estimate, inputs, prevalence)


def _label_noise(
    off_topic: _Share | None,
    on_topic: _Share | None,
    prevalence: float | None,
    *,
    k: int,
    confidence: float,
    method: str,
) -> Ceiling:
    rates = {"off_topic_positive": off_topic, "on_topic_negative": on_topic}
    inputs = {"k": float(k)} | {name: rate.value for name, rate in rates.items() if rate is not None}
    n = sum(rate.n for rate in rates.values() if rate is not None)
    if off_topic is None or on_topic is None or prevalence is None:
        reason = f"no rating in the {'positive' if off_topic is None else 'negative'} arm"
        return _ceiling("label_noise", unknown(reason, n=n, method=method), inputs, prevalence)
    value = label_noise_ceiling(off_topic.value, on_topic.value, prevalence=prevalence)
    draws = label_noise_ceiling(off_topic.draws, on_topic.draws, prevalence=prevalence)
    estimate = percentile_estimate(float(value), draws, n=n, confidence=confidence, method=method)
    if estimate.low == estimate.high:
        because = "every draw lies at the floor of always answering yes, which says nothing of the data"
        estimate = without_interval(float(value), n=n, method=method, because=because)
    return _ceiling("label_noise", estimate, inputs, prevalence)


def _gap_linear(gap: Estimate, prevalence: float | None) -> Ceiling:
    """Map the gap's interval through the rule, which never decreases and so maps its ends to ends."""
    if gap.value is None:
        return _ceiling("gap_linear", unknown(gap.reason or "", n=gap.n, method=gap.method), {}, prevalence)
    value, inputs = gap_linear_target(gap.value), {"gap": gap.value}
    if gap.low is None or gap.high is None:
        estimate = Estimate(value, None, None, gap.n, None, gap.method)
    else:
        estimate = known(value, gap_linear_target(gap.low), gap_linear_target(gap.high), n=gap.n, method=gap.method)
    return _ceiling("gap_linear", estimate, inputs, prevalence)
