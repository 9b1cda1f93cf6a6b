"""What a ceiling would be if stability, cut-off or prevalence were others: one curve a question, for plots and sliders.

Every point of a sweep uses the same Jeffreys draws, so that a curve is as smooth as its formula.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.stats.ceiling_models import CeilingName, label_noise_ceiling, propagation_ceiling
from engine.stats.classification import always_positive_f1
from engine.stats.estimate import tail_probability
from engine.stats.histogram import RatingHistogram
from engine.stats.resampling import FloatArray
from engine.stats.shares import Share, draw_share

STABILITIES = tuple(float(s) for s in np.round(np.linspace(0.0, 1.0, 21), 2))
CUTS = (1, 2, 3, 4)
PREVALENCES = tuple(float(p) for p in np.round(np.linspace(0.05, 0.95, 19), 2))


@dataclass(frozen=True)
class Sweep:
    """A ceiling at each x. `low` and `high` are empty where no draws were asked for; `floor` is the always-positive F1."""

    model: CeilingName
    of: Literal["stability", "k", "prevalence"]
    x: tuple[float, ...]
    value: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    floor: tuple[float, ...]


def propagation_by_stability(
    good_positive: int,
    n_positive: int,
    *,
    prevalence: float,
    stabilities: Sequence[float] = STABILITIES,
    n_resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Sweep | None:
    """The propagation ceiling at each stability s; None without a positive of known form. ``n_resamples`` 0: no interval."""
    good = _share(good_positive, n_positive, n_resamples, seed)
    if good is None:
        return None
    found = [
        (
            float(propagation_ceiling(good.value, prevalence=prevalence, stability=s)),
            propagation_ceiling(good.draws, prevalence=prevalence, stability=s),
        )
        for s in stabilities
    ]
    return _sweep("propagation", "stability", stabilities, found, [prevalence] * len(stabilities), confidence)


def label_noise_by_cut(
    positive: RatingHistogram,
    negative: RatingHistogram,
    *,
    prevalence: float | None = None,
    n_resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Sweep | None:
    """The label-noise ceiling at each cut-off k, 1 to 4; None while an arm has no rating."""
    if not (positive.n and negative.n):
        return None
    share = positive.n / (positive.n + negative.n) if prevalence is None else prevalence
    found = [_label_noise(positive, negative, k, share, n_resamples, seed) for k in CUTS]
    return _sweep("label_noise", "k", CUTS, found, [share] * len(CUTS), confidence)


def label_noise_by_prevalence(
    positive: RatingHistogram,
    negative: RatingHistogram,
    *,
    k: int = 2,
    prevalences: Sequence[float] = PREVALENCES,
    n_resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Sweep | None:
    """The label-noise ceiling at each share of positives, with as much noise in each arm; None while an arm has no rating."""
    if not (positive.n and negative.n):
        return None
    found = [_label_noise(positive, negative, k, share, n_resamples, seed) for share in prevalences]
    return _sweep("label_noise", "prevalence", prevalences, found, prevalences, confidence)


def _label_noise(
    positive: RatingHistogram, negative: RatingHistogram, k: int, prevalence: float, n_resamples: int, seed: int
) -> tuple[float, FloatArray]:
    off_topic = _share(positive.count_at_most(k), positive.n, n_resamples, seed)
    on_topic = _share(negative.n - negative.count_at_most(k), negative.n, n_resamples, seed + 1)
    assert off_topic is not None
    assert on_topic is not None
    value = label_noise_ceiling(off_topic.value, on_topic.value, prevalence=prevalence)
    return float(value), label_noise_ceiling(off_topic.draws, on_topic.draws, prevalence=prevalence)


def _share(count: int, n: int, n_resamples: int, seed: int) -> Share | None:
    return draw_share(count, n, n_draws=n_resamples, rng=np.random.default_rng(seed))


def _sweep(
    model: CeilingName,
    of: Literal["stability", "k", "prevalence"],
    x: Sequence[float],
    found: Sequence[tuple[float, FloatArray]],
    prevalences: Sequence[float],
    confidence: float,
) -> Sweep:
    tail = tail_probability(confidence)
    ends = [np.quantile(draws, (tail, 1.0 - tail)) for _, draws in found if len(draws)]
    return Sweep(
        model=model,
        of=of,
        x=tuple(map(float, x)),
        value=tuple(value for value, _ in found),
        low=tuple(min(float(low), value) for (low, _), (value, _) in zip(ends, found, strict=False)),
        high=tuple(max(float(high), value) for (_, high), (value, _) in zip(ends, found, strict=False)),
        floor=tuple(always_positive_f1(share) for share in prevalences),
    )
