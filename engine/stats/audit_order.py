"""Which drawn pair to rate next: one of the stratum in which one more rating narrows the gap's interval most, as a rule.

While an audit is under way the rated pairs of a stratum stand for its other drawn ones, so that within a stratum the order says
nothing of the pairs. Between strata the choice is by chance in proportion to what is gained: always the best one first would
give long rows of one arm, by which a reviewer could guess what is hidden.
"""

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from engine.stats.audit_plan import StratumKey

T = TypeVar("T")
_FIRST = 2
"""Ratings that every stratum gets before any gets more: with none the gap is unknown, with one no spread is."""


@dataclass(frozen=True, slots=True)
class StratumWorth:
    """What one more rating is worth: the stratum's share of its arm's pairs, its residual variance, and its ratings so far."""

    share: float
    variance: float
    n_rated: int

    @property
    def gain(self) -> float:
        """By how much one more rating shrinks the variance of the arm's mean: share² · variance · (1/n − 1/(n + 1))."""
        n = max(self.n_rated, 1)
        return self.share**2 * self.variance / (n * (n + 1))


def next_stratum(worth: Mapping[StratumKey, StratumWorth], *, rng: random.Random) -> StratumKey | None:
    """The stratum to take the next pair from; None where there is none.

    Strata with fewest ratings first until each has two; then by chance, in proportion to the gain.
    """
    if not worth:
        return None
    least = min(stratum.n_rated for stratum in worth.values())
    if least < _FIRST:
        return rng.choice([key for key, stratum in worth.items() if stratum.n_rated == least])
    keys = list(worth)
    gains = [worth[key].gain for key in keys]
    return rng.choices(keys, gains)[0] if sum(gains) > 0 else rng.choice(keys)


def audit_order(
    left: Mapping[StratumKey, Iterable[T]], worth: Mapping[StratumKey, StratumWorth], *, seed: str
) -> Iterator[T]:
    """Pairs in the order in which to rate them, each stratum's in its own order; the same for the same seed and ratings."""
    rng = random.Random(seed)
    waiting = {key: iter(pairs) for key, pairs in left.items()}
    worth = {key: stratum for key, stratum in worth.items() if key in waiting}
    while (key := next_stratum(worth, rng=rng)) is not None:
        try:
            yield next(waiting[key])
        except StopIteration:
            worth = {other: stratum for other, stratum in worth.items() if other != key}
            continue
        was = worth[key]
        worth = worth | {key: StratumWorth(was.share, was.variance, was.n_rated + 1)}
