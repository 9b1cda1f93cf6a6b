"""Train on fewer or weighted rows, and measure that on all: what a quality filter is worth.

A filter touches training rows alone. Every held-out fold is the one that the same lens without the filter is scored on, bad
texts and all, for that is what the lens will meet. Filters are `good-only` (rows of good form, both arms), `verdict>=k`
(positives whose verdict is at least k; a positive that nobody rated is not known to be) and `weighted` (positives count
in proportion to their verdict, negatives to 6 less it, mean 1 in the arm of each training part; what nobody rated counts 1).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.errors import ConfigError
from engine.lenses.crossval import NEUTRAL, THRESHOLD_ROWS, best_threshold
from engine.lenses.folds import IntArray, TooLittleData, grouped_stratified_folds
from engine.lenses.interface import AnyFloats, BoolArray, FloatArray, LensFamily, Part, WeighsRows
from engine.lenses.registry import FAMILIES

FilterKind = Literal["good-only", "verdict", "weighted"]
LEAST = 2
"""Rows of each arm that a training part must keep."""
_INNER_FOLDS = 3


@dataclass(frozen=True, slots=True)
class Filter:
    """One way to filter; `least` is the lowest verdict that a positive may have."""

    name: str
    kind: FilterKind
    least: float | None = None

    @property
    def needs_verdicts(self) -> bool:
        """Whether it can do anything without ratings."""
        return self.kind != "good-only"


def parse_filter(name: str) -> Filter:
    """Read the name of a filter; ConfigError for one that we do not know."""
    if name == "good-only":
        return Filter(name, "good-only")
    if name == "weighted":
        return Filter(name, "weighted")
    found = re.fullmatch(r"verdict>=([1-5](?:\.\d+)?)", name)
    if found and float(found[1]) <= 5:
        return Filter(name, "verdict", float(found[1]))
    raise ConfigError(
        f'There is no filter "{name}".', hint="Filters: good-only, verdict>=k with k from 1 to 5, weighted."
    )


def require_weights(family: LensFamily) -> None:
    """Raise ConfigError for a family that cannot weigh rows, naming those that can."""
    if not isinstance(family, WeighsRows):
        able = ", ".join(name for name, one in FAMILIES.items() if isinstance(one, WeighsRows))
        raise ConfigError(f"Lenses of {family.name} cannot weigh samples.", hint=f"Families that can: {able}.")


@dataclass(frozen=True, slots=True, eq=False)
class RatedRows:
    """One concept's rows: activations [n, d], arms, groups [n], whether their form is good [n], verdicts [n] (nan: unrated)."""

    concept: str
    X: AnyFloats
    y: IntArray
    groups: IntArray
    is_good: BoolArray
    verdict: FloatArray


@dataclass(frozen=True, slots=True)
class Measured:
    """F1 and AUC on all pairs, out of fold, and how many pairs trained; or why there are none."""

    f1: float | None
    auc: float | None
    n_kept: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class FilteredConcept:
    """One concept without a filter and with each."""

    concept: str
    n_pairs: int
    before: Measured
    after: Mapping[str, Measured]


@dataclass(frozen=True, slots=True, eq=False)
class _Lot:
    """One concept's training parts in one way, all of one fold each."""

    rows: RatedRows
    fold: IntArray
    kept: BoolArray
    how: Filter | None
    way: int


def measure_filters(
    family: LensFamily, concepts: Sequence[RatedRows], filters: Sequence[Filter], *, n_folds: int, seed: int
) -> list[FilteredConcept]:
    """Measure every filter on every concept; concepts of one call may learn from each other what their family shares."""
    if any(one.kind == "weighted" for one in filters):
        require_weights(family)
    ways: list[Filter | None] = [None, *filters]
    lots: list[_Lot] = []
    reasons: dict[tuple[int, int], str] = {}
    for i, rows in enumerate(concepts):
        fold = grouped_stratified_folds(rows.y, rows.groups, n_folds=n_folds, seed=seed)
        for w, how in enumerate(ways):
            kept = keep(how, rows)
            reason = fold.reason if isinstance(fold, TooLittleData) else _why_not(how, rows, kept, fold)
            if reason is not None:
                reasons[i, w] = reason
            elif not isinstance(fold, TooLittleData):
                lots.append(_Lot(rows, fold, kept, how, w))
    scored = iter(_score(family, lots, seed))
    found = []
    for i, rows in enumerate(concepts):
        told = [
            Measured(None, None, int(keep(how, rows).sum()), reasons[i, w]) if (i, w) in reasons else next(scored)
            for w, how in enumerate(ways)
        ]
        after = {one.name: measured for one, measured in zip(filters, told[1:], strict=True)}
        found.append(FilteredConcept(rows.concept, len(rows.y), told[0], after))
    return found


