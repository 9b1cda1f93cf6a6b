"""A second pass over sibling groups, measured on pairs that neither pass has seen.

Two ways to refine: `margin` trains all lenses of a group to stand above each other on their own positives (see
`refine_margin`); `ridge` is a closed form, one multi-output ridge on the group's positives, one target a concept, whose
row is *added* to the lens: alone it would say which sibling a text is about, and nothing of texts about none of them. How
much of it is added, and from where it is measured, is chosen inside the training part: the best ranking of held-out
positives among candidates whose F1 does not fall; none of it at all is a candidate.

All concepts of a group share their folds, made of whole templates and texts of the whole group, so that a text which one
concept holds out trains none of its siblings. A concept's lens reads the rows of its own pairs, the second pass the
positives of all. Thresholds follow the family's rule, before and after alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.lenses.crossval import NEUTRAL, THRESHOLD_ROWS, best_threshold
from engine.lenses.folds import IntArray, TooLittleData
from engine.lenses.interface import AnyFloats, BoolArray, FloatArray, LensFamily, Part, State, predict_logit
from engine.lenses.refine_direction import SiblingDirections, sibling_directions
from engine.lenses.refine_margin import RankingTask, rank_by_margin
from engine.lenses.sibling_sets import SiblingSet, sibling_folds

Variant = Literal["margin", "ridge"]
Way = Literal["before", "margin", "ridge"]
VARIANTS: tuple[Variant, ...] = ("margin", "ridge")
FACTORS = (0.0, 0.25, 0.5, 1.0, 2.0)
"""Spread of what is added, as a multiple of the spread of the lenses' logits; the first is the lens as it was."""
_INNER_FOLDS = 3


@dataclass(frozen=True, slots=True)
class Standing:
    """How one concept's lens does out of fold: share of its positives on which it stands above all its siblings' lenses, mean
    difference of its logit to theirs on its positives, and F1 on all its pairs."""

    top1: float
    margin: float
    f1: float


@dataclass(frozen=True, slots=True, eq=False)
class RefinedConcept:
    """One concept before and after each way to refine."""

    concept: str
    n_positive: int
    n_pairs: int
    standings: Mapping[Way, Standing]
    thresholds: Mapping[Way, float]
    """Of the lens that is fitted on all pairs."""

    def is_kept(self, variant: Variant) -> bool:
        """Whether held-out ranking rises and F1 does not fall."""
        before, after = self.standings["before"], self.standings[variant]
        return after.top1 > before.top1 and after.f1 >= before.f1


@dataclass(frozen=True, slots=True, eq=False)
class RefinedGroup:
    """A group out of fold; `addition` is what a ridge fitted on all pairs adds."""

    concepts: tuple[RefinedConcept, ...]
    addition: int
    standings_kept: Mapping[Variant, Mapping[str, float]]
    """`top1` of each concept where kept lenses stand among the others as they were; each fold's are those that the other
    folds keep, so that no pair decides what it measures."""


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """One training part of a whole group."""

    group: SiblingSet
    rows: BoolArray
    seed: int
    pool: int


@dataclass(frozen=True, slots=True, eq=False)
class _Logits:
    """What a task's lenses say of all rows of the group [ways, concepts, n]; ridge has one way for each addition."""

    before: FloatArray
    margin: FloatArray
    ridge: FloatArray


def refine_out_of_fold(
    family: LensFamily,
    groups: Sequence[SiblingSet],
    *,
    variants: Sequence[Variant] = VARIANTS,
    n_folds: int = 5,
    seed: int = 0,
) -> list[RefinedGroup | TooLittleData]:
    """Measure every group before and after; groups of one call may learn from each other what their family shares."""
    folds = [sibling_folds(group.arms, group.groups, n_folds=n_folds, seed=seed) for group in groups]
    outer = [
        _Task(group, fold != k, seed, int(k))
        for group, fold in zip(groups, folds, strict=True)
        if not isinstance(fold, TooLittleData)
        for k in np.unique(fold)
    ]
    inner = [list(_inner_tasks(task)) for task in outer]
    said = iter(_say(family, [*outer, *(task for some in inner for task in some)], variants))
    of_outer = [next(said) for _ in outer]
    of_inner = [[next(said) for _ in some] for some in inner]
    done = iter(zip(outer, of_outer, inner, of_inner, strict=True))
    found: list[RefinedGroup | TooLittleData] = []
    for group, fold in zip(groups, folds, strict=True):
        if isinstance(fold, TooLittleData):
            found.append(fold)
            continue
        parts = [_decide(family, *next(done), variants) for _ in np.unique(fold)]
        found.append(_measure(family, group, parts, variants))
    return found


