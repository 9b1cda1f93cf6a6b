"""Pairs of concepts made ready for cross-validation: rows in an order of their own, groups joined, folds drawn for the pack.

Folds are drawn over the templates of all concepts together, stratified by arm, so that a text is held out in the same fold
by each concept that uses it. A concept whose rows do not allow that is divided by itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from engine.lenses.crossval import Rows
from engine.lenses.folds import IntArray, TooLittleData, deal_templates, join_groups, shared_folds
from engine.lenses.interface import AnyFloats
from engine.lenses.measures import PairFacts


@dataclass(frozen=True, slots=True, eq=False)
class PairSet:
    """One concept's pairs: arms [n], 1 positive and 0 negative, with template and text of each; `read` gives activations.

    Prompt concepts are held out together where they are given (None joins nothing). Activations are finite.
    """

    name: str
    y: IntArray
    templates: Sequence[str]
    texts: Sequence[str]
    read: Callable[[], AnyFloats]
    prompt_concepts: Sequence[str | None] | None = None
    facts: PairFacts | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A concept's rows in their own order, with the folds of each round; none where `reason` says why.

    `place` is where each row of the set went.
    """

    name: str
    y: IntArray
    groups: IntArray
    keys: IntArray
    texts: Sequence[str]
    facts: PairFacts | None
    folds: tuple[IntArray, ...]
    reason: str | None
    order: IntArray
    place: IntArray
    read: Callable[[], AnyFloats]

    def rows(self, round_number: int) -> Rows:
        """What is cross-validated in one round."""
        return Rows(self.y, self.groups, self.folds[round_number], self.keys, lambda _: self.read()[self.order])


def prepare(sets: Sequence[PairSet], *, n_folds: int, repeats: int, seed: int) -> list[Prepared]:
    """Prepare concepts that are evaluated together; the result does not depend on their order."""
    groups = [join_groups(one.templates, one.texts, one.prompt_concepts) for one in sets]
    y = np.concatenate([one.y for one in sets]) if sets else np.zeros(0, dtype=np.int64)
    templates = [template for one in sets for template in one.templates]
    dealt = [deal_templates(y, templates, n_folds=n_folds, seed=seed + r) for r in range(repeats)]
    keys: dict[str, int] = {}
    return [_prepare(one, own, dealt, keys, n_folds, seed) for one, own in zip(sets, groups, strict=True)]


def _prepare(
    one: PairSet, groups: IntArray, dealt: Sequence[dict[str, int]], keys: dict[str, int], n_folds: int, seed: int
) -> Prepared:
    order = np.array(sorted(range(len(one.y)), key=lambda i: (groups[i], one.y[i], one.texts[i])), dtype=np.int64)
    y, groups, texts = one.y[order], groups[order], [one.texts[i] for i in order]
    templates = [one.templates[i] for i in order]
    folds: list[IntArray] = []
    reason = None
    for r, of_template in enumerate(dealt):
        fold = shared_folds(y, groups, templates, of_template, n_folds=n_folds, seed=seed + r)
        if isinstance(fold, TooLittleData):
            folds, reason = [], fold.reason
            break
        folds.append(fold)
    facts = one.facts and PairFacts([one.facts.negative_kind[i] for i in order], [one.facts.form[i] for i in order])
    numbers = [keys.setdefault(text.strip() or f"\0{one.name}\0{i}", len(keys)) for i, text in enumerate(texts)]
    return Prepared(
        name=one.name,
        y=y,
        groups=groups,
        keys=np.array(numbers, dtype=np.int64),
        texts=texts,
        facts=facts,
        folds=tuple(folds),
        reason=reason,
        order=order,
        place=np.argsort(order),
        read=one.read,
    )
