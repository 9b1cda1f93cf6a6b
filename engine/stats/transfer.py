"""Probe transfer: does a lens that learnt a concept from prompts know it in the outputs that the prompts led to?

A prompt names its concept, so a lens trained on prompt activations knows what the model was asked about. If it ranks the
outputs as well as a lens that was trained on outputs, the activations of outputs still hold what was asked, whatever their
words are worth. The ratio of the two AUCs says how much of it; a lens that knows nothing has an AUC of .5, so the ratio's
floor is not 0 but .5 / AUC within, and the same procedure on shuffled arms shows that floor as it falls out on this study.

A concept's interval is over groups of samples, that of several concepts over concepts, which differ far more than samples do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import stdtrit

from engine.stats.estimate import Estimate, known, tail_probability, unknown, without_interval
from engine.stats.grouped import CONFIDENCE, NO_SPREAD, ONE_GROUP, BoolArray, IntArray, group_numbers, group_variance
from engine.stats.ranking import auc_influence, auc_interval
from engine.stats.resampling import FloatArray
from engine.stats.summary import mean_estimate

Outputs = Literal["all", "good", "degenerate"]
OUTPUTS: tuple[Outputs, ...] = ("all", "good", "degenerate")
_ROUNDING = 1e-20
_FAINT = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class TransferScores:
    """What lenses said of one concept's held-out outputs, everything [n].

    `within` is by lenses trained on outputs, `transfer` by lenses trained on prompts, `control` by lenses trained on prompts
    with the arms `control_arms`; `arms` are the true ones, True for positives.
    """

    concept: str
    arms: BoolArray
    within: FloatArray
    transfer: FloatArray
    control_arms: BoolArray
    control: FloatArray
    groups: IntArray
    is_good: BoolArray


@dataclass(frozen=True, slots=True)
class Transfer:
    """AUC on held-out outputs of lenses trained on outputs, on prompts, on prompts with shuffled arms; and transfer ÷ within."""

    within: Estimate
    transfer: Estimate
    shuffled: Estimate
    ratio: Estimate


def of_outputs(is_good: BoolArray, outputs: Outputs) -> BoolArray:
    """Tell which samples are meant, [n]."""
    return np.ones(is_good.size, dtype=np.bool_) if outputs == "all" else is_good == (outputs == "good")


def transfer_of_concept(scores: TransferScores, outputs: Outputs = "all") -> Transfer:
    """Measure one concept's transfer on some of its outputs; unknown where one arm is empty there."""
    kept = of_outputs(scores.is_good, outputs)
    arms, groups = scores.arms[kept], scores.groups[kept]
    return Transfer(
        within=auc_interval(arms, scores.within[kept], groups),
        transfer=auc_interval(arms, scores.transfer[kept], groups),
        shuffled=auc_interval(scores.control_arms[kept], scores.control[kept], groups),
        ratio=_ratio(arms, scores.transfer[kept], scores.within[kept], groups),
    )


def mean_transfer(concepts: Sequence[Transfer], *, confidence: float = CONFIDENCE) -> Transfer:
    """Return means over the concepts that have both AUCs, and the ratio of the means, with concepts as the units."""
    both = [one for one in concepts if one.ratio.value is not None]
    shuffled = [one.shuffled.value for one in concepts if one.shuffled.value is not None]
    within, transfer = (
        [each.value for each in side if each.value is not None]
        for side in ([one.within for one in both], [one.transfer for one in both])
    )
    means = [_mean_auc(each, confidence=confidence) for each in (within, transfer, shuffled)]
    return Transfer(means[0], means[1], means[2], _ratio_of_means(transfer, within, confidence=confidence))


def _mean_auc(values: Sequence[float], *, confidence: float) -> Estimate:
    if not values:
        return unknown("no concept has such outputs in both arms", method=f"Student t, {confidence:.0%}")
    # Equal shares that were counted in different orders differ in their last digits, and would claim certainty.
    return mean_estimate([round(value, 12) for value in values], confidence=confidence, bounds=(0.0, 1.0))


def _ratio(arms: BoolArray, transfer: FloatArray, within: FloatArray, groups: IntArray) -> Estimate:
    """One concept's ratio, by what each group moves both AUCs by."""
    method = f"ratio of AUCs, Student's t over groups, {CONFIDENCE:.0%}"
    if not arms.any() or arms.all():
        return unknown("both arms are needed", n=arms.size, method=method)
    above, moved = auc_influence(arms, transfer)
    below, moved_below = auc_influence(arms, within)
    if below <= _FAINT:
        return unknown("the AUC within outputs is 0", n=arms.size, method=method)
    value, labels = above / below, group_numbers(groups, arms.size)
    variance = group_variance((moved - value * moved_below) / below, labels, arms=arms)
    return _log_interval(value, variance, n=arms.size, n_units=len(np.unique(labels)), method=method)


def _ratio_of_means(above: Sequence[float], below: Sequence[float], *, confidence: float) -> Estimate:
    method = f"ratio of mean AUCs, Student's t over concepts, {confidence:.0%}"
    n, total = len(above), sum(below)
    if not n:
        return unknown("no concept has such outputs in both arms", method=method)
    value = sum(above) / total
    left = np.array(above) - value * np.array(below)
    variance = float(left @ left) * n / max(n - 1, 1) / total**2
    made = _log_interval(value, variance, n=n, n_units=n, method=method, confidence=confidence)
    return without_interval(value, n=n, method=method, because="there is only one concept") if n == 1 else made


def _log_interval(
    value: float, variance: float, *, n: int, n_units: int, method: str, confidence: float = CONFIDENCE
) -> Estimate:
    """Return a ratio with an interval that is symmetric in its logarithm, as ratios are."""
    if n_units < 2:
        return without_interval(value, n=n, method=method, because=ONE_GROUP)
    if variance <= _ROUNDING or value <= _FAINT:
        return without_interval(value, n=n, method=method, because=NO_SPREAD)
    half = float(stdtrit(n_units - 1, 1.0 - tail_probability(confidence))) * math.sqrt(variance) / value
    # Few units of a small ratio can ask for more than a float holds.
    return known(value, value * math.exp(-half), value * math.exp(min(half, 50.0)), n=n, method=method)