def _inner_tasks(task: _Task) -> Iterator[_Task]:
    arms = np.where(task.rows, task.group.arms, -1)
    fold = sibling_folds(arms[:, task.rows], task.group.groups[task.rows], n_folds=_INNER_FOLDS, seed=task.seed)
    if isinstance(fold, TooLittleData):
        return
    for k in np.unique(fold):
        kept = task.rows.copy()
        kept[np.flatnonzero(task.rows)[fold == k]] = False
        yield _Task(task.group, kept, task.seed, 1000 * (1 + task.pool) + int(k))


def _say(family: LensFamily, tasks: Sequence[_Task], variants: Sequence[Variant]) -> list[_Logits]:
    states = fit_states(family, tasks)
    positives = [task.group.positives(task.rows) for task in tasks]
    ranking = [
        RankingTask(some, task.group.X[place], target)
        for some, task, (place, target) in zip(states, tasks, positives, strict=True)
    ]
    ranked = rank_by_margin(ranking) if "margin" in variants else states
    return [
        _Logits(
            before := _logits(some, task.group.X),
            _logits(better, task.group.X) if "margin" in variants else before,
            _with_additions(before, directions_of(task.group, task.rows), task)
            if "ridge" in variants
            else before[None],
        )
        for some, better, task in zip(states, ranked, tasks, strict=True)
    ]


def fit_states(family: LensFamily, tasks: Sequence[_Task]) -> list[list[State]]:
    """Fit each concept's lens on its own pairs of each task."""
    parts = [
        Part(task.group.X[own], arms[own], task.group.groups[own], task.seed, task.pool)
        for task in tasks
        for arms in task.group.arms
        for own in [task.rows & (arms >= 0)]
    ]
    fitted = iter(family.fit_many(parts))
    return [[next(fitted).state() for _ in task.group.concepts] for task in tasks]


def _logits(states: Sequence[State], X: AnyFloats) -> FloatArray:
    return np.stack([predict_logit(state, X) for state in states])


def directions_of(group: SiblingSet, rows: BoolArray) -> SiblingDirections:
    """Fit the multi-output ridge on the positives among the rows."""
    place, target = group.positives(rows)
    return sibling_directions(group.X[place], target, group.groups[place], n_concepts=len(group.concepts))


def _with_additions(before: FloatArray, found: SiblingDirections, task: _Task) -> FloatArray:
    """Return the logits [additions, concepts, n] of every candidate."""
    scores = found.weight @ np.asarray(task.group.X, dtype=np.float64).T
    return np.stack(
        [before + factor * scores - shift[:, None] for factor, shift in additions(before, scores, found, task)]
    )


def additions(
    before: FloatArray, scores: FloatArray, found: SiblingDirections, task: _Task
) -> Iterator[tuple[float, FloatArray]]:
    """Yield each candidate's factor on the directions and what is taken from each concept's logit then [concepts].

    An addition is measured from the middle between the concept's own arms, where a lens of balanced arms has its own zero,
    or from the mean of the group's positives, where ridge has its own; so many in a row for each factor.
    """
    place, target = task.group.positives(task.rows)
    spread = _spread(scores[:, place], target)
    unit = _spread(before[:, place], target) / spread if spread > 0 else 0.0
    arms = np.where(task.rows, task.group.arms, -1)
    middle = np.array(
        [(row[own == 1].mean() + row[own == 0].mean()) / 2.0 for row, own in zip(scores, arms, strict=True)]
    )
    for factor in FACTORS:
        for origin in (middle, found.weight @ found.mean):
            yield factor * unit, factor * unit * origin


