"""Folds that keep a prompt template, and a text that occurs twice, on one side of every split.

A small model repeats memorised texts and a lens recognises a prompt's wording, so rows that share either are joined into
one group and a group is never divided. All functions depend on the rows' contents alone, never on their order. Where the
data cannot be split so that every training part holds both arms, the answer is `TooLittleData` with the reason.

Lenses that learn from each other want folds that agree: templates are dealt to folds once for a whole pack, so that a text
is held out in the same fold by every concept that uses it. A concept whose rows do not allow that is divided by itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class TooLittleData:
    """Why a set of rows cannot be cross-validated."""

    reason: str


def join_groups(
    templates: Sequence[str], texts: Sequence[str], prompt_concepts: Sequence[str | None] | None = None
) -> IntArray:
    """Number the connected components of "same template", "same non-empty stripped text" and "same prompt concept".

    A prompt concept of None joins nothing; without any, only the first two count. Components are numbered by their smallest
    template, so that shuffled rows keep their group's number.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = [[text.strip() or None for text in texts], *([prompt_concepts] if prompt_concepts is not None else [])]
    for labels in links:
        if len(templates) != len(labels):
            raise ValueError(f"{len(templates)} templates for {len(labels)} texts or prompt concepts")
    if not templates:
        return np.zeros(0, dtype=np.int64)
    wordings, template_of_row = np.unique(np.asarray(templates, dtype=object), return_inverse=True)
    named = [(row, (kind, label)) for kind, labels in enumerate(links) for row, label in enumerate(labels) if label]
    nodes = {label: len(wordings) + place for place, label in enumerate(sorted({label for _, label in named}))}
    n_nodes = len(wordings) + len(nodes)
    ends = template_of_row[[row for row, _ in named]], np.array([nodes[label] for _, label in named], dtype=np.int64)
    edges = coo_array((np.ones(len(named)), ends), shape=(n_nodes, n_nodes))
    _, component = connected_components(edges, directed=False)
    # Templates are sorted, so the order of first appearance among them is the order of the smallest template.
    _, first, number = np.unique(component[: len(wordings)], return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))
    return np.asarray(rank[number][template_of_row], dtype=np.int64)


def grouped_stratified_folds(y: IntArray, groups: IntArray, *, n_folds: int, seed: int) -> IntArray | TooLittleData:
    """Return each row's fold, at most `n_folds` of them, such that every training part holds both arms.

    `y` is 1 for the positive arm and 0 for the negative one. Fewer folds are made where groups are few.
    """
    if n_folds < 2:
        raise ValueError(f"cross-validation needs at least 2 folds, not {n_folds}")
    if len(y) != len(groups):
        raise ValueError(f"{len(y)} labels for {len(groups)} groups")
    reason = _why_not(y, groups)
    if reason is not None:
        return TooLittleData(reason)
    return next(fold for fold in _candidates(y, groups, n_folds, seed) if trains_both_arms(y, fold))


def _why_not(y: IntArray, groups: IntArray) -> str | None:
    """Two groups an arm are necessary, and enough: leaving out one group at a time then always works."""
    for arm, name in ((1, "positive"), (0, "negative")):
        n_rows, n_groups = int(np.sum(y == arm)), len(np.unique(groups[y == arm]))
        if n_rows == 0:
            return f"the {name} arm is empty"
        if n_groups < 2:
            return f"all {n_rows} {name} samples share one template or text, so none can be held out"
    return None


def _candidates(y: IntArray, groups: IntArray, n_folds: int, seed: int) -> Iterator[IntArray]:
    from sklearn.model_selection import StratifiedGroupKFold

    arms_in_groups = [len(np.unique(groups[y == arm])) for arm in (0, 1)]
    most = min(n_folds, max(arms_in_groups), len(np.unique(groups)))
    # A class with fewer rows than folds only draws a warning from sklearn; staying below avoids empty arms as well.
    most = max(2, min(most, int(np.sum(y == 1)), int(np.sum(y == 0))))
    for k in range(most, 1, -1):
        for attempt in range(_ATTEMPTS):
            splitter = StratifiedGroupKFold(k, shuffle=True, random_state=seed + attempt)
            fold = np.full(len(y), -1, dtype=np.int64)
            for number, (_, held_out) in enumerate(splitter.split(np.zeros(len(y)), y, groups)):
                fold[held_out] = number
            if len(np.unique(fold)) == k:
                yield fold
    yield np.unique(groups, return_inverse=True)[1].astype(np.int64)


def deal_templates(y: IntArray, templates: Sequence[str], *, n_folds: int, seed: int) -> dict[str, int]:
    """Return the fold of each template, stratified by arm over the rows of a whole pack; empty where they allow none."""
    if not templates:
        return {}
    number = np.unique(np.asarray(templates, dtype=object), return_inverse=True)[1]
    fold = grouped_stratified_folds(y, number.astype(np.int64), n_folds=n_folds, seed=seed)
    return {} if isinstance(fold, TooLittleData) else dict(zip(templates, fold.tolist(), strict=True))


def shared_folds(
    y: IntArray, groups: IntArray, templates: Sequence[str], dealt: Mapping[str, int], *, n_folds: int, seed: int
) -> IntArray | TooLittleData:
    """Return each row's fold as its template was dealt, a joined group's that of its smallest template.

    Where a training part would lack an arm, or the rows lie in one fold, they are divided by themselves.
    """
    smallest: dict[int, str] = {}
    for group, template in zip(groups.tolist(), templates, strict=True):
        smallest[group] = min(template, smallest.get(group, template))
    fold = np.array([dealt.get(smallest[group], 0) for group in groups.tolist()], dtype=np.int64)
    if len(np.unique(fold)) > 1 and trains_both_arms(y, fold):
        return fold
    return grouped_stratified_folds(y, groups, n_folds=n_folds, seed=seed)


def trains_both_arms(y: IntArray, fold: IntArray) -> bool:
    """Tell whether every fold leaves rows of both arms to train on."""
    return all(len(np.unique(y[fold != number])) == 2 for number in np.unique(fold))