def keep(how: Filter | None, rows: RatedRows) -> BoolArray:
    """Return which rows may train."""
    if how is None or how.kind == "weighted":
        return np.ones(len(rows.y), dtype=np.bool_)
    if how.kind == "good-only":
        return rows.is_good
    assert how.least is not None
    # A comparison with nan is false: an unrated positive is not known to be as good as asked for.
    return np.asarray((rows.y == 0) | (rows.verdict >= how.least))


def weigh(y: IntArray, verdict: FloatArray) -> FloatArray:
    """Return the weight of each row [n] from its verdict, mean 1 within its arm; 1 for rows that nobody rated."""
    raw = np.where(y == 1, verdict, 6.0 - verdict)
    weight = np.ones(len(y))
    for arm in (0, 1):
        rated = (y == arm) & ~np.isnan(raw)
        if rated.any():
            weight[rated] = raw[rated] / raw[rated].mean()
    return weight


def _why_not(how: Filter | None, rows: RatedRows, kept: BoolArray, fold: IntArray) -> str | None:
    if how is not None and how.needs_verdicts and np.isnan(rows.verdict[rows.y == 1]).all():
        return "none of its positives has a verdict"
    if kept.all():
        return None
    for arm, name in ((1, "positives"), (0, "negatives")):
        left = min(int((kept & (rows.y == arm) & (fold != k)).sum()) for k in np.unique(fold))
        if left < LEAST:
            return f"the filter leaves {left} of its {name} in a training part, and {LEAST} are needed"
    return None


def _score(family: LensFamily, lots: Sequence[_Lot], seed: int) -> list[Measured]:
    from sklearn.metrics import f1_score, roc_auc_score

    tasks = [(lot, int(k)) for lot in lots for k in np.unique(lot.fold)]
    parts = [_part(lot, lot.kept & (lot.fold != k), seed, pool=1000 * lot.way + k) for lot, k in tasks]
    thresholds = _thresholds(family, parts)
    lenses = family.fit_many(parts)
    probability = {id(lot): np.empty(len(lot.fold)) for lot in lots}
    fires = {id(lot): np.zeros(len(lot.fold), dtype=np.bool_) for lot in lots}
    for (lot, k), lens, threshold in zip(tasks, lenses, thresholds, strict=True):
        out = lot.fold == k
        probability[id(lot)][out] = lens.predict_probability(lot.rows.X[out])
        fires[id(lot)][out] = probability[id(lot)][out] >= threshold
    return [
        Measured(
            float(f1_score(lot.rows.y, fires[id(lot)], zero_division=0.0)),
            float(roc_auc_score(lot.rows.y, probability[id(lot)])),
            int(lot.kept.sum()),
            None,
        )
        for lot in lots
    ]


def _part(lot: _Lot, rows: BoolArray, seed: int, pool: int) -> Part:
    own = lot.rows
    weight = weigh(own.y[rows], own.verdict[rows]) if lot.how is not None and lot.how.kind == "weighted" else None
    return Part(own.X[rows], own.y[rows], own.groups[rows], seed, pool, weight)


def _thresholds(family: LensFamily, parts: Sequence[Part]) -> list[float]:
    """Choose each part's threshold inside the part, by the rule of the family's cross-validation."""
    inner, folds = [], []
    for part in parts:
        fold = None
        if family.chooses_threshold and len(part.y) >= THRESHOLD_ROWS:
            found = grouped_stratified_folds(part.y, part.groups, n_folds=_INNER_FOLDS, seed=part.seed)
            fold = None if isinstance(found, TooLittleData) else found
        folds.append(fold)
        inner += [] if fold is None else [_of_rows(part, fold != k) for k in np.unique(fold)]
    fitted = iter(family.fit_many(inner))
    thresholds = []
    for part, fold in zip(parts, folds, strict=True):
        probability = np.empty(len(part.y))
        for k in () if fold is None else np.unique(fold):
            probability[fold == k] = next(fitted).predict_probability(part.X[fold == k])
        thresholds.append(NEUTRAL if fold is None else best_threshold(part.y, probability))
    return thresholds


def _of_rows(part: Part, rows: BoolArray) -> Part:
    weight = None if part.weight is None else part.weight[rows]
    return Part(part.X[rows], part.y[rows], part.groups[rows], part.seed, part.pool, weight)
