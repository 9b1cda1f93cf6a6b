"""What a quality filter is worth: trained on fewer or weighted rows, and measured on all.

A filter touches training rows alone. Every held-out fold is the one that the same lens without the filter is scored on, bad
texts and all, for that is what the lens will meet.

A threshold is chosen where a training part has rows enough (see `crossval`), and a filter may leave fewer. So in each fold both
sides choose theirs where both can, else both have .5: a filter is not charged for a rule that it made another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.lenses.crossval import NEUTRAL, THRESHOLD_ROWS, best_threshold
from engine.lenses.evaluate import Validation
from engine.lenses.filters import Filter, RatedRows, keep, require_weights, weigh
from engine.lenses.folds import IntArray, TooLittleData, grouped_stratified_folds
from engine.lenses.interface import BoolArray, FittedLens, FloatArray, LensFamily, Part

LEAST = 2
"""Rows of each arm that a training part must keep."""
_INNER_FOLDS = 3
_APART = 10**6
"""Numbers of pools between two ways or rounds: more than there are folds."""


@dataclass(frozen=True, slots=True)
class Measured:
    """F1 and AUC on all pairs, out of fold, and how many pairs trained; or why there are none."""

    f1: float | None
    auc: float | None
    n_kept: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class FilteredConcept:
    """One concept with each filter, and without it by the same rule of thresholds; by the filter's name."""

    concept: str
    n_pairs: int
    before: Mapping[str, Measured]
    after: Mapping[str, Measured]


@dataclass(frozen=True, slots=True, eq=False)
class FilteredLens:
    """A lens fitted on all rows that a filter leaves, how many these are, and the threshold chosen among them."""

    lens: FittedLens
    threshold: float
    threshold_rule: str
    n_positive: int
    n_negative: int
    n_groups: int


@dataclass(frozen=True, slots=True, eq=False)
class _Lot:
    """One concept's training parts in one way and one round of cross-validation, all of one fold each."""

    rows: RatedRows
    fold: IntArray
    kept: BoolArray
    how: Filter | None
    seed: int
    pool: int


@dataclass(frozen=True, slots=True, eq=False)
class _Scored:
    """A lot's held-out probabilities [n], and each fold's threshold where its part allows to choose one."""

    probability: FloatArray
    thresholds: Mapping[int, float | None]


def measure_filters(
    family: LensFamily, concepts: Sequence[RatedRows], filters: Sequence[Filter], *, validation: Validation, seed: int
) -> list[FilteredConcept]:
    """Measure every filter on every concept; concepts of one call may learn from each other what their family shares."""
    if any(one.kind == "weighted" for one in filters):
        require_weights(family)
    ways: list[Filter | None] = [None, *filters]
    folds = [_rounds(rows, validation, seed) for rows in concepts]
    lots: dict[tuple[int, int], list[_Lot]] = {}
    reasons: dict[tuple[int, int], str] = {}
    for i, (rows, rounds) in enumerate(zip(concepts, folds, strict=True)):
        for w, how in enumerate(ways):
            kept = keep(how, rows)
            reason = rounds.reason if isinstance(rounds, TooLittleData) else _why_not(how, rows, kept, rounds)
            if reason is not None:
                reasons[i, w] = reason
            elif not isinstance(rounds, TooLittleData):
                places = enumerate(rounds)
                lots[i, w] = [_Lot(rows, fold, kept, how, seed + r, (r * len(ways) + w) * _APART) for r, fold in places]
    scored = iter(_score(family, [lot for own in lots.values() for lot in own]))
    scores = {place: [next(scored) for _ in own] for place, own in lots.items()}
    found = []
    for i, rows in enumerate(concepts):
        sides = {one.name: _sides(rows, one, i, w, folds[i], scores, reasons) for w, one in enumerate(filters, start=1)}
        before, after = ({name: pair[side] for name, pair in sides.items()} for side in (0, 1))
        found.append(FilteredConcept(rows.concept, len(rows.y), before, after))
    return found


def fit_filtered(
    family: LensFamily, concepts: Sequence[RatedRows], how: Filter, *, seed: int
) -> list[FilteredLens | None]:
    """Fit each concept's lens on the rows that a filter leaves, None where they are too few; the concepts share what they may."""
    kept = [keep(how, rows) for rows in concepts]
    able = [i for i, rows in enumerate(concepts) if _can_train(how, rows, kept[i])]
    nowhere = [_Lot(concepts[i], np.zeros(0, np.int64), kept[i], how, seed, 0) for i in able]
    parts = [_part(lot, lot.kept, pool=0) for lot in nowhere]
    lenses = family.fit_many(parts) if parts else []
    found: list[FilteredLens | None] = [None] * len(concepts)
    for i, part, lens, threshold in zip(able, parts, lenses, _thresholds(family, parts), strict=True):
        rule = (
            "the family fires at logit 0"
            if not family.chooses_threshold
            else f"fewer than {THRESHOLD_ROWS} pairs; logit 0"
        )
        found[i] = FilteredLens(
            lens,
            threshold=NEUTRAL if threshold is None else threshold,
            threshold_rule=rule if threshold is None else "best F1 of inner folds of the pairs that the filter leaves",
            n_positive=int(part.y.sum()),
            n_negative=int((1 - part.y).sum()),
            n_groups=len(np.unique(part.groups)),
        )
    return found


def _can_train(how: Filter, rows: RatedRows, kept: BoolArray) -> bool:
    is_rated = not how.needs_verdicts or not np.isnan(rows.verdict[rows.y == 1]).all()
    return is_rated and all(int((kept & (rows.y == arm)).sum()) >= LEAST for arm in (0, 1))


