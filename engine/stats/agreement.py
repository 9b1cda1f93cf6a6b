"""Agreement of two raters on the same pairs, from how many pairs each two ratings share in each concept.

Ratings may be means, of several votes or of a judge's distribution. Six measures, since none tells all. Quadratic-weighted
kappa and Krippendorff's alpha for ordinal data correct for chance, the shares of equal ratings and of ratings at most one apart
are plain: these four are of ratings in whole steps, a mean as the nearest and half a step as the even one, from a 5 × 5 table of
counts, rows the first rater's. Spearman's correlation, which looks at ranks alone, and the bias, the mean of first minus second,
are of the ratings as given. Intervals leave out concepts one by one, for pairs of one concept resemble each other
(`agreement_interval`).

Where a side gave a single rating, agreement beyond chance cannot be told, however many pairs there are: kappa and correlation
are then unknown (kappa would be 0 by construction), and so is alpha where both sides gave one and the same rating.

Pairs that were drawn with different probabilities stand for different numbers of pairs. Weighted by 1/π, everything but the
counts is that of all the pairs from which they were drawn.

Sources: Cohen 1968, doi:10.1037/h0026256; Krippendorff 2011, Computing Krippendorff's Alpha-Reliability.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack

from engine.stats.agreement_interval import jackknife_estimate, parts_of
from engine.stats.estimate import Estimate, tail_probability, unknown, without_interval
from engine.stats.gap import WEAK_BELOW_CONCEPTS
from engine.stats.histogram import RATINGS
from engine.stats.resampling import FloatArray, blocks

FEWEST_PAIRS: Final = 10
"""Pairs below which nothing that corrects for chance is told."""

SQUARES: Final[FloatArray] = (RATINGS[:, None] - RATINGS[None, :]) ** 2
CLOSE: Final[FloatArray] = (SQUARES <= 1).astype(np.float64)

_ROUNDING: Final = 1e-9
"""Pairs, of weights whose mean is 1, below which a count is none."""

_DECIMALS: Final = 9
"""Digits to which ratings count as different: the last ones of a mean depend on the order of its votes."""

Cell = tuple[str, float, float, int]
"""concept, first rating, second rating, number of pairs"""


@dataclass(frozen=True)
class Joint:
    """How many pairs of each concept have which two ratings: counts (concepts, cells) and the two ratings of each cell.

    Weighted pairs count by their weights, which have the mean 1; ``pairs`` is the 5 × 5 table of the pairs themselves.
    """

    counts: csr_array
    first: FloatArray
    second: FloatArray
    pairs: NDArray[np.int64]
    n_effective: float
    are_ordered: bool = True

    @property
    def n_concepts(self) -> int:
        """Concepts that have any pair."""
        return int(self.counts.shape[0])

    @property
    def total(self) -> FloatArray:
        """Pairs of all concepts, shape (1, cells)."""
        total: FloatArray = np.asarray(self.counts.sum(axis=0), dtype=np.float64).reshape(1, -1)
        return total

    def tables(self) -> FloatArray:
        """One 5 × 5 table of ratings in whole steps a concept, shape (concepts, 5, 5)."""
        places = np.arange(len(self.first)), (np.rint(self.first) * 5 + np.rint(self.second) - 6).astype(np.int64)
        in_bins = csr_array((np.ones(len(self.first)), places), shape=(len(self.first), 25))
        tables: FloatArray = (self.counts @ in_bins).toarray().reshape(-1, 5, 5)
        return tables


@dataclass(frozen=True)
class Agreement:
    """How far two raters agree on ``n`` pairs of ``n_concepts`` concepts; ``weak`` when those are too few for the intervals.

    ``counts`` is the table of all pairs, rows the first rater's ratings 1 to 5. Each estimate's own n counts concepts.
    ``n_effective``: pairs of equal weight that would tell as much, fewer than n where the weights differ (Kish).
    """

    n: int
    n_effective: float
    n_concepts: int
    weak: bool
    counts: tuple[tuple[int, ...], ...]
    kappa: Estimate
    alpha: Estimate
    spearman: Estimate
    exact: Estimate
    within_one: Estimate
    bias: Estimate


def agree(
    cells: Iterable[Cell],
    *,
    weights: Sequence[float] | None = None,
    are_ordered: bool = True,
    confidence: float = 0.95,
) -> Agreement:
    """Return all measures of agreement with intervals over concepts.

    ``weights``: how many pairs each pair of a cell stands for, one number a cell; only their ratios count. Raters that are
    not ``are_ordered`` change places from pair to pair, so each pair counts half in either order. No interval below
    two concepts, or where no concept moves a measure: a few pairs that all agree are no evidence of certainty.
    ValueError for a rating that is not 1 to 5, a negative count, or a weight that is not above 0.
    """
    tail_probability(confidence)
    joint = join(cells, weights=weights, are_ordered=are_ordered)
    tables, total = joint.tables(), joint.tables().sum(axis=0, keepdims=True)
    distances = joint.counts @ (joint.first - joint.second)
    values = measures(total, distances.sum(keepdims=True)) | {"spearman": _spearman(joint.total, joint)}
    n_concepts = joint.n_concepts
    without = _without_each(joint, tables, distances) if n_concepts > 1 else None
    method = f"Student t over concepts left out one by one, {confidence:.0%}"

    def estimate(name: str) -> Estimate:
        if reason := _why_unknown(name, joint):
            return unknown(reason, n=n_concepts, method=method)
        value = float(values[name][0])
        if without is None:
            return without_interval(value, n=n_concepts, method=method, because="all pairs are of one concept")
        return jackknife_estimate(
            name, value, without[name], n_concepts=n_concepts, confidence=confidence, method=method
        )

    return Agreement(
        n=int(joint.pairs.sum()),
        n_effective=joint.n_effective,
        n_concepts=n_concepts,
        weak=n_concepts < WEAK_BELOW_CONCEPTS,
        counts=tuple(tuple(int(count) for count in row) for row in joint.pairs),
        kappa=estimate("kappa"),
        alpha=estimate("alpha"),
        spearman=estimate("spearman"),
        exact=estimate("exact"),
        within_one=estimate("within_one"),
        bias=estimate("bias"),
    )


def join(cells: Iterable[Cell], *, weights: Sequence[float] | None = None, are_ordered: bool = True) -> Joint:
    """Return the counts of all cells that have any pair, concepts and ratings each once."""
    concepts: dict[str, int] = {}
    places: dict[tuple[float, float], int] = {}
    cells = list(cells)
    entries: list[tuple[int, int, int, float]] = []
    for (concept, first, second, n), weight in zip(cells, weights or [1.0] * len(cells), strict=True):
        if not (1 <= first <= 5 and 1 <= second <= 5) or n < 0:
            raise ValueError(f"a cell counts pairs of ratings 1 to 5, got {n} pairs of {first} and {second}")
        if not 0.0 < weight < np.inf:
            raise ValueError(f"a weight is above 0, got {weight}")
        if n:
            place = round(first, _DECIMALS), round(second, _DECIMALS)
            row, column = concepts.setdefault(concept, len(concepts)), places.setdefault(place, len(places))
            entries.append((row, column, n, weight))
    joint = _joint(entries, list(places), n_concepts=len(concepts))
    return joint if are_ordered else _without_order(joint)


def _joint(
    entries: Sequence[tuple[int, int, int, float]], places: Sequence[tuple[float, float]], *, n_concepts: int
) -> Joint:
    """Gather (concept, cell, pairs, weight), the weights brought to the mean 1."""
    rows, columns, n, weights = np.array(entries, dtype=np.float64).reshape(-1, 4).T
    at = rows.astype(np.int64), columns.astype(np.int64)
    ratings = np.array(places, dtype=np.float64).reshape(-1, 2)
    pairs = np.zeros((5, 5), dtype=np.int64)
    np.add.at(pairs, tuple(np.rint(ratings[at[1]]).astype(np.int64).T - 1), n.astype(np.int64))
    is_even, mass = not len(n) or np.ptp(weights) == 0.0, n * weights
    n_effective = float(n.sum()) if is_even else float(mass.sum() ** 2 / (mass @ weights))
    # Equal weights are 1 to the last digit, so that weighing them changes nothing.
    scaled = n if is_even else mass * (n.sum() / mass.sum())
    counts = csr_array((scaled, at), shape=(n_concepts, len(places)))
    return Joint(counts, ratings[:, 0], ratings[:, 1], pairs, n_effective)


def _without_order(joint: Joint) -> Joint:
    """Each pair half in either order, in cells of its own."""
    counts = csr_array(hstack([joint.counts, joint.counts]) / 2)
    first, second = np.concatenate([joint.first, joint.second]), np.concatenate([joint.second, joint.first])
    return replace(joint, counts=counts, first=first, second=second, are_ordered=False)


def _without_each(joint: Joint, tables: FloatArray, distances: FloatArray) -> dict[str, FloatArray]:
    """Return each measure of all concepts but one, or of a large study but one part of them."""
    parts = parts_of(joint.n_concepts)
    left = _counts(tables.sum(axis=0) - (parts @ tables.reshape(-1, 25)).reshape(-1, 5, 5))
    found = measures(left, distances.sum() - parts @ distances)
    each = parts @ joint.counts
    ranked = [
        _spearman(_counts(joint.total - each[start : start + size].toarray()), joint)
        for start, size in _starts(each.shape)
    ]
    return found | {"spearman": np.concatenate(ranked)}


def _counts(left: FloatArray) -> FloatArray:
    """Counts that are left, none where only rounding is."""
    return np.where(left < _ROUNDING, 0.0, left)


def _starts(shape: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Where each block of rows begins, and how many it has."""
    start = 0
    for size in blocks(*shape):
        yield start, size
        start += size