def _spread(logits: FloatArray, target: IntArray) -> float:
    """Standard deviation of a concept's logits over the group's positives, pooled over concepts."""
    return float(np.sqrt(np.mean(np.var(logits, axis=1)))) if len(target) else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class _HeldOut:
    """One fold's logits by way [concepts, held out] and by addition, decisions by way, and the places held out."""

    rows: IntArray
    logits: Mapping[Way, FloatArray]
    fires: Mapping[Way, BoolArray]
    ridge: FloatArray


def _decide(
    family: LensFamily,
    task: _Task,
    said: _Logits,
    inner: Sequence[_Task],
    of_inner: Sequence[_Logits],
    variants: Sequence[Variant],
) -> _HeldOut:
    """Choose the addition and the thresholds inside the training part, and apply them to the rows held out."""
    chosen, thresholds = 0, {way: np.full(len(task.group.concepts), NEUTRAL) for way in ("before", *variants)}
    if inner:
        within = _assemble(task, inner, of_inner)
        arms = np.where(task.rows, task.group.arms, -1)
        chosen = choose_addition(family, within.before, within.ridge, arms)
        of_way = {"before": within.before, "margin": within.margin, "ridge": within.ridge[chosen]}
        thresholds = {way: choose_thresholds(family, of_way[way], arms) for way in thresholds}
    out = np.flatnonzero(~task.rows)
    logits: dict[Way, FloatArray] = {"before": said.before[:, out]}
    every: dict[Way, FloatArray] = {"margin": said.margin, "ridge": said.ridge[min(chosen, len(said.ridge) - 1)]}
    logits |= {variant: every[variant][:, out] for variant in variants}
    fires = {way: values >= _as_logit(thresholds[way])[:, None] for way, values in logits.items()}
    return _HeldOut(out, logits, fires, said.ridge[:, :, out])


def _as_logit(threshold: FloatArray) -> FloatArray:
    from scipy.special import logit

    return np.asarray(logit(threshold))


def _assemble(task: _Task, inner: Sequence[_Task], said: Sequence[_Logits]) -> _Logits:
    """Put each inner fold's held-out columns together; rows of no inner fold stay nan."""
    first = said[0]
    found = _Logits(*(np.full_like(values, np.nan) for values in (first.before, first.margin, first.ridge)))
    for one, logits in zip(inner, said, strict=True):
        out = task.rows & ~one.rows
        found.before[..., out] = logits.before[..., out]
        found.margin[..., out] = logits.margin[..., out]
        found.ridge[..., out] = logits.ridge[..., out]
    return found


def choose_addition(family: LensFamily, before: FloatArray, ridge: FloatArray, arms: IntArray) -> int:
    """Return the candidate that ranks held-out positives best among those whose mean F1 does not fall; of equals the first."""
    least = _mean_f1(family, before, arms)
    ranks = [
        float(np.mean(_top1(logits, arms))) if _mean_f1(family, logits, arms) >= least else -1.0 for logits in ridge
    ]
    return int(np.argmax(np.round(np.array(ranks), 12)))


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


def _mean_f1(family: LensFamily, logits: FloatArray, arms: IntArray) -> float:
    fires = logits >= _as_logit(choose_thresholds(family, logits, arms))[:, None]
    return float(np.mean(_f1s(fires, arms)))


def f1_of(y: IntArray, fires: BoolArray) -> float:
    """Return F1 of decisions, 0 where nothing fires rightly."""
    hits = int((fires & (y == 1)).sum())
    return 2.0 * hits / max(1, int(fires.sum()) + int((y == 1).sum()))


def _top1(logits: FloatArray, arms: IntArray) -> FloatArray:
    """Return for each concept the share of its positives on which its own logit is above all others [concepts]."""
    return np.array(
        [np.mean(logits[c, own == 1] > _others(logits, c)[:, own == 1].max(0)) for c, own in enumerate(arms)]
    )


def _margins(logits: FloatArray, arms: IntArray) -> FloatArray:
    return np.array([np.mean(logits[c, own == 1] - _others(logits, c)[:, own == 1]) for c, own in enumerate(arms)])


