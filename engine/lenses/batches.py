"""Divide parts into batches: of one pool, of one size, within a memory budget.

Batches hold parts of exactly one number of rows, so that stacks need neither padding nor masks and a lens fitted in a
stack is the lens fitted alone. Thousands of concepts have few different sizes, so nothing is lost.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from engine.lenses.interface import Cost, Part, StateLens, linear_state

_MIB = 2**20


def by_pool(parts: Sequence[Part]) -> list[list[int]]:
    """Return the places of each pool's parts."""
    pools: dict[int, list[int]] = {}
    for place, part in enumerate(parts):
        pools.setdefault(part.pool, []).append(place)
    return list(pools.values())


def of_one_size(
    parts: Sequence[Part], *, floats_per_part: Callable[[int], int], memory_mib: int
) -> Iterator[list[int]]:
    """Return places of parts with equally many rows, as many together as the budget holds; one at least."""
    sizes: dict[int, list[int]] = {}
    for place, part in enumerate(parts):
        sizes.setdefault(len(part.y), []).append(place)
    for n, places in sizes.items():
        together = max(1, memory_mib * _MIB // (8 * max(1, floats_per_part(n))))
        yield from (places[start : start + together] for start in range(0, len(places), together))


def has_both_arms(part: Part) -> bool:
    """Tell whether there is anything to separate."""
    return 0 < int(part.y.sum()) < len(part.y)


def spread(places: Sequence[int], most: int) -> list[int]:
    """Return at most that many of the places, evenly spread."""
    if len(places) <= most:
        return list(places)
    return [places[i] for i in np.linspace(0, len(places) - 1, most).round().astype(int)]


def fit_trainable(parts: Sequence[Part], fit: Callable[[Sequence[Part]], Sequence[StateLens]]) -> list[StateLens]:
    """Fit the parts that hold both arms, put the lens that knows nothing in place of the others, and note the cost."""
    started = time.perf_counter()
    trainable = [place for place, part in enumerate(parts) if has_both_arms(part)]
    fitted = dict(zip(trainable, fit([parts[place] for place in trainable]), strict=True)) if trainable else {}
    seconds = (time.perf_counter() - started) / max(1, len(trainable))
    lenses = [fitted.get(place) or _knows_nothing(part) for place, part in enumerate(parts)]
    return [replace(lens, cost=Cost(seconds, sum(w.size for w in lens.weights.values()))) for lens in lenses]


def _knows_nothing(part: Part) -> StateLens:
    return StateLens(linear_state(np.zeros(part.X.shape[1]), 0.0))