def measures(tables: FloatArray, distances: FloatArray) -> dict[str, FloatArray]:
    """Return each measure but Spearman's of each table, shapes (tables, 5, 5) to (tables,); NaN where it is undefined.

    ``distances`` are the sums of first minus second, shape (tables,).
    """
    n = tables.sum(axis=(1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "kappa": _kappa(tables, n),
            "alpha": _alpha(tables, n),
            "exact": np.trace(tables, axis1=1, axis2=2) / n,
            "within_one": (tables * CLOSE).sum(axis=(1, 2)) / n,
            "bias": distances / n,
        }


def _kappa(tables: FloatArray, n: FloatArray) -> FloatArray:
    """Cohen's kappa with quadratic weights: 1 - observed / expected squared distance."""
    first, second = tables.sum(axis=2), tables.sum(axis=1)
    observed = (tables * SQUARES).sum(axis=(1, 2)) / n
    expected = np.einsum("ti,ij,tj->t", first, SQUARES, second) / n**2
    return np.where(_varies(first) & _varies(second), 1.0 - observed / expected, np.nan)


def _alpha(tables: FloatArray, n: FloatArray) -> FloatArray:
    """Krippendorff's alpha for ordinal data: the distance of two ratings is how many of the pooled ratings lie between them."""
    pooled = tables.sum(axis=2) + tables.sum(axis=1)
    ranks = _centred_ranks(pooled, 2 * n)
    squares = (ranks[:, :, None] - ranks[:, None, :]) ** 2
    observed = (tables * squares).sum(axis=(1, 2)) / n
    expected = np.einsum("ti,tij,tj->t", pooled, squares, pooled) / (2 * n * (2 * n - 1))
    return np.where(_varies(pooled), 1.0 - observed / expected, np.nan)


def _spearman(weights: FloatArray, joint: Joint) -> FloatArray:
    """Pearson's correlation of ranks, ties sharing the mean of their ranks; weights are pairs a cell, (draws, cells)."""
    n = weights.sum(axis=1)
    (x, first), (y, second) = (_ranks(weights, ratings, n) for ratings in (joint.first, joint.second))
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.sqrt((weights * x**2).sum(axis=1) * (weights * y**2).sum(axis=1))
        found = np.clip((weights * x * y).sum(axis=1) / apart, -1.0, 1.0)
    return np.where(_varies(first) & _varies(second), found, np.nan)


def _ranks(weights: FloatArray, ratings: FloatArray, n: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The centred rank of each cell's rating, (draws, cells), and how often each rating is given, (draws, ratings)."""
    levels, place = np.unique(ratings, return_inverse=True)
    at_level = csr_array((np.ones(len(place)), (np.arange(len(place)), place)), shape=(len(place), len(levels)))
    counts = np.asarray(weights @ at_level, dtype=np.float64)
    return _centred_ranks(counts, n)[:, place], counts


def _centred_ranks(counts: FloatArray, n: FloatArray) -> FloatArray:
    """The mean rank of each rating less the mean of all ranks, from counts of the ratings."""
    ranks: FloatArray = counts.cumsum(axis=1) - counts / 2 - n[:, None] / 2
    return ranks


def _varies(counts: FloatArray) -> NDArray[np.bool_]:
    varies: NDArray[np.bool_] = (counts > 0).sum(axis=1) > 1
    return varies


def _why_unknown(name: str, joint: Joint) -> str | None:
    """Why a measure of these pairs cannot be told, None where it can."""
    n = int(joint.pairs.sum())
    if not n:
        return "no pair is rated by both"
    if name == "bias" and not joint.are_ordered:
        return "the two raters are other people from pair to pair"
    if name in ("exact", "within_one", "bias"):
        return None
    if n < FEWEST_PAIRS:
        return f"{n} pairs are too few, {FEWEST_PAIRS} are needed"
    sides = {"first": joint.first, "second": joint.second}
    if name == "alpha":
        both = np.concatenate([joint.first, joint.second])
        return (
            None
            if np.ptp(np.rint(both))
            else f"both {'round to' if np.ptp(both) else 'gave'} one and the same rating throughout"
        )
    constant = [
        side for side, ratings in sides.items() if not np.ptp(ratings if name == "spearman" else np.rint(ratings))
    ]
    if not constant:
        return None
    gave = all(not np.ptp(sides[side]) for side in constant)
    verb = "gave" if gave else "rounds to" if len(constant) == 1 else "round to"
    return f"the {' and the '.join(constant)} {verb} a single rating throughout"
