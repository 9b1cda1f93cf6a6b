"""How lenses of a group of siblings stand on pairs that they were not trained on: ranking, margin, decisions and thresholds.

Logits are [concepts, n] with arms [concepts, n]: 1 (positive), 0 (negative), −1 where the row is no pair of the concept.
Thresholds follow the rule of the family's cross-validation.
"""

import numpy as np

from engine.lenses.crossval import NEUTRAL, THRESHOLD_ROWS, best_threshold
from engine.lenses.folds import IntArray
from engine.lenses.interface import BoolArray, FloatArray, LensFamily


def top1(logits: FloatArray, arms: IntArray) -> FloatArray:
    """Return for each concept the share of its positives on which its own logit is above all others [concepts]."""
    return np.array(
        [np.mean(logits[c, own == 1] > _others(logits, c)[:, own == 1].max(0)) for c, own in enumerate(arms)]
    )


def margins(logits: FloatArray, arms: IntArray) -> FloatArray:
    """Return for each concept by how much its own logit is above the others on its positives, on average [concepts]."""
    return np.array([np.mean(logits[c, own == 1] - _others(logits, c)[:, own == 1]) for c, own in enumerate(arms)])


def f1s(fires: BoolArray, arms: IntArray) -> FloatArray:
    """Return the F1 of each concept's decisions on its own pairs [concepts]."""
    return np.array([f1_of(own[own >= 0], row[own >= 0]) for own, row in zip(arms, fires, strict=True)])


def f1_of(y: IntArray, fires: BoolArray) -> float:
    """Return F1 of decisions, 0 where nothing fires rightly."""
    hits = int((fires & (y == 1)).sum())
    return 2.0 * hits / max(1, int(fires.sum()) + int((y == 1).sum()))


def choose_thresholds(family: LensFamily, logits: FloatArray, arms: IntArray) -> FloatArray:
    """Return each concept's threshold as a probability, by the rule of the family's cross-validation."""
    from scipy.special import expit

    if not family.chooses_threshold:
        return np.full(len(arms), NEUTRAL)
    return np.array(
        [
            best_threshold(own[own >= 0], expit(values[own >= 0])) if (own >= 0).sum() >= THRESHOLD_ROWS else NEUTRAL
            for values, own in zip(logits, arms, strict=True)
        ]
    )


def fires_at(thresholds: FloatArray, logits: FloatArray) -> BoolArray:
    """Tell where each concept's logits reach its threshold, a probability."""
    from scipy.special import logit

    return np.asarray(logits >= logit(thresholds)[:, None])


def choose_addition(family: LensFamily, before: FloatArray, ridge: FloatArray, arms: IntArray) -> int:
    """Return the candidate that ranks held-out positives best among those whose mean F1 does not fall; of equals the first."""
    least = _mean_f1(family, before, arms)
    ranks = [
        float(np.mean(top1(logits, arms))) if _mean_f1(family, logits, arms) >= least else -1.0 for logits in ridge
    ]
    return int(np.argmax(np.round(np.array(ranks), 12)))


def _mean_f1(family: LensFamily, logits: FloatArray, arms: IntArray) -> float:
    return float(np.mean(f1s(fires_at(choose_thresholds(family, logits, arms), logits), arms)))


def _others(logits: FloatArray, c: int) -> FloatArray:
    return np.delete(logits, c, axis=0)
