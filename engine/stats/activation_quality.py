"""Do the activations of an output still hold what its prompt was about? Two measures that need no lens.

**Matched less mismatched cosine.** Activations of one phase share a mean, beside which any two of them look alike: uncentred
cosines reach .8 between unrelated texts. So each phase is centred over the samples that are compared, and what counts is by
how much an output is nearer to its own prompt than to those of other samples. Pairs of samples with one prompt are neither.
Centred and compared within strata (templates), what prompts of one wording have in common is no part of it, and the concept is
what is left.

**Debiased CKA.** By how far the two phases agree on which samples are alike, with the U-statistic of HSIC (Song et al. 2012),
without which few samples in many dimensions look alike by themselves (.995 at n = 20). Descriptive: it has no null of its own.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from engine.stats.estimate import Estimate, known, tail_probability, unknown, without_interval
from engine.stats.grouped import CONFIDENCE, NO_SPREAD, ONE_GROUP, BoolArray, IntArray, group_numbers, group_variance
from engine.stats.resampling import FloatArray, blocks

N_PERMUTATIONS = 1999
EXACT_UP_TO = 5040
"""As many permutations are all gone through, rather than drawn."""
JACKKNIFE_BLOCKS = 20
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Alignment:
    """By how much outputs are nearer to their own prompts: cosines of matched less mismatched pairs, and both.

    `p` is one-sided: the share of ways to deal outputs to prompts that match them as well or better.
    """

    estimate: Estimate
    matched: float | None
    mismatched: float | None
    p: float | None


def align(
    prompt: FloatArray,
    output: FloatArray,
    *,
    prompts: ArrayLike,
    clusters: ArrayLike,
    strata: ArrayLike | None = None,
    seed: int,
    n_permutations: int = N_PERMUTATIONS,
    confidence: float = CONFIDENCE,
) -> Alignment:
    """Compare the activations [n, d] of samples' two phases.

    Samples of equal `prompts` are never mismatched, and with `strata` only samples of one stratum are; samples that have
    no other to be compared with are left out. The interval is over `clusters` (concepts). All labels are [n].
    """
    n = len(prompt)
    names = group_numbers(prompts, n)
    stratum = group_numbers(np.zeros(n, int) if strata is None else strata, n)
    others = (names[:, None] != names[None, :]) & (stratum[:, None] == stratum[None, :])
    kept = others.any(axis=1)
    method = f"matched less mismatched centred cosine, Student's t over concepts, {confidence:.0%}"
    if kept.sum() < 2:
        return Alignment(unknown("there are fewer than two prompts to compare", n=n, method=method), None, None, None)
    stratum = group_numbers(stratum[kept], int(kept.sum()))
    cosine = _cosines(prompt[kept], output[kept], stratum)
    if cosine is None:
        reason = "the activations of a phase do not vary"
        return Alignment(unknown(reason, n=int(kept.sum()), method=method), None, None, None)
    others = others[np.ix_(kept, kept)]
    labels = group_numbers(np.asarray(clusters)[kept], int(kept.sum()))
    matched, mismatched, influence = _difference(cosine, others)
    estimate = _over_clusters(matched - mismatched, influence, labels, method=method, confidence=confidence)
    p = _permutation_p(cosine, stratum, seed=seed, n_permutations=n_permutations)
    return Alignment(estimate, matched, mismatched, p)


def _cosines(prompt: FloatArray, output: FloatArray, stratum: IntArray) -> FloatArray | None:
    """Cosine of every prompt [rows] with every output [columns], centred by stratum; None where a phase does not vary.

    A sample on its stratum's mean has no direction and a cosine of 0. A mean of few rows is drawn to each of them, which
    makes what is left of m rows shorter by √(1 − 1/m), and cosines larger; dividing that out keeps strata of all sizes alike.
    """
    member = np.eye(int(stratum.max()) + 1)[stratum]
    size = member.sum(axis=0)
    sides = []
    for X in (prompt, output):
        values = X.astype(np.float64)
        centred = values - ((member.T @ values) / size[:, None])[stratum]
        length = np.linalg.norm(centred, axis=1, keepdims=True)
        faint = length <= _ROUNDING * max(float(np.abs(X).max()), 1e-300)
        if faint.all():
            return None
        sides.append(np.where(faint, 0.0, centred / np.where(faint, 1.0, length)))
    shrunk = np.sqrt(1.0 - 1.0 / size[stratum])
    return np.asarray((sides[0] @ sides[1].T) * shrunk[:, None] * shrunk)


def _difference(cosine: FloatArray, others: BoolArray) -> tuple[float, float, FloatArray]:
    """Return mean cosine of matched and of mismatched pairs, and what each sample moves the difference by [n].

    A sample counts once, whatever number of others it is compared with; it moves the mean as one of the others, too.
    """
    both_ways = (cosine + cosine.T) / 2.0
    weight = others / others.sum(axis=1, keepdims=True)
    of_sample = (weight * both_ways).sum(axis=1)
    as_other = (weight * both_ways).sum(axis=0)
    own = np.diag(cosine)
    influence = own - of_sample - as_other
    return float(own.mean()), float(of_sample.mean()), (influence - influence.mean()) / len(own)


def _over_clusters(
    value: float, influence: FloatArray, labels: IntArray, *, method: str, confidence: float
) -> Estimate:
    n_clusters = int(labels.max()) + 1
    if n_clusters < 2:
        return without_interval(value, n=len(labels), method=method, because=ONE_GROUP)
    error = math.sqrt(group_variance(influence, labels))
    if error <= _ROUNDING:
        return without_interval(value, n=len(labels), method=method, because=NO_SPREAD)
    half = error * float(stdtrit(n_clusters - 1, 1.0 - tail_probability(confidence)))
    # No difference of two cosines lies beyond.
    return known(value, max(value - half, -2.0), min(value + half, 2.0), n=len(labels), method=method)


def _permutation_p(cosine: FloatArray, stratum: IntArray, *, seed: int, n_permutations: int) -> float:
    """Return how often outputs dealt anew to the prompts of their stratum match as well; all ways where they are few."""
    members = [np.flatnonzero(stratum == number) for number in np.unique(stratum)]
    n_ways = math.prod(math.factorial(min(len(each), 20)) for each in members)
    observed = float(np.diag(cosine).sum()) - 1e-9
    rows = np.arange(len(cosine))
    if n_ways <= EXACT_UP_TO:
        return float(np.mean([cosine[rows, dealt].sum() >= observed for dealt in _all_ways(members, len(cosine))]))
    rng, n_as_good = np.random.default_rng(seed), 1
    for size in blocks(n_permutations, len(cosine)):
        dealt = np.tile(rows, (size, 1))
        for each in members:
            dealt[:, each] = rng.permuted(dealt[:, each], axis=1)
        n_as_good += int((cosine[rows, dealt].sum(axis=1) >= observed).sum())
    return n_as_good / (n_permutations + 1)


def _all_ways(members: Sequence[IntArray], n: int) -> Iterator[IntArray]:
    for ways in itertools.product(*(itertools.permutations(each.tolist()) for each in members)):
        dealt = np.empty(n, dtype=np.int64)
        for each, way in zip(members, ways, strict=True):
            dealt[each] = way
        yield dealt


def debiased_cka(
    prompt: FloatArray, output: FloatArray, *, clusters: ArrayLike, confidence: float = CONFIDENCE
) -> Estimate:
    """Return the linear CKA of activations [n, d] of two phases, a row a prompt, with a jackknife over clusters of rows.

    Unknown below four rows, and where a phase has no similarities beyond what independent rows show.
    """
    labels = group_numbers(clusters, len(prompt))
    block = labels % JACKKNIFE_BLOCKS
    n, n_blocks = len(prompt), len(np.unique(block))
    method = f"debiased linear CKA, jackknife over {n_blocks} blocks of concepts, {confidence:.0%}"
    if n < 4:
        return unknown(f"{n} prompts are too few, 4 are needed", n=n, method=method)
    grams = [_gram(prompt), _gram(output)]
    value = _cka(*grams)
    if value is None:
        return unknown("the samples of a phase are no more alike than independent ones", n=n, method=method)
    if n_blocks < 3:
        return without_interval(value, n=n, method=method, because="there are fewer than three concepts")
    without = [_cka(*(gram[np.ix_(block != b, block != b)] for gram in grams)) for b in np.unique(block)]
    if None in without:
        return without_interval(
            value, n=n, method=method, because="it cannot be computed when some of the concepts are left out"
        )
    left = np.array(without, dtype=np.float64)
    error = math.sqrt((n_blocks - 1) / n_blocks * float(((left - left.mean()) ** 2).sum()))
    half = error * float(stdtrit(n_blocks - 1, 1.0 - tail_probability(confidence)))
    return known(value, value - half, max(min(value + half, 1.0), value), n=n, method=method)


def mean_rows(X: FloatArray, labels: ArrayLike) -> FloatArray:
    """Return the mean of the rows [n, d] of each label, in the order of the labels."""
    numbers = group_numbers(labels, len(X))
    sums = np.zeros((int(numbers.max()) + 1, X.shape[1]))
    np.add.at(sums, numbers, X)
    return np.asarray(sums / np.bincount(numbers)[:, None])


def _gram(X: FloatArray) -> FloatArray:
    """Products of rows, which are centred for their digits' sake alone: the U-statistic does not depend on the mean."""
    centred = X.astype(np.float64) - X.mean(axis=0, dtype=np.float64)
    gram = centred @ centred.T
    np.fill_diagonal(gram, 0.0)
    return np.asarray(gram)


def _cka(k: FloatArray, other: FloatArray) -> float | None:
    if len(k) < 4:
        return None
    own = _hsic(k, k) * _hsic(other, other)
    if _hsic(k, k) <= 0.0 or _hsic(other, other) <= 0.0:
        return None
    return _hsic(k, other) / math.sqrt(own)


def _hsic(k: FloatArray, other: FloatArray) -> float:
    """The U-statistic of HSIC from two Gram matrices with empty diagonals."""
    n = len(k)
    pairs, triples = float((k * other).sum()), float(k.sum(axis=0) @ other.sum(axis=1))
    quadruples = float(k.sum()) * float(other.sum()) / ((n - 1) * (n - 2))
    return (pairs + quadruples - 2.0 * triples / (n - 2)) / (n * (n - 3))
