"""How many negatives of each kind, and in which order: the shares asked for, of the kinds that there are.

Kinds take turns so that every part of the list holds about the shares of the whole. A share whose kind has no concept goes
to the other kinds in proportion.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

NegativeKind = Literal["sibling", "unrelated", "opposite"]
KINDS: tuple[NegativeKind, ...] = ("sibling", "unrelated", "opposite")


def kinds_in_turn(n: int, shares: Mapping[NegativeKind, float], there: set[NegativeKind]) -> Iterator[NegativeKind]:
    """The kind of each of n negatives; nothing when there is no kind at all."""
    weights = {kind: shares[kind] for kind in KINDS if kind in there}
    if not weights:
        return
    if not any(weights.values()):
        # What was asked for does not exist; negatives of another kind are better than none.
        weights = dict.fromkeys(weights, 1.0)
    quotas = _quotas(n, weights)
    taken = dict.fromkeys(quotas, 0)
    for i in range(n):
        # The kind that is furthest behind its share.
        kind = max(quotas, key=lambda kind: (quotas[kind] * (i + 1) / n - taken[kind], -KINDS.index(kind)))
        taken[kind] += 1
        yield kind


def _quotas(n: int, weights: Mapping[NegativeKind, float]) -> dict[NegativeKind, int]:
    """Whole numbers that add up to n and are as near to the weights as such can be (largest remainders)."""
    total = sum(weights.values())
    exact = {kind: n * weight / total for kind, weight in weights.items()}
    quotas = {kind: int(share + 1e-9) for kind, share in exact.items()}
    behind = sorted(exact, key=lambda kind: (quotas[kind] - exact[kind], KINDS.index(kind)))
    for kind in behind[: n - sum(quotas.values())]:
        quotas[kind] += 1
    return {kind: quota for kind, quota in quotas.items() if quota}


class Cycle:
    """Concepts of one kind in an order that goes round; it prefers the first that has not met a template yet."""

    def __init__(self, terms: Sequence[str]) -> None:
        self._terms, self._next = list(terms), 0

    def take(self, met: set[str]) -> str:
        """The next concept that is not in `met`, or simply the next when all are."""
        n = len(self._terms)
        turns = ((self._next + i) % n for i in range(n))
        place = next((i for i in turns if self._terms[i] not in met), self._next)
        self._next = (place + 1) % n
        return self._terms[place]
