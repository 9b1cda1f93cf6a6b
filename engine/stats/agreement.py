"""Agreement of two raters on the same pairs, from 5 × 5 tables of counts, one a concept.

A table counts how often the one gave rating i and the other rating j: rows are the first rater's ratings, columns the second's.
Six measures, since none tells all. Quadratic-weighted kappa and Krippendorff's alpha for ordinal data correct for chance,
Spearman's correlation looks at ranks alone; the shares of equal ratings and of ratings at most one apart are plain; the bias is
the mean of first minus second. Intervals resample concepts, for pairs of one concept resemble each other.

Where a side gave a single rating, agreement beyond chance cannot be told, however many pairs there are: kappa and correlation
are then unknown (kappa would be 0 by construction), and so is alpha where both sides gave one and the same rating.

Sources: Cohen 1968, doi:10.1037/h0026256; Krippendorff 2011, Computing Krippendorff's Alpha-Reliability.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.stats.estimate import Estimate, tail_probability, unknown, without_interval
from engine.stats.gap import WEAK_BELOW_CONCEPTS
from engine.stats.histogram import RATINGS
from engine.stats.resampling import FloatArray, percentile_estimate, resampled_totals

FEWEST_PAIRS: Final = 10
"""Pairs below which nothing that corrects for chance is told."""

SQUARES: Final[FloatArray] = (RATINGS[:, None] - RATINGS[None, :]) ** 2
CLOSE: Final[FloatArray] = (SQUARES <= 1).astype(np.float64)

Cell = tuple[str, int, int, int]
"""concept, first rating, second rating, number of pairs"""


@dataclass(frozen=True)
class Agreement:
    """How far two raters agree on ``n`` pairs of ``n_concepts`` concepts; ``weak`` when those are too few for the intervals.

    ``counts`` is the table of all pairs, rows the first rater's ratings 1 to 5. Each estimate's own n counts concepts.
    """

    n: int
    n_concepts: int
    weak: bool
    counts: tuple[tuple[int, ...], ...]
    kappa: Estimate
    alpha: Estimate
    spearman: Estimate
    exact: Estimate
    within_one: Estimate
    bias: Estimate


def agree(cells: Iterable[Cell], *, seed: int, n_resamples: int = 1000, confidence: float = 0.95) -> Agreement:
    """Return all measures of agreement with percentile intervals from resampling concepts.

    No interval below two concepts, or where every resample gives the same value: a few pairs that all agree are no evidence
    of certainty. ValueError for a rating that is not 1 to 5 or a negative count.
    """
    tail_probability(confidence)
    tables = concept_tables(cells)
    total = tables.sum(axis=0, keepdims=True)
    values = measures(total)
    draws = None
    if len(tables) > 1:
        rows = resampled_totals(tables.reshape(-1, 25), n_resamples=n_resamples, seed=seed)
        draws = measures(rows.reshape(-1, 5, 5))
    method = f"bootstrap of concepts, {n_resamples} resamples, {confidence:.0%}"
    n_concepts = len(tables)

    def estimate(name: str) -> Estimate:
        if reason := _why_unknown(name, total[0]):
            return unknown(reason, n=n_concepts, method=method)
        value = float(values[name][0])
        if draws is None:
            return without_interval(value, n=n_concepts, method=method, because="the pairs are of one concept only")
        return _with_interval(value, draws[name], n=n_concepts, confidence=confidence, method=method)

    return Agreement(
        n=int(total.sum()),
        n_concepts=n_concepts,
        weak=n_concepts < WEAK_BELOW_CONCEPTS,
        counts=tuple(tuple(int(count) for count in row) for row in total[0]),
        kappa=estimate("kappa"),
        alpha=estimate("alpha"),
        spearman=estimate("spearman"),
        exact=estimate("exact"),
        within_one=estimate("within_one"),
        bias=estimate("bias"),
    )


def concept_tables(cells: Iterable[Cell]) -> FloatArray:
    """Return one table a concept that has any pair, shape (concepts, 5, 5), in the order in which concepts come."""
    tables: dict[str, NDArray[np.float64]] = {}
    for concept, first, second, n in cells:
        if not (1 <= first <= 5 and 1 <= second <= 5) or n < 0:
            raise ValueError(f"a cell counts pairs of ratings 1 to 5, got {n} pairs of {first} and {second}")
        if n:
            tables.setdefault(concept, np.zeros((5, 5)))[first - 1, second - 1] += n
    return np.array(list(tables.values()), dtype=np.float64).reshape(-1, 5, 5)


def measures(tables: FloatArray) -> dict[str, FloatArray]:
    """Return each measure of each table, shapes (tables, 5, 5) to (tables,); NaN where it is undefined."""
    n = tables.sum(axis=(1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "kappa": _kappa(tables, n),
            "alpha": _alpha(tables, n),
            "spearman": _spearman(tables, n),
            "exact": np.trace(tables, axis1=1, axis2=2) / n,
            "within_one": (tables * CLOSE).sum(axis=(1, 2)) / n,
            "bias": (tables * (RATINGS[:, None] - RATINGS[None, :])).sum(axis=(1, 2)) / n,
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


def _spearman(tables: FloatArray, n: FloatArray) -> FloatArray:
    """Pearson's correlation of ranks, ties sharing the mean of their ranks."""
    first, second = tables.sum(axis=2), tables.sum(axis=1)
    x, y = _centred_ranks(first, n), _centred_ranks(second, n)
    together = np.einsum("ti,tij,tj->t", x, tables, y)
    apart = np.sqrt((first * x**2).sum(axis=1) * (second * y**2).sum(axis=1))
    return np.where(_varies(first) & _varies(second), np.clip(together / apart, -1.0, 1.0), np.nan)


def _centred_ranks(counts: FloatArray, n: FloatArray) -> FloatArray:
    """The mean rank of each rating less the mean of all ranks, from counts of the ratings."""
    ranks: FloatArray = counts.cumsum(axis=1) - counts / 2 - n[:, None] / 2
    return ranks


def _varies(counts: FloatArray) -> NDArray[np.bool_]:
    varies: NDArray[np.bool_] = (counts > 0).sum(axis=1) > 1
    return varies


def _why_unknown(name: str, table: FloatArray) -> str | None:
    """Why a measure of these pairs cannot be told, None where it can."""
    n = int(table.sum())
    if not n:
        return "no pair is rated by both"
    if name in ("exact", "within_one", "bias"):
        return None
    if n < FEWEST_PAIRS:
        return f"{n} pairs are too few, {FEWEST_PAIRS} are needed"
    first, second = table.sum(axis=1), table.sum(axis=0)
    if name == "alpha":
        return None if _varies((first + second)[None])[0] else "both gave one and the same rating throughout"
    constant = [side for side, counts in (("first", first), ("second", second)) if not _varies(counts[None])[0]]
    return f"the {' and the '.join(constant)} gave a single rating throughout" if constant else None


def _with_interval(value: float, draws: FloatArray, *, n: int, confidence: float, method: str) -> Estimate:
    defined = draws[~np.isnan(draws)]
    if defined.size and np.ptp(defined) < 1e-12:
        return without_interval(value, n=n, method=method, because="every resample gives the same value")
    return percentile_estimate(value, draws, n=n, confidence=confidence, method=method)
