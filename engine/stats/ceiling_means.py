"""Ceilings of several concepts: the mean of theirs, since that is what a mean F1 can be held against.

The formulas are not linear, so the ceiling of the pooled counts is not the mean; and its interval would leave out that concepts
differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from engine.stats.ceiling_estimates import Ceiling
from engine.stats.ceiling_models import (
    CeilingName,
    gap_linear_target,
    label_noise_ceiling,
    propagation_ceiling,
    published_ceiling,
)
from engine.stats.counts import formed_positives, rating_counts, rating_sums
from engine.stats.resampling import FloatArray
from engine.stats.summary import mean_estimate


def ceiling_values(
    cells: FloatArray, *, k: int, stability: float, prevalence: float | None = None
) -> dict[CeilingName, FloatArray]:
    """Return each concept's ceilings by the models that follow from counts, without intervals; NaN where unknown.

    ``cells`` are the stacked cells of the concepts; the arrays have an entry a concept. ``prevalence`` is the share of
    positives, by default each concept's own.
    """
    counts, sums, formed = rating_counts(cells), rating_sums(cells), formed_positives(cells)
    with np.errstate(divide="ignore", invalid="ignore"):
        means, at_most = sums[:, :, 0] / sums[:, :, 1], counts[:, :, :k].sum(axis=2) / sums[:, :, 1]
        good = formed[:, 0] / formed[:, 1]
        # Of an arm without ratings all shares and means are NaN, and so is the prevalence that needs both arms.
        own = sums[:, 0, 1] / sums[:, :, 1].sum(axis=1) if prevalence is None else prevalence
        shares = own + 0.0 * means.sum(axis=1)
    return {
        "published": published_ceiling(good),
        "propagation": propagation_ceiling(good, prevalence=shares, stability=stability),
        "label_noise": label_noise_ceiling(at_most[:, 0], 1.0 - at_most[:, 1], prevalence=shares),
        "gap_linear": gap_linear_target(means[:, 0] - means[:, 1]),
    }


def mean_ceilings(
    concepts: Mapping[CeilingName, FloatArray], pooled: Mapping[CeilingName, Ceiling]
) -> dict[CeilingName, Ceiling]:
    """Return the mean over concepts of each model's ceiling, with concepts as the units: Student's t, not below the floor.

    Inputs, prevalence and floor are those of the pooled counts. `empirical` is kept as it is: it belongs to the mean curve of
    the concepts, and curves fitted one by one, of which most are noise cut at 1, would not average to it.
    """
    means: dict[CeilingName, Ceiling] = {}
    for name, ceiling in pooled.items():
        values = concepts.get(name, np.empty(0))
        values = values[~np.isnan(values)]
        # Certain of the pool whatever the data, as of activations that are always on topic, is certain of the mean.
        if not len(values) or ceiling.estimate.low == 1.0:
            means[name] = ceiling
            continue
        lowest = min(ceiling.floor or 0.0, float(values.min()))
        means[name] = replace(ceiling, estimate=mean_estimate(values, bounds=(lowest, 1.0)))
    return means
