"""What a second pass did to each concept of a group, from held-out logits of every round of cross-validation.

Standings are means over the rounds. What decides about a lens fitted on all pairs (how much ridge adds, the threshold) is
chosen on the logits of all rounds together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.lenses.folds import IntArray
from engine.lenses.interface import BoolArray, FloatArray, LensFamily
from engine.lenses.refine_ranking import choose_addition, choose_thresholds, f1s, margins, top1
from engine.lenses.sibling_sets import SiblingSet

Variant = Literal["margin", "ridge"]
Way = Literal["before", "margin", "ridge"]


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
class HeldOutFold:
    """One fold: the places held out, logits [concepts, held out] by way and by addition, and decisions by way."""

    rows: IntArray
    logits: Mapping[Way, FloatArray]
    fires: Mapping[Way, BoolArray]
    ridge: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class HeldOutRound:
    """All folds of a round put together: logits and decisions [concepts, n] by way, logits by addition, and the folds [n]."""

    logits: Mapping[Way, FloatArray]
    fires: Mapping[Way, BoolArray]
    ridge: FloatArray
    fold: IntArray


def join_folds(parts: Sequence[HeldOutFold]) -> HeldOutRound:
    """Put the folds of a round together, in the order of the group's rows."""
    order = np.argsort(np.concatenate([part.rows for part in parts]))
    ways = parts[0].logits
    return HeldOutRound(
        logits={way: np.concatenate([part.logits[way] for part in parts], axis=1)[:, order] for way in ways},
        fires={way: np.concatenate([part.fires[way] for part in parts], axis=1)[:, order] for way in ways},
        ridge=np.concatenate([part.ridge for part in parts], axis=2)[:, :, order],
        fold=np.concatenate([np.full(len(part.rows), k) for k, part in enumerate(parts)])[order],
    )


def measure_group(
    family: LensFamily, group: SiblingSet, rounds: Sequence[HeldOutRound], variants: Sequence[Variant]
) -> RefinedGroup:
    """Measure every concept of a group before and after."""
    ways: tuple[Way, ...] = ("before", *variants)
    arms = np.tile(group.arms, len(rounds))
    logits = {way: np.concatenate([one.logits[way] for one in rounds], axis=1) for way in ways}
    ridge = np.concatenate([one.ridge for one in rounds], axis=2)
    addition = choose_addition(family, logits["before"], ridge, arms)
    of_all = {way: logits[way] if way != "ridge" else ridge[addition] for way in ways}
    thresholds = {way: choose_thresholds(family, of_all[way], arms) for way in ways}
    standings = {way: _standings(rounds, way, group.arms) for way in ways}
    concepts = tuple(
        RefinedConcept(
            concept,
            n_positive=int((own == 1).sum()),
            n_pairs=int((own >= 0).sum()),
            standings={way: standings[way][c] for way in ways},
            thresholds={way: float(thresholds[way][c]) for way in ways},
        )
        for c, (concept, own) in enumerate(zip(group.concepts, group.arms, strict=True))
    )
    return RefinedGroup(concepts, addition, {variant: _top1_kept(group, rounds, variant) for variant in variants})


def _standings(rounds: Sequence[HeldOutRound], way: Way, arms: IntArray) -> list[Standing]:
    """Each concept's standing in one way, the mean over rounds."""
    found = [[top1(one.logits[way], arms), margins(one.logits[way], arms), f1s(one.fires[way], arms)] for one in rounds]
    return [Standing(*map(float, values)) for values in np.mean(found, axis=0).T]


def _top1_kept(group: SiblingSet, rounds: Sequence[HeldOutRound], variant: Variant) -> dict[str, float]:
    found = [top1(_keep_by_other_folds(one, variant, group.arms), group.arms) for one in rounds]
    return dict(zip(group.concepts, np.mean(found, axis=0).tolist(), strict=True))


def _keep_by_other_folds(one: HeldOutRound, variant: Variant, arms: IntArray) -> FloatArray:
    """Return the logits [concepts, n] where each fold has the refined lenses that all other folds together would keep.

    Kept and measured on the same pairs, even a second pass that does nothing seems to raise the ranking.
    """
    before, after = one.logits["before"], one.logits[variant]
    mixed = before.copy()
    for k in np.unique(one.fold):
        rest = np.where(one.fold == k, -1, arms)
        rises = top1(after, rest) > top1(before, rest)
        kept = rises & (f1s(one.fires[variant], rest) >= f1s(one.fires["before"], rest))
        mixed[np.ix_(kept, one.fold == k)] = after[np.ix_(kept, one.fold == k)]
    return mixed
