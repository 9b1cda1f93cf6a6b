"""The formulas of the ceiling models, each for a number or for an array of draws.

The models disagree, and that is the point: `published` and `gap_linear` are the report's habits, `propagation` is what
its stated argument gives, `label_noise` is a theorem about noisy labels, which holds while off-topic positives look like
negatives: a lens that tells them apart by anything else passes it. Against clean labels class-conditional noise
does not lower the best attainable F1 (Menon et al. 2015; Lipton et al., arXiv 1402.1892), so none of them speaks of that.
`empirical` asks nothing of texts or labels: it is where the F1 that lenses reach leads as pairs are added (`learning_curve`).
"""

from __future__ import annotations

from typing import Literal, TypeVar, cast

import numpy as np

from engine.stats.resampling import FloatArray

CeilingName = Literal["published", "propagation", "label_noise", "gap_linear", "empirical"]
Number = TypeVar("Number", float, FloatArray)

FORMULAS: dict[CeilingName, str] = {
    "published": "0.64 + 0.32·good − 0.02",
    "propagation": "activation = 1 − (1 − good)(1 − s); label_noise at r₊ = 1 − activation, r₋ = 0",
    "label_noise": "max{2π(1 − r₊)/(π + p), 2π/(1 + π)}, p = π(1 − r₊) + (1 − π)r₋",
    "gap_linear": "clamp(0.5 + 0.15·gap, 0.70, 0.95)",
    "empirical": "a, where measured F1(n) = a − b·n^(−c) over n pairs",
}
ASSUMES: dict[CeilingName, str] = {
    "published": "follows a published table, which proves nothing",
    "propagation": "assumes that positives whose activation left the concept look like negatives",
    "label_noise": "assumes that off-topic positives look like negatives",
    "gap_linear": "is a rule of thumb, which proves nothing",
    "empirical": "extends a learning curve beyond what was measured",
}
"""What each model rests on, to follow "this ceiling, which"."""
REFERENCE_LABELS: dict[CeilingName, str] = {
    "published": "not stated by the report",
    "propagation": "the arms, taken as noisy labels of the activations",
    "label_noise": "the arms, taken as noisy labels of the texts",
    "gap_linear": "none: a rule for targets, not a bound",
    "empirical": "the arms, as every measured F1",
}


def published_activation(good: Number) -> Number:
    """Return the activation quality behind the published table: 0.64 + 0.32·good fits its four rows."""
    return 0.64 + 0.32 * good


def published_ceiling(good: Number) -> Number:
    """Return the published table's ceiling, its activation quality less 0.02."""
    return published_activation(good) - 0.02


def propagated_activation(good: Number, *, stability: float = 0.75) -> Number:
    """Return 1 - (1 - good)(1 - stability): the report's stated propagation of output errors to activations."""
    return 1.0 - (1.0 - good) * (1.0 - stability)


def propagation_ceiling(good: Number, *, prevalence: Number | float, stability: float = 0.75) -> Number:
    """Return the label-noise ceiling when the positives' activations are off-topic at the propagated rate."""
    off_topic = 1.0 - propagated_activation(good, stability=stability)
    return label_noise_ceiling(off_topic, 0.0 * good, prevalence=prevalence)


def label_noise_ceiling(off_topic_positive: Number, on_topic_negative: Number, *, prevalence: Number | float) -> Number:
    """Return the best F1 against noisy labels when the true classes are separable.

    The arguments are r₊ = P(truly off-topic | labelled positive) and r₋ = P(truly on-topic | labelled negative). Never
    below the always-positive classifier. ``prevalence`` lies in (0, 1].
    """
    kept = prevalence * (1.0 - off_topic_positive)
    predicted = kept + (1.0 - prevalence) * on_topic_negative
    separated = 2.0 * kept / (prevalence + predicted)
    always_positive = 2.0 * prevalence / (1.0 + prevalence)
    return cast(Number, np.maximum(separated, always_positive))


def balanced_accuracy_ceiling(off_topic_positive: float, on_topic_negative: float) -> float:
    """Return 1 - (r₊ + r₋) / 2, the best balanced accuracy against noisy labels."""
    return 1.0 - (off_topic_positive + on_topic_negative) / 2.0


def gap_linear_target(gap: Number) -> Number:
    """Return clamp(0.5 + 0.15·gap, 0.70, 0.95), the study script's rule for a target."""
    return cast(Number, np.clip(0.5 + 0.15 * gap, 0.70, 0.95))
