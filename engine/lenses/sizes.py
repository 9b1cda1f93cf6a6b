"""Lenses on fewer pairs than there are: what the same held-out pairs say of training sets of several sizes.

Folds are those of the full measurement. In each fold a lens is fitted on a part of the training rows, arms in the proportion
of all pairs, and scores the fold; so every size is measured on every pair, and sizes differ by nothing but their size. Which
rows a part holds is drawn several times, nested: the larger part of a draw holds the smaller one. All concepts of a pool are
cut to the same size together, so that what a family shares is learnt from as little as each lens is.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import takewhile

import numpy as np

from engine.lenses.crossval import Rows, out_of_fold
from engine.lenses.folds import IntArray
from engine.lenses.interface import BoolArray, LensFamily
from engine.lenses.pairs import Prepared
from engine.stats.learning_curve import LearningCurve, measure_curve

DRAWS = 4
"""Parts of a size that are drawn; their mean is the point."""
MOST_SIZES = 6
"""The largest sizes tell where a curve leads; what lenses of very few pairs do says little of it, and misleads."""


Step = Callable[[], list[BoolArray]]


def measure_sizes(
    family: LensFamily,
    concepts: Sequence[Prepared],
    wanted: Sequence[int],
    *,
    seed: int,
    lens: str = "",
    keep: Callable[[str, Step], list[BoolArray]] = lambda _, step: step(),
) -> list[LearningCurve]:
    """Return the learning curves of the wanted concepts; the others only add to what the family shares.

    ``keep`` is asked for each step by its name: where lenses of one size and draw fire, a concept after the other. It may know
    the answer from before.
    """
    sizes = [training_sizes(one) for one in concepts]
    fires: list[dict[int, list[BoolArray]]] = [{} for _ in concepts]
    for size in sorted({size for place in wanted for size in sizes[place]}):
        there = [place for place, own in enumerate(sizes) if size in own]
        asked = [place for place in there if place in set(wanted)]
        for draw in range(DRAWS):

            def step(
                size: int = size, draw: int = draw, there: list[int] = there, asked: list[int] = asked
            ) -> list[BoolArray]:
                rows = [_cut(concepts[place], size, draw, seed) for place in there]
                held = out_of_fold(family, rows, seed=seed, wanted=[there.index(place) for place in asked])
                return [one.scores.fires for one in held]

            for place, found in zip(asked, keep(f"{size} pairs, draw {draw}", step), strict=True):
                fires[place].setdefault(size, []).append(found)
    return [
        measure_curve(
            concepts[place].y,
            {size: np.array(draws) for size, draws in fires[place].items()},
            concepts[place].groups,
            lens=lens,
            reason=concepts[place].reason,
        )
        for place in wanted
    ]


def training_sizes(concept: Prepared) -> tuple[int, ...]:
    """Return the sizes that every fold's training part can be cut to: 4, 6, 8, 12, 16, 24 and so on, the largest of them."""
    if concept.reason is not None:
        return ()
    fold, y = concept.folds[0], concept.y
    parts = [(int(y[fold != k].sum()), int((1 - y[fold != k]).sum())) for k in np.unique(fold)]
    most = min(n_positive + n_negative for n_positive, n_negative in parts)
    share = float(y.mean())
    fits = [
        size
        for size in takewhile(lambda size: size <= most, _ladder())
        if all(_arms(size, share)[0] <= positive and _arms(size, share)[1] <= negative for positive, negative in parts)
    ]
    return tuple(fits[-MOST_SIZES:])


def _ladder() -> Iterator[int]:
    size = 4
    while True:
        yield from (size, size * 3 // 2)
        size *= 2


def _arms(size: int, share: float) -> tuple[int, int]:
    """How many positives and negatives a part of that size holds: one of each at least."""
    n_positive = min(max(round(size * share), 1), size - 1)
    return n_positive, size - n_positive


def _cut(concept: Prepared, size: int, draw: int, seed: int) -> Rows:
    """Return a concept's rows whose training parts are cut to a size, as drawn."""
    fold, place = concept.folds[0], _places(concept, draw, seed)
    n_positive, n_negative = _arms(size, float(concept.y.mean()))
    aside = np.zeros((int(fold.max()) + 1, len(fold)), dtype=np.bool_)
    for k in range(len(aside)):
        for arm, most in ((1, n_positive), (0, n_negative)):
            mine = np.flatnonzero((fold != k) & (concept.y == arm))
            aside[k, mine[np.argsort(place[mine])[most:]]] = True
    return replace(concept.rows(0), set_aside=aside)


def _places(concept: Prepared, draw: int, seed: int) -> IntArray:
    """Return each row's place in the order of a draw, which follows from the concept's texts."""
    texts = hashlib.blake2b("\0".join(concept.texts).encode(errors="surrogatepass"), digest_size=8).digest()
    return np.random.default_rng([seed, draw, int.from_bytes(texts, "big")]).permutation(len(concept.y))
