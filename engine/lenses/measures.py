"""Every measure of a lens from its out-of-fold scores, each with its interval and n, or with the reason why it is unknown.

Values are means over the rounds of cross-validation; intervals are over groups (see `engine.stats.grouped`). Two F1s
look at a part of the pairs: an F1 depends on the share of positives, so each names the F1 that always firing would reach
on the same pairs. Calibration is told by the Brier score alone: at the 40 to 160 pairs of a concept an expected
calibration error is mostly noise of its bins, and a calibration slope is infinite where a lens separates the arms; over
many lenses `engine.stats.calibration` shows reliability.

AUC and average precision rank the scores of all folds of a round together, each fold's from a lens of its own. Where arms are
dealt to folds unequally, a fold with more positives was held out of training parts with fewer, whose lens scores lower; so
pooled ranks tend to be a little low. Within folds there would be a dozen rows to rank, and no interval over groups.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.lenses.folds import IntArray
from engine.lenses.interface import BoolArray, Scores
from engine.stats.classification import (
    always_positive_f1,
    auc,
    average_precision,
    brier,
    f1_interval,
    firing_rate,
    precision,
    recall,
)
from engine.stats.estimate import Estimate, unknown

DEGENERATE = ("empty", "short", "repetitive")
_NOT_KNOWN = "the pairs' kinds and forms were not given"
_RATES = (
    ("fires_on_degenerate_positive", "degenerate", 1),
    ("fires_on_degenerate_negative", "degenerate", 0),
    ("fires_on_good_positive", "good", 1),
    ("fires_on_good_negative", "good", 0),
)


@dataclass(frozen=True, slots=True)
class PairFacts:
    """What is known of each pair besides its arm: the negative's kind and the output's form, None where unknown."""

    negative_kind: Sequence[str | None]
    form: Sequence[str | None]


def measure_scores(
    y: IntArray, rounds: Sequence[Scores], *, groups: IntArray, facts: PairFacts | None, seed: int
) -> dict[str, Estimate]:
    """Return every measure by its name for arms [n], 1 positive and 0 negative, and one or more rounds of scores.

    Raises ValueError where there is no round, or where rounds, groups or facts are not of the arms' length.
    """
    if not rounds:
        raise ValueError("there is no round of cross-validation to measure")
    truth = np.asarray(y)
    fires = np.stack([each.fires for each in rounds])
    probability = np.stack([each.probability for each in rounds])
    return {
        "f1": f1_interval(truth, fires, groups),
        "precision": precision(truth, fires, groups),
        "recall": recall(truth, fires, groups),
        "auc": _pooled(auc(truth, probability, groups)),
        "average_precision": _pooled(average_precision(truth, probability, groups, seed=seed)),
        "brier": brier(truth, probability, groups),
        **_measure_parts(truth, fires, groups, facts),
    }


def pairs_needed(y: IntArray, groups: IntArray, *, n_folds: int) -> int | None:
    """Return how many pairs more, at least, would make cross-validation possible; None where it is.

    Each arm needs two groups, so that one can be held out while the other trains. Fewer folds than the `n_folds` asked
    for will do, as `grouped_stratified_folds` has it; ValueError below 2 there and here.
    """
    if n_folds < 2:
        raise ValueError(f"cross-validation needs at least 2 folds, not {n_folds}")
    missing = sum(max(0, 2 - len(np.unique(groups[y == arm]))) for arm in (0, 1))
    return missing or None


def _pooled(found: Estimate) -> Estimate:
    return replace(found, method=f"{found.method}; scores of all folds ranked together")


def _measure_parts(truth: IntArray, fires: BoolArray, groups: IntArray, facts: PairFacts | None) -> dict[str, Estimate]:
    """Measure the parts of the pairs that the facts tell apart; unknown with a reason without facts."""
    positive = truth == 1
    if facts is None:
        names = ("f1_sibling_negatives", "f1_good_outputs", *(name for name, _, _ in _RATES))
        return {name: unknown(_NOT_KNOWN, method=name) for name in names}
    sibling = np.array([kind == "sibling" for kind in facts.negative_kind], dtype=np.bool_)
    forms = {
        "good": np.array([form == "good" for form in facts.form], dtype=np.bool_),
        "degenerate": np.array([form in DEGENERATE for form in facts.form], dtype=np.bool_),
    }
    if not len(sibling) == len(forms["good"]) == len(truth):
        raise ValueError(f"{len(truth)} arms, {len(sibling)} kinds and {len(forms['good'])} forms differ")
    found = {
        "f1_sibling_negatives": _f1_of_part(truth, fires, groups, positive | sibling, "sibling negatives"),
        "f1_good_outputs": _f1_of_part(truth, fires, groups, forms["good"], "good outputs"),
    }
    for name, form, arm in _RATES:
        part = forms[form] & (truth == arm)
        nothing = f"there is no {form} output in the {'positive' if arm else 'negative'} arm"
        found[name] = firing_rate(fires[:, part], groups[part], undefined=nothing)
    return found


def _f1_of_part(truth: IntArray, fires: BoolArray, groups: IntArray, part: BoolArray, words: str) -> Estimate:
    """Return the F1 over a part of the pairs; unknown unless both arms are in it."""
    mine = truth[part]
    missing = [name for arm, name in ((1, "positive"), (0, "negative")) if not (mine == arm).any()]
    if missing:
        reason = f"with {words} alone the {' and the '.join(missing)} arm is empty"
        return unknown(reason, n=len(mine), method="F1")
    found = f1_interval(mine, fires[:, part], groups[part])
    floor = always_positive_f1(float(mine.mean()))
    method = f"{found.method}; always firing reaches {floor:.2f} on these pairs"
    return Estimate(found.value, found.low, found.high, found.n, found.reason, method)
