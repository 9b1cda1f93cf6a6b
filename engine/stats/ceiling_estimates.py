"""One function a ceiling model: from what it needs to the ceiling with its interval, or the reason why it is unknown.

The formulas are in `ceiling_models`, the fit behind `empirical` in `power_law`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
from engine.stats.learning_curve import LearningCurve
from engine.stats.power_law import asymptote, fit_power_law
from engine.stats.resampling import percentile_estimate
from engine.stats.shares import Share

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


def _ceiling(name: CeilingName, estimate: Estimate, inputs: dict[str, float], prevalence: float | None) -> Ceiling:
    floor = None if prevalence is None else always_positive_f1(prevalence)
    return Ceiling(name, estimate, FORMULAS[name], inputs, REFERENCE_LABELS[name], prevalence, floor)


def published(good: Share | None, prevalence: float | None, *, confidence: float, method: str) -> Ceiling:
    """The published table's rule, from the share of good positives."""
    if good is None:
        return _ceiling("published", unknown(_NO_FORM, method=method), {}, prevalence)
    value, draws = published_ceiling(good.value), published_ceiling(good.draws)
    inputs = {"good": good.value, "activation": published_activation(good.value)}
    estimate = percentile_estimate(value, draws, n=good.n, confidence=confidence, method=method)
    return _ceiling("published", estimate, inputs, prevalence)


def propagation(
    good: Share | None, prevalence: float | None, *, stability: float, confidence: float, method: str
) -> Ceiling:
    """The report's argument carried through, from the share of good positives and the stability of activations."""
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


def label_noise(
    off_topic: Share | None,
    on_topic: Share | None,
    prevalence: float | None,
    *,
    k: int,
    confidence: float,
    method: str,
) -> Ceiling:
    """The theorem about noisy labels, from the shares of off-topic positives and on-topic negatives at cut-off k."""
    rates = {"off_topic_positive": off_topic, "on_topic_negative": on_topic}
    inputs = {"k": float(k)} | {name: rate.value for name, rate in rates.items() if rate is not None}
    n = sum(rate.n for rate in rates.values() if rate is not None)
    if off_topic is None or on_topic is None or prevalence is None:
        empty = [arm for arm, rate in (("positive", off_topic), ("negative", on_topic)) if rate is None]
        reason = f"no rating in the {' and the '.join(empty)} arm"
        return _ceiling("label_noise", unknown(reason, n=n, method=method), inputs, prevalence)
    value = label_noise_ceiling(off_topic.value, on_topic.value, prevalence=prevalence)
    draws = label_noise_ceiling(off_topic.draws, on_topic.draws, prevalence=prevalence)
    estimate = percentile_estimate(float(value), draws, n=n, confidence=confidence, method=method)
    if estimate.low == estimate.high:
        because = "every draw gives only the F1 of always answering yes, which says nothing about the data"
        estimate = without_interval(float(value), n=n, method=method, because=because)
    return _ceiling("label_noise", estimate, inputs, prevalence)


def gap_linear(gap: Estimate, prevalence: float | None) -> Ceiling:
    """The study script's rule. It never decreases with the gap, and so maps the ends of its interval to ends."""
    if gap.value is None:
        return _ceiling("gap_linear", unknown(gap.reason or "", n=gap.n, method=gap.method), {}, prevalence)
    value, inputs = gap_linear_target(gap.value), {"gap": gap.value}
    if gap.low is None or gap.high is None:
        estimate = Estimate(value, None, None, gap.n, None, gap.method)
    else:
        estimate = known(value, gap_linear_target(gap.low), gap_linear_target(gap.high), n=gap.n, method=gap.method)
    return _ceiling("gap_linear", estimate, inputs, prevalence)


def empirical(curve: LearningCurve | None, *, confidence: float = 0.95) -> Ceiling:
    """Where measured F1 leads as pairs are added. Prevalence and floor are those of the pairs that the lenses were fitted on."""
    estimate = asymptote(curve, confidence=confidence)
    law = fit_power_law(curve) if curve else None
    inputs = {"b": law.b, "c": law.c} if law else {}
    if curve and law:
        inputs |= {f"F1 at {n} pairs": law.f1(n) for n in (curve.n_pairs, 2 * curve.n_pairs)}
    return _ceiling("empirical", estimate, inputs, curve.prevalence if curve else None)
