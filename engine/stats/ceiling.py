"""The F1 that a study's data permit: every named model with its interval, side by side.

`ceiling_models` has the formulas, `ceiling_estimates` a function a model, `learning_curve` what `empirical` rests on,
`ceiling_sensitivity` what would be if stability, cut-off or prevalence were others, `ceiling_target` the F1 to ask for.

Shares enter as Jeffreys draws (`shares`). Simulated over 2,000 studies at each of 10, 30, 60 and 120 ratings an arm and 1 to
30 % noise, the lower bound of `label_noise`, which sets the target, lay above the true ceiling in at most 3 %; by resampling
the counts, at ten ratings an arm and 2 % noise, it did so in 65 %. The upper end is the cautious one: with ten ratings an arm
and 1 % noise it lay below the truth in 18 %. (`bench/ceilings.py` prints these.)

Ratings are counted whether or not their text was captured; lenses use captured pairs. A pair without an activation is rare,
and its rating still says what the model writes. The prevalence of `empirical` is that of the captured pairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from engine.stats.ceiling_estimates import Ceiling, empirical, gap_linear, label_noise, propagation, published
from engine.stats.ceiling_models import (
    CeilingName,
    gap_linear_target,
    label_noise_ceiling,
    propagation_ceiling,
    published_ceiling,
)
from engine.stats.ceiling_target import TIERS, Target, recommended_target
from engine.stats.gap import multinomial_bootstrap_gap
from engine.stats.histogram import RatingHistogram
from engine.stats.learning_curve import LearningCurve
from engine.stats.shares import draw_share
from engine.stats.summary import mean_estimate

__all__ = [
    "TIERS",
    "Ceiling",
    "CeilingName",
    "Target",
    "ceiling_values",
    "ceilings_from_counts",
    "mean_ceilings",
    "recommended_target",
]


def ceilings_from_counts(
    *,
    positive: RatingHistogram,
    negative: RatingHistogram,
    good_positive: int,
    n_positive: int,
    curve: LearningCurve | None = None,
    k: int = 2,
    stability: float = 0.75,
    prevalence: float | None = None,
    n_resamples: int = 1000,
    seed: int,
    confidence: float = 0.95,
) -> dict[CeilingName, Ceiling]:
    """Return every model's ceiling: `published`, `propagation`, `label_noise`, `gap_linear`, `empirical`.

    ``good_positive`` of ``n_positive`` positives with a known form are good; a rating <= ``k`` counts as off-topic.
    ``prevalence`` is the share of positives, by default that among the ratings. A model that lacks its inputs is
    unknown with a reason. ValueError for counts or shares outside their range.
    """
    check_inputs(good_positive=good_positive, n_positive=n_positive, stability=stability, prevalence=prevalence)
    rng = np.random.default_rng(seed)
    good = draw_share(good_positive, n_positive, n_draws=n_resamples, rng=rng)
    off_topic = draw_share(positive.count_at_most(k), positive.n, n_draws=n_resamples, rng=rng)
    on_topic = draw_share(negative.n - negative.count_at_most(k), negative.n, n_draws=n_resamples, rng=rng)
    if prevalence is None:
        prevalence = rated_prevalence(positive, negative)
    gap = multinomial_bootstrap_gap(positive, negative, n_resamples=n_resamples, seed=seed, confidence=confidence)
    method = f"Jeffreys draws, {n_resamples} of them, {confidence:.0%}"
    models = (
        published(good, prevalence, confidence=confidence, method=method),
        propagation(good, prevalence, stability=stability, confidence=confidence, method=method),
        label_noise(off_topic, on_topic, prevalence, k=k, confidence=confidence, method=method),
        gap_linear(gap, prevalence),
        empirical(curve, confidence=confidence),
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
    """Return the values of the models that follow from counts, without intervals, a hundred times as fast; None: unknown."""
    good = good_positive / n_positive if n_positive else None
    prevalence = rated_prevalence(positive, negative)
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
    `empirical` is kept as it is: it belongs to the mean curve of the concepts, and curves fitted one by one, of which most
    are noise cut at 1, would not average to it.
    """
    means: dict[CeilingName, Ceiling] = {}
    for name, ceiling in pooled.items():
        values = [value for concept in concepts if (value := concept.get(name)) is not None]
        lowest = min(ceiling.floor or 0.0, *values) if values else 0.0
        means[name] = replace(ceiling, estimate=mean_estimate(values, bounds=(lowest, 1.0))) if values else ceiling
    return means


def rated_prevalence(positive: RatingHistogram, negative: RatingHistogram) -> float | None:
    """Return the share of positives among the ratings; None while an arm has none."""
    return positive.n / (positive.n + negative.n) if positive.n and negative.n else None


def check_inputs(*, good_positive: int, n_positive: int, stability: float, prevalence: float | None) -> None:
    """Raise ValueError for counts or shares outside their range."""
    if not 0 <= good_positive <= n_positive:
        raise ValueError(f"good_positive lies between 0 and n_positive, got {good_positive} of {n_positive}")
    if not 0.0 <= stability <= 1.0:
        raise ValueError(f"stability lies between 0 and 1, got {stability}")
    if prevalence is not None and not 0.0 < prevalence < 1.0:
        raise ValueError(f"prevalence lies between 0 and 1, got {prevalence}")
