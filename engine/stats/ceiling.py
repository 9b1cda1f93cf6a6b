"""The F1 that a study's data permit: every named model with its interval, side by side.

`ceiling_models` has the formulas, `ceiling_estimates` a function a model, `learning_curve` and
`power_law` what `empirical` rests on,
`ceiling_means` the mean of several concepts' ceilings, `ceiling_sensitivity` what would be if stability, cut-off or prevalence
were others, `ceiling_target` the F1 to ask for.

Shares enter as Jeffreys draws (`shares`). Simulated over 2,000 studies at each of 10, 30, 60 and 120 ratings an arm and 1 to
30 % noise, the lower bound of `label_noise`, which sets the target, lay above the true ceiling in at most 3 %; by resampling
the counts, at ten ratings an arm and 2 % noise, it did so in 67 %. The upper end is the cautious one: with ten ratings an arm
and 1 % noise it lay below the truth in 16 %. (`bench/ceilings.py` prints these.)

Ratings are counted whether or not their text was captured; lenses use captured pairs. A pair without an activation is rare,
and its rating still says what the model writes. The prevalence of `empirical` is that of the captured pairs.
"""

from __future__ import annotations

from engine.stats.ceiling_estimates import Ceiling, empirical, gap_linear, label_noise, propagation, published
from engine.stats.ceiling_models import CeilingName
from engine.stats.ceiling_target import TIERS, Target, recommended_target
from engine.stats.gap import relevance_gap
from engine.stats.histogram import RatingHistogram
from engine.stats.learning_curve import LearningCurve
from engine.stats.shares import kept_share

__all__ = [
    "TIERS",
    "Ceiling",
    "CeilingName",
    "Target",
    "ceilings_from_counts",
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
    good = kept_share(good_positive, n_positive, n_draws=n_resamples, seed=(seed, 0))
    off_topic = kept_share(positive.count_at_most(k), positive.n, n_draws=n_resamples, seed=(seed, 1))
    on_topic = kept_share(negative.n - negative.count_at_most(k), negative.n, n_draws=n_resamples, seed=(seed, 2))
    if prevalence is None:
        prevalence = rated_prevalence(positive, negative)
    gap = relevance_gap(positive, negative, confidence=confidence)
    method = f"Jeffreys draws, {n_resamples} of them, {confidence:.0%}"
    models = (
        published(good, prevalence, confidence=confidence, method=method),
        propagation(good, prevalence, stability=stability, confidence=confidence, method=method),
        label_noise(off_topic, on_topic, prevalence, k=k, confidence=confidence, method=method),
        gap_linear(gap, prevalence),
        empirical(curve, confidence=confidence),
    )
    return {ceiling.name: ceiling for ceiling in models}


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