def _others(logits: FloatArray, c: int) -> FloatArray:
    return np.delete(logits, c, axis=0)


def _measure(
    family: LensFamily, group: SiblingSet, parts: Sequence[_HeldOut], variants: Sequence[Variant]
) -> RefinedGroup:
    ways: tuple[Way, ...] = ("before", *variants)
    order = np.argsort(np.concatenate([part.rows for part in parts]))
    logits = {way: np.concatenate([part.logits[way] for part in parts], axis=1)[:, order] for way in ways}
    fires = {way: np.concatenate([part.fires[way] for part in parts], axis=1)[:, order] for way in ways}
    ridge = np.concatenate([part.ridge for part in parts], axis=2)[:, :, order]
    addition = choose_addition(family, logits["before"], ridge, group.arms)
    top1 = {way: _top1(logits[way], group.arms) for way in ways}
    margin = {way: _margins(logits[way], group.arms) for way in ways}
    of_all = {way: logits[way] if way != "ridge" else ridge[addition] for way in ways}
    thresholds = {way: choose_thresholds(family, of_all[way], group.arms) for way in ways}
    concepts = tuple(
        RefinedConcept(
            concept,
            n_positive=int((own == 1).sum()),
            n_pairs=int((own >= 0).sum()),
            standings={
                way: Standing(float(top1[way][c]), float(margin[way][c]), f1_of(own[own >= 0], fires[way][c, own >= 0]))
                for way in ways
            },
            thresholds={way: float(thresholds[way][c]) for way in ways},
        )
        for c, (concept, own) in enumerate(zip(group.concepts, group.arms, strict=True))
    )
    fold = np.concatenate([np.full(len(part.rows), k) for k, part in enumerate(parts)])[order]
    with_kept: dict[Variant, dict[str, float]] = {}
    for variant in variants:
        mixed = _keep_by_other_folds(logits, fires, variant, group.arms, fold)
        with_kept[variant] = dict(zip(group.concepts, _top1(mixed, group.arms).tolist(), strict=True))
    return RefinedGroup(concepts, addition, with_kept)


def _keep_by_other_folds(
    logits: Mapping[Way, FloatArray], fires: Mapping[Way, BoolArray], variant: Variant, arms: IntArray, fold: IntArray
) -> FloatArray:
    """Return the logits [concepts, n] where each fold has the refined lenses that all other folds together would keep.

    Kept and measured on the same pairs, even a second pass that does nothing seems to raise the ranking.
    """
    mixed = logits["before"].copy()
    for k in np.unique(fold):
        rest = np.where(fold == k, -1, arms)
        rises = _top1(logits[variant], rest) > _top1(logits["before"], rest)
        kept = rises & (_f1s(fires[variant], rest) >= _f1s(fires["before"], rest))
        mixed[np.ix_(kept, fold == k)] = logits[variant][np.ix_(kept, fold == k)]
    return mixed


def _f1s(fires: BoolArray, arms: IntArray) -> FloatArray:
    return np.array([f1_of(own[own >= 0], row[own >= 0]) for own, row in zip(arms, fires, strict=True)])


def refine_all(group: SiblingSet, states: Sequence[State], variant: Variant, *, addition: int) -> list[State]:
    """Refine lenses that were fitted on all pairs, with the addition that the folds chose."""
    rows = np.ones(len(group.groups), dtype=np.bool_)
    if variant == "margin":
        place, target = group.positives(rows)
        return rank_by_margin([RankingTask(states, group.X[place], target)])[0]
    found = directions_of(group, rows)
    task = _Task(group, rows, 0, 0)
    scores = found.weight @ np.asarray(group.X, dtype=np.float64).T
    factor, shift = list(additions(_logits(states, group.X), scores, found, task))[addition]
    return [
        {
            "linear.weight": state["linear.weight"] + factor * weight[None, :],
            "linear.bias": state["linear.bias"] - lower,
        }
        for state, weight, lower in zip(states, found.weight, shift, strict=True)
    ]
