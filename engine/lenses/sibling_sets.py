"""Groups of siblings, their rows put together from their concepts' pairs, and the folds that a whole group shares."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.lenses.folds import IntArray, TooLittleData, join_groups
from engine.lenses.interface import AnyFloats, BoolArray

NO_SIBLING = "the run has no pairs of a sibling of it"


@dataclass(frozen=True, slots=True, eq=False)
class SiblingSet:
    """The rows of a group of siblings: activations [n, d], arms [concepts, n], groups [n].

    Arms are 1 (positive), 0 (negative) and −1 where the row is no pair of the concept. Groups join rows of one template
    or text over all concepts.
    """

    concepts: tuple[str, ...]
    X: AnyFloats
    arms: IntArray
    groups: IntArray

    def positives(self, rows: BoolArray) -> tuple[IntArray, IntArray]:
        """Return the places of the positives among the rows, and whose positive each is."""
        target, place = np.nonzero((self.arms == 1) & rows)
        return place, target


def group_siblings(keys: Mapping[str, Iterable[str]]) -> list[tuple[str, ...]]:
    """Return groups of two concepts or more that share a key (a parent, a bucket), each concept in one group at most.

    The largest group is taken first, of equals the one whose key comes first; what it takes is missing from the others.
    """
    members: dict[str, set[str]] = {}
    for concept, own in keys.items():
        for key in own:
            members.setdefault(key, set()).add(concept)
    groups: list[tuple[str, ...]] = []
    while members:
        key = min(members, key=lambda one: (-len(members[one]), one))
        taken = members.pop(key)
        if len(taken) < 2:
            break
        groups.append(tuple(concept for concept in keys if concept in taken))
        for rest in members.values():
            rest -= taken
    return groups


def build_sibling_set(
    concepts: Sequence[str],
    arms: Sequence[Mapping[str, int]],
    X: AnyFloats,
    *,
    sample_ids: Sequence[str],
    templates: Sequence[str],
    texts: Sequence[str],
    prompt_concepts: Sequence[str] | None = None,
) -> SiblingSet:
    """Put a group together from rows [n] and each concept's arms (1, 0) by sample id.

    Prompt concepts, where they are given, are held out together but for positives: of those, none could be held out at all.
    """
    of_concepts = np.array([[own.get(sample, -1) for sample in sample_ids] for own in arms], dtype=np.int64)
    nobodys = ~(of_concepts == 1).any(axis=0)
    about: list[str | None] | None = None
    if prompt_concepts is not None:
        about = [name if is_nobodys else None for name, is_nobodys in zip(prompt_concepts, nobodys, strict=True)]
    return SiblingSet(tuple(concepts), X, of_concepts, join_groups(templates, texts, about))


def sibling_rounds(
    arms: IntArray, groups: IntArray, *, n_folds: int, repeats: int, leave_one_group_out: bool, seed: int
) -> list[IntArray] | TooLittleData:
    """Return the fold of every row in each round of cross-validation; group by group there is one round."""
    if leave_one_group_out:
        fold = np.unique(groups, return_inverse=True)[1].astype(np.int64)
        if len(fold) and all(_trains_all(arms[:, fold != number]) for number in np.unique(fold)):
            return [fold]
        return TooLittleData("without one of its templates or texts, a sibling would lack an arm")
    rounds = []
    for r in range(repeats):
        found = sibling_folds(arms, groups, n_folds=n_folds, seed=seed + r)
        if isinstance(found, TooLittleData):
            return found
        rounds.append(found)
    return rounds


def sibling_folds(arms: IntArray, groups: IntArray, *, n_folds: int, seed: int) -> IntArray | TooLittleData:
    """Return the fold of every row such that each training part holds both arms of every concept.

    A group is never divided. Fewer folds are made where more cannot be; rows are spread by whose positive they are.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    nobodys = ~(arms == 1).any(axis=0)
    rarest = int((arms == 1).sum(axis=1).min(initial=len(groups)))
    for k in range(min(n_folds, len(np.unique(groups)), rarest), 1, -1):
        # A class with fewer rows than folds only draws a warning from sklearn.
        owner = np.where(nobodys & (nobodys.sum() >= k), len(arms), (arms == 1).argmax(axis=0))
        fold = np.full(len(groups), -1, dtype=np.int64)
        splitter = StratifiedGroupKFold(k, shuffle=True, random_state=seed)
        for number, (_, held_out) in enumerate(splitter.split(np.zeros(len(groups)), owner, groups)):
            fold[held_out] = number
        if len(np.unique(fold)) == k and all(_trains_all(arms[:, fold != number]) for number in range(k)):
            return fold
    return TooLittleData("templates and texts that the siblings share leave no part to hold out")


def _trains_all(arms: IntArray) -> bool:
    return bool((arms == 1).any(axis=1).all() and (arms == 0).any(axis=1).all())
