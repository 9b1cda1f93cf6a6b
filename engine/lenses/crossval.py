"""Out-of-fold probabilities and decisions, every choice made inside the training folds.

A family that chooses its threshold does so where a training part has `THRESHOLD_ROWS` rows or more: the one with the
best F1 over the part's own inner out-of-fold probabilities. Below that an inner F1 is noise and .5 stands, as it always
does for a family whose recipe fixes it. (Maximising F1 pulls a lens that knows nothing towards the always-positive
classifier.) Label sets, the true one and the shuffled control, share folds and are fitted together.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.lenses.folds import IntArray, TooLittleData, grouped_stratified_folds
from engine.lenses.interface import AnyFloats, FloatArray, LensFamily, Part

THRESHOLD_ROWS = 60
NEUTRAL = 0.5
_INNER_FOLDS = 3
Features = Callable[[NDArray[np.bool_]], AnyFloats]


def out_of_fold(
    family: LensFamily,
    features: Features,
    label_sets: Sequence[IntArray],
    *,
    groups: IntArray,
    fold: IntArray,
    seed: int,
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return held-out probabilities and decisions, both [label sets, n].

    `features` maps the mask of training rows to activations [n, d] of all rows, so that features which are themselves
    fitted (TF-IDF weights) see training rows only.
    """
    masks = [fold != number for number in np.unique(fold)]
    values = [features(train) for train in masks]
    tasks = [(s, i) for s in range(len(label_sets)) for i in range(len(masks))]
    # Each training part is a pool of its own: what one fold learns must not reach the rows it holds out for another.
    parts = [
        Part(values[i][masks[i]], label_sets[s][masks[i]], groups[masks[i]], _seed(seed, s, i), pool)
        for pool, (s, i) in enumerate(tasks)
    ]
    lenses = family.fit_many(parts)
    thresholds = _thresholds(family, parts)
    probability = np.empty((len(label_sets), len(fold)))
    fires = np.zeros(probability.shape, dtype=np.bool_)
    for (s, i), lens, threshold in zip(tasks, lenses, thresholds, strict=True):
        held_out = ~masks[i]
        probability[s, held_out] = lens.predict_probability(values[i][held_out])
        fires[s, held_out] = probability[s, held_out] >= threshold
    return probability, fires


def _seed(*entropy: int) -> int:
    return int(np.random.SeedSequence(entropy).generate_state(1)[0])


def _thresholds(family: LensFamily, parts: Sequence[Part]) -> list[float]:
    """Choose each part's threshold inside the part."""
    folds = [_inner_folds(part) if family.chooses_threshold else None for part in parts]
    inner = [
        (i, fold != number, fold == number)
        for i, fold in enumerate(folds)
        if fold is not None
        for number in np.unique(fold)
    ]
    lenses = family.fit_many(
        [
            Part(parts[i].X[train], parts[i].y[train], parts[i].groups[train], _seed(parts[i].seed, k), pool=k)
            for k, (i, train, _) in enumerate(inner)
        ]
    )
    probability = [np.full(len(part.y), np.nan) for part in parts]
    for (i, _, held_out), lens in zip(inner, lenses, strict=True):
        probability[i][held_out] = lens.predict_probability(parts[i].X[held_out])
    return [
        NEUTRAL if fold is None else best_threshold(part.y, values)
        for part, fold, values in zip(parts, folds, probability, strict=True)
    ]


def _inner_folds(part: Part) -> IntArray | None:
    if len(part.y) < THRESHOLD_ROWS:
        return None
    fold = grouped_stratified_folds(part.y, part.groups, n_folds=_INNER_FOLDS, seed=part.seed)
    return None if isinstance(fold, TooLittleData) else fold


def best_threshold(y: IntArray, probability: FloatArray) -> float:
    """Return the threshold of best F1 among .5 and the middles of neighbouring probabilities; of equals, the nearest to .5.

    Firing on everything is no candidate: that is the always-positive baseline, not a lens.
    """
    values = np.unique(probability)
    cuts = np.append((values[1:] + values[:-1]) / 2.0, NEUTRAL)
    fires = probability[None, :] >= cuts[:, None]
    hits = (fires & (y == 1)).sum(axis=1)
    f1 = 2.0 * hits / np.maximum(fires.sum(axis=1) + (y == 1).sum(), 1)
    best = cuts[f1 >= f1.max() - 1e-12]
    return float(best[np.argmin(np.abs(best - NEUTRAL))])
