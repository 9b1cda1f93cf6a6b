"""A second pass over sibling groups, measured on pairs that neither pass has seen.

Two ways to refine: `margin` trains all lenses of a group to stand above each other on their own positives (see
`refine_margin`); `ridge` is a closed form, one multi-output ridge on the group's positives, one target a concept, whose
row is *added* to the lens: alone it would say which sibling a text is about, and nothing of texts about none of them. How
much of it is added, and from where it is measured, is chosen inside the training part: the best ranking of held-out
positives among candidates whose F1 does not fall; none of it at all is a candidate.

All concepts of a group share their folds, made of whole templates and texts of the whole group, so that a text which one
concept holds out trains none of its siblings. A concept's lens reads the rows of its own pairs, the second pass the
positives of all. Thresholds follow the family's rule, before and after alike. Groups of rows are left out one by one, with
refits, where the validation says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from engine.lenses.crossval import NEUTRAL
from engine.lenses.evaluate import Validation
from engine.lenses.folds import IntArray, TooLittleData
from engine.lenses.interface import AnyFloats, BoolArray, FloatArray, LensFamily, Part, State, predict_logit
from engine.lenses.refine_addition import additions, directions_of, with_additions
from engine.lenses.refine_margin import RankingTask, rank_by_margin
from engine.lenses.refine_ranking import choose_addition, choose_thresholds, fires_at
from engine.lenses.refine_standing import HeldOutFold, RefinedGroup, Variant, Way, join_folds, measure_group
from engine.lenses.sibling_sets import SiblingSet, sibling_folds, sibling_rounds

VARIANTS: tuple[Variant, ...] = ("margin", "ridge")
_INNER_FOLDS = 3


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """One training part of a whole group: the k-th of a round, and of that part's inner ones the j-th, else 0."""

    group: SiblingSet
    rows: BoolArray
    seed: int
    round: int
    k: int
    j: int = 0

    @property
    def pool(self) -> int:
        """The same number for the parts of all groups that have the same place; of no two places."""
        return self.round * 10**8 + self.k * 10 + self.j


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
    validation: Validation,
    seed: int = 0,
) -> list[RefinedGroup | TooLittleData]:
    """Measure every group before and after; groups of one call may learn from each other what their family shares."""
    folds = [_rounds(group, validation, seed) for group in groups]
    outer = [
        [
            [_Task(group, fold != k, seed + r, r, int(k)) for k in np.unique(fold)]
            for r, fold in enumerate([] if isinstance(rounds, TooLittleData) else rounds)
        ]
        for group, rounds in zip(groups, folds, strict=True)
    ]
    tasks = [task for rounds in outer for some in rounds for task in some]
    inner = [list(_inner_tasks(task)) for task in tasks]
    said = iter(_say(family, [*tasks, *(task for some in inner for task in some)], variants))
    of_outer = [next(said) for _ in tasks]
    of_inner = [[next(said) for _ in some] for some in inner]
    done = iter(zip(tasks, of_outer, inner, of_inner, strict=True))
    found: list[RefinedGroup | TooLittleData] = []
    for group, of_group, rounds in zip(groups, folds, outer, strict=True):
        if isinstance(of_group, TooLittleData):
            found.append(of_group)
            continue
        held_out = [join_folds([_decide(family, *next(done), variants) for _ in some]) for some in rounds]
        found.append(measure_group(family, group, held_out, variants))
    return found


def _rounds(group: SiblingSet, validation: Validation, seed: int) -> list[IntArray] | TooLittleData:
    return sibling_rounds(
        group.arms,
        group.groups,
        n_folds=validation.n_folds,
        repeats=validation.repeats,
        leave_one_group_out=validation.leave_one_group_out,
        seed=seed,
    )


def _inner_tasks(task: _Task) -> Iterator[_Task]:
    arms = np.where(task.rows, task.group.arms, -1)
    fold = sibling_folds(arms[:, task.rows], task.group.groups[task.rows], n_folds=_INNER_FOLDS, seed=task.seed)
    if isinstance(fold, TooLittleData):
        return
    for k in np.unique(fold):
        kept = task.rows.copy()
        kept[np.flatnonzero(task.rows)[fold == k]] = False
        yield _Task(task.group, kept, task.seed, task.round, task.k, 1 + int(k))


def _say(family: LensFamily, tasks: Sequence[_Task], variants: Sequence[Variant]) -> list[_Logits]:
    states = _fit_states(family, tasks)
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
            with_additions(before, directions_of(task.group, task.rows), task.group, task.rows)
            if "ridge" in variants
            else before[None],
        )
        for some, better, task in zip(states, ranked, tasks, strict=True)
    ]


def _fit_states(family: LensFamily, tasks: Sequence[_Task]) -> list[list[State]]:
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


def _decide(
    family: LensFamily,
    task: _Task,
    said: _Logits,
    inner: Sequence[_Task],
    of_inner: Sequence[_Logits],
    variants: Sequence[Variant],
) -> HeldOutFold:
    """Choose the addition and the thresholds inside the training part, and apply them to the rows held out."""
    ways: tuple[Way, ...] = ("before", *variants)
    chosen, thresholds = 0, {way: np.full(len(task.group.concepts), NEUTRAL) for way in ways}
    if inner:
        within = _assemble(task, inner, of_inner)
        arms = np.where(task.rows, task.group.arms, -1)
        chosen = choose_addition(family, within.before, within.ridge, arms)
        thresholds = {way: choose_thresholds(family, _of_way(within, way, chosen), arms) for way in ways}
    out = np.flatnonzero(~task.rows)
    logits = {way: _of_way(said, way, chosen)[:, out] for way in ways}
    fires = {way: fires_at(thresholds[way], values) for way, values in logits.items()}
    return HeldOutFold(out, logits, fires, said.ridge[:, :, out])


def _of_way(said: _Logits, way: Way, addition: int) -> FloatArray:
    ridge: FloatArray = said.ridge[addition]
    return {"before": said.before, "margin": said.margin, "ridge": ridge}[way]


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


def refine_all(group: SiblingSet, states: Sequence[State], variant: Variant, *, addition: int) -> list[State]:
    """Refine lenses that were fitted on all pairs, with the addition that the folds chose."""
    rows = np.ones(len(group.groups), dtype=np.bool_)
    if variant == "margin":
        place, target = group.positives(rows)
        return rank_by_margin([RankingTask(states, group.X[place], target)])[0]
    found = directions_of(group, rows)
    scores = found.weight @ np.asarray(group.X, dtype=np.float64).T
    factor, shift = list(additions(_logits(states, group.X), scores, found, group, rows))[addition]
    return [
        {
            "linear.weight": state["linear.weight"] + factor * weight[None, :],
            "linear.bias": state["linear.bias"] - lower,
        }
        for state, weight, lower in zip(states, found.weight, shift, strict=True)
    ]
