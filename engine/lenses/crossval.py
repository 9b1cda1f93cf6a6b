"""Out-of-fold probabilities and decisions of many concepts at once, every choice made inside the training folds.

The k-th training parts of all concepts are one pool, from which a family that shares anything learns it (a covariance, a
penalty). A text that any concept holds out in its k-th fold is in no pool of that fold, whichever concepts else use it; so
nothing that a lens is scored on has shaped it. A family that shares nothing gives what it gives one concept alone.

A family that chooses its threshold does so where a training part has `THRESHOLD_ROWS` rows or more: the one with the
best F1 over the part's own inner out-of-fold probabilities. Below that an inner F1 is noise and .5 stands, as it always
does for a family whose recipe fixes it. (Maximising F1 pulls a lens that knows nothing towards the always-positive
classifier.)
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from engine.lens_groups import POOL_ROWS
from engine.lenses.batches import has_both_arms, spread
from engine.lenses.folds import IntArray, TooLittleData, grouped_stratified_folds
from engine.lenses.interface import (
    AnyFloats,
    BoolArray,
    FittedLens,
    FloatArray,
    LeavesOut,
    LensFamily,
    Part,
    Pools,
    Scores,
)
from engine.stats.classification import f1_score_counts

THRESHOLD_ROWS = 60
NEUTRAL = 0.5
_INNER_FOLDS = 3
_WEIGHTS_TOGETHER = 64 * 2**20
"""Weights of the lenses that are held at a time."""
_ROWS_TOGETHER = 32 * 2**20
"""Activations that are held beside them."""
_FEWEST_TOGETHER = 16
"""Networks are fitted as stacks, which rows may not make too small."""
Features = Callable[[BoolArray], AnyFloats]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """One concept's rows: arms, groups and fold [n], and `keys` [n], equal where any two concepts hold the same text.

    `features` maps the mask of training rows to activations [n, d] of all rows, so that features which are themselves
    fitted (TF-IDF weights) see training rows only, and what is large is read when it is wanted. Where training parts are
    to be smaller, `set_aside` [folds, n] tells which rows each does without.
    """

    y: IntArray
    groups: IntArray
    fold: IntArray
    keys: IntArray
    features: Features
    set_aside: BoolArray | None = None

    def training(self, k: int) -> BoolArray:
        """Tell which rows [n] lenses of the k-th fold are fitted on."""
        train: BoolArray = self.fold != k
        return train if self.set_aside is None else train & ~self.set_aside[k]


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """What lenses say of rows that they were not trained on, and their mean F1 on those that they were; None without any."""

    scores: Scores
    train_f1: float | None


def out_of_fold(
    family: LensFamily, concepts: Sequence[Rows], *, seed: int, wanted: Sequence[int] | None = None
) -> list[HeldOut]:
    """Return the held-out results of the wanted concepts (all if not given), each in the order of its rows.

    The others only add to the pools. The result does not depend on how many are wanted, nor (but for rounding in what is
    pooled) on the concepts' order.
    """
    places = range(len(concepts)) if wanted is None else wanted
    found = {place: _Collected.empty(len(concepts[place].y)) for place in places}
    d = _width(concepts)
    for k in range(1 + max((int(rows.fold.max()) for rows in concepts), default=-1)):
        tuned = _share(family, concepts, k)
        having = [place for place in places if (concepts[place].fold == k).any()]
        for some in _together(having, concepts, family, d):
            # A family that could be tuned on nothing is left to each concept alone.
            pool = None if tuned is family else 0
            _fit_fold(tuned, {place: concepts[place] for place in some}, found, k, seed=seed, pool=pool)
    return [found[place].held_out(concepts[place]) for place in places]


def fit_all(
    family: LensFamily, concepts: Sequence[Rows], *, seed: int, wanted: Sequence[int] | None = None
) -> Iterator[FittedLens]:
    """Fit a lens on all rows of each wanted concept, with what all concepts share."""
    places = range(len(concepts)) if wanted is None else wanted
    tuned = _share(family, concepts, None)
    for some in _together(places, concepts, family, _width(concepts)):
        yield from tuned.fit_many([_part(concepts[place], None, seed) for place in some])


def leave_groups_out(family: LensFamily, concepts: Sequence[Rows], *, wanted: Sequence[int]) -> list[HeldOut]:
    """Return the wanted concepts' results with each group left out in turn, exactly, by a family that needs no refits.

    Rows whose group cannot be left out, for it is all of an arm, are scored .5.
    """
    assert isinstance(family, LeavesOut)
    from scipy.special import expit

    logits = family.leave_one_group_out([_part(rows, None, 0) for rows in concepts])
    found = []
    for place in wanted:
        probability = np.nan_to_num(expit(logits[place]), nan=NEUTRAL)
        number = np.unique(concepts[place].groups, return_inverse=True)[1].astype(np.int64)
        found.append(HeldOut(Scores(probability, number, probability >= NEUTRAL), None))
    return found


def choose_threshold(family: LensFamily, y: IntArray, rounds: Sequence[Scores]) -> float:
    """Return the threshold of a lens fitted on all rows, by the rule of the folds on the out-of-fold probabilities."""
    if not family.chooses_threshold or len(y) < THRESHOLD_ROWS:
        return NEUTRAL
    return best_threshold(np.tile(y, len(rounds)), np.concatenate([each.probability for each in rounds]))


@dataclass(frozen=True, slots=True, eq=False)
class _Collected:
    """Results of one concept, fold by fold."""

    probability: FloatArray
    fires: BoolArray
    train_f1: list[float | None]

    @classmethod
    def empty(cls, n: int) -> "_Collected":
        return cls(np.full(n, np.nan), np.zeros(n, dtype=np.bool_), [])

    def held_out(self, rows: Rows) -> HeldOut:
        known = [each for each in self.train_f1 if each is not None]
        return HeldOut(Scores(self.probability, rows.fold, self.fires), float(np.mean(known)) if known else None)


def _width(concepts: Sequence[Rows]) -> int:
    first = next((rows for rows in concepts if len(rows.y)), None)
    return 1 if first is None else first.features(np.ones(len(first.y), dtype=np.bool_)).shape[1]


def _share(family: LensFamily, concepts: Sequence[Rows], k: int | None) -> LensFamily:
    """Return the family with what the k-th training parts share; as it is where it shares nothing."""
    if not isinstance(family, Pools):
        return family
    kept = _kept_in_pool(concepts, k)
    n = sum(int(each.sum()) for each in kept)
    some = spread(range(len(concepts)), max(1, len(concepts) * POOL_ROWS // max(n, POOL_ROWS)))
    parts = [_part(concepts[place], kept[place], 0) for place in some if kept[place].any()]
    parts = [part for part in parts if has_both_arms(part)]
    return family.tune(parts) if parts else family


def _kept_in_pool(concepts: Sequence[Rows], k: int | None) -> list[BoolArray]:
    """Tell which rows may be pooled: those whose text no concept holds out in this fold."""
    if k is None:
        return [np.ones(len(rows.y), dtype=np.bool_) for rows in concepts]
    n_keys = 1 + max(int(rows.keys.max(initial=-1)) for rows in concepts)
    held_out = np.zeros(n_keys, dtype=np.bool_)
    for rows in concepts:
        held_out[rows.keys[rows.fold == k]] = True
    return [rows.training(k) & ~held_out[rows.keys] for rows in concepts]


def _together(places: Sequence[int], concepts: Sequence[Rows], family: LensFamily, d: int) -> Iterator[Sequence[int]]:
    """Cut the places so that their lenses' weights and their rows, which training parts copy, fit into memory."""
    most_rows = max((len(concepts[place].y) for place in places), default=1)
    by_rows = max(_FEWEST_TOGETHER, _ROWS_TOGETHER // (8 * most_rows * d))
    size = max(1, min(by_rows, _WEIGHTS_TOGETHER // (8 * family.width * d)))
    yield from (places[start : start + size] for start in range(0, len(places), size))


def _part(rows: Rows, kept: BoolArray | None, seed: int) -> Part:
    if kept is None:
        return Part(rows.features(np.ones(len(rows.y), dtype=np.bool_)), rows.y, rows.groups, seed)
    return Part(rows.features(kept)[kept], rows.y[kept], rows.groups[kept], seed)


def _fit_fold(
    family: LensFamily, concepts: dict[int, Rows], found: dict[int, _Collected], k: int, *, seed: int, pool: int | None
) -> None:
    """Fit the lenses of one fold, each in a pool of its own where none is given, and write down what they say."""
    trains = {place: rows.training(k) for place, rows in concepts.items()}
    values = {place: rows.features(trains[place]) for place, rows in concepts.items()}
    parts = [
        Part(
            X=values[place][train],
            y=concepts[place].y[train],
            groups=concepts[place].groups[train],
            seed=_seed(seed, k),
            pool=i if pool is None else pool,
        )
        for i, (place, train) in enumerate(trains.items())
    ]
    lenses, thresholds = family.fit_many(parts), _thresholds(family, parts)
    for (place, train), lens, threshold in zip(trains.items(), lenses, thresholds, strict=True):
        probability = lens.predict_probability(values[place])
        into, fires, held = found[place], probability >= threshold, concepts[place].fold == k
        into.probability[held], into.fires[held] = probability[held], fires[held]
        into.train_f1.append(f1_of(concepts[place].y[train], fires[train]))


def f1_of(y: IntArray, fires: BoolArray) -> float | None:
    """Return the F1 of decisions; None where nothing is positive or predicted positive."""
    tp = int((fires & (y == 1)).sum())
    return f1_score_counts(tp=tp, fp=int(fires.sum()) - tp, fn=int(y.sum()) - tp)


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