def _rounds(rows: RatedRows, validation: Validation, seed: int) -> list[IntArray] | TooLittleData:
    """Return the folds of each round; group by group there is one round, of refits."""
    rounds = []
    for r in range(1 if validation.leave_one_group_out else validation.repeats):
        fold = grouped_stratified_folds(rows.y, rows.groups, n_folds=validation.n_folds, seed=seed + r)
        if isinstance(fold, TooLittleData):
            return fold
        rounds.append(fold)
    if validation.leave_one_group_out:
        return [np.unique(rows.groups, return_inverse=True)[1].astype(np.int64)]
    return rounds


def _sides(
    rows: RatedRows,
    how: Filter,
    i: int,
    w: int,
    folds: list[IntArray] | TooLittleData,
    scores: Mapping[tuple[int, int], Sequence[_Scored]],
    reasons: Mapping[tuple[int, int], str],
) -> tuple[Measured, Measured]:
    """Return a concept's measures without a filter and with it."""
    n_kept = int(keep(how, rows).sum())
    if isinstance(folds, TooLittleData) or (i, 0) in reasons:
        return Measured(None, None, len(rows.y), reasons[i, 0]), Measured(None, None, n_kept, reasons[i, w])
    before = scores[i, 0]
    if (i, w) in reasons:
        return _measured(rows.y, folds, before, before, len(rows.y)), Measured(None, None, n_kept, reasons[i, w])
    after = scores[i, w]
    return _measured(rows.y, folds, before, after, len(rows.y)), _measured(rows.y, folds, after, before, n_kept)


def _measured(
    y: IntArray, folds: Sequence[IntArray], own: Sequence[_Scored], other: Sequence[_Scored], n_kept: int
) -> Measured:
    """Return the mean F1 and AUC over rounds, with thresholds of one's own where the other side can choose one too."""
    from sklearn.metrics import f1_score, roc_auc_score

    f1, auc = [], []
    for fold, mine, theirs in zip(folds, own, other, strict=True):
        at = {
            k: NEUTRAL if threshold is None or theirs.thresholds[k] is None else threshold
            for k, threshold in mine.thresholds.items()
        }
        fires = mine.probability >= np.array([at[int(k)] for k in fold])
        f1.append(f1_score(y, fires, zero_division=0.0))
        auc.append(roc_auc_score(y, mine.probability))
    return Measured(float(np.mean(f1)), float(np.mean(auc)), n_kept, None)


def _why_not(how: Filter | None, rows: RatedRows, kept: BoolArray, rounds: Sequence[IntArray]) -> str | None:
    if how is not None and how.needs_verdicts and np.isnan(rows.verdict[rows.y == 1]).all():
        return "none of its positives has a verdict"
    if kept.all():
        return None
    for arm, name in ((1, "positives"), (0, "negatives")):
        left = min(int((kept & (rows.y == arm) & (fold != k)).sum()) for fold in rounds for k in np.unique(fold))
        if left < LEAST:
            return f"the filter leaves {left} of its {name} in a training part, and {LEAST} are needed"
    return None


def _score(family: LensFamily, lots: Sequence[_Lot]) -> list[_Scored]:
    tasks = [(lot, int(k)) for lot in lots for k in np.unique(lot.fold)]
    parts = [_part(lot, lot.kept & (lot.fold != k), pool=lot.pool + k) for lot, k in tasks]
    thresholds = _thresholds(family, parts)
    lenses = family.fit_many(parts)
    probability = {id(lot): np.empty(len(lot.fold)) for lot in lots}
    chosen: dict[int, dict[int, float | None]] = {id(lot): {} for lot in lots}
    for (lot, k), lens, threshold in zip(tasks, lenses, thresholds, strict=True):
        out = lot.fold == k
        probability[id(lot)][out] = lens.predict_probability(lot.rows.X[out])
        chosen[id(lot)][k] = threshold
    return [_Scored(probability[id(lot)], chosen[id(lot)]) for lot in lots]


def _part(lot: _Lot, rows: BoolArray, pool: int) -> Part:
    own = lot.rows
    weight = weigh(own.y[rows], own.verdict[rows]) if lot.how is not None and lot.how.kind == "weighted" else None
    return Part(own.X[rows], own.y[rows], own.groups[rows], lot.seed, pool, weight)


def _thresholds(family: LensFamily, parts: Sequence[Part]) -> list[float | None]:
    """Choose each part's threshold inside the part, by the rule of the family's cross-validation; None where it has no say."""
    folds = [_inner_folds(part) if family.chooses_threshold else None for part in parts]
    inner = [
        _of_rows(part, fold != k)
        for part, fold in zip(parts, folds, strict=True)
        if fold is not None
        for k in np.unique(fold)
    ]
    fitted = iter(family.fit_many(inner))
    thresholds: list[float | None] = []
    for part, fold in zip(parts, folds, strict=True):
        probability = np.empty(len(part.y))
        for k in () if fold is None else np.unique(fold):
            probability[fold == k] = next(fitted).predict_probability(part.X[fold == k])
        thresholds.append(None if fold is None else best_threshold(part.y, probability))
    return thresholds


def _inner_folds(part: Part) -> IntArray | None:
    if len(part.y) < THRESHOLD_ROWS:
        return None
    found = grouped_stratified_folds(part.y, part.groups, n_folds=_INNER_FOLDS, seed=part.seed)
    return None if isinstance(found, TooLittleData) else found


def _of_rows(part: Part, rows: BoolArray) -> Part:
    weight = None if part.weight is None else part.weight[rows]
    return Part(part.X[rows], part.y[rows], part.groups[rows], part.seed, part.pool, weight)
