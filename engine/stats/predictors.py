"""What goes with a measured F1 over concepts: the gap and each other predictor, alone and with the others held constant.

Each predictor gets one sentence that says what its interval supports, and no more. Where several are looked at, one of them
stands out by chance, so p is adjusted over them by Benjamini and Hochberg.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr

from engine.stats.correlation import FEWEST_PAIRS, correlate, correlate_given
from engine.stats.estimate import Estimate, unknown
from engine.stats.paired import adjusted_p

Values = Sequence[float | None]
ALPHA = 0.05
WEAK = 0.3
"""A correlation within ±.3 explains less than a tenth of the variance."""
_KNOWN_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Correlation:
    """A predictor's correlation with F1 over concepts.

    `given_others` and `given_n_pairs` are Spearman's, with the variables in `others`, or the numbers of pairs, held constant.
    `p` is two-sided and of Spearman's ρ; `p_adjusted` takes all predictors into account.
    """

    predictor: str
    spearman: Estimate
    pearson: Estimate
    spearman_bootstrap: Estimate
    pearson_bootstrap: Estimate
    given_others: Estimate
    others: tuple[str, ...]
    given_n_pairs: Estimate
    p: float | None
    p_adjusted: float | None
    says: str


def correlate_predictors(
    predictors: Mapping[str, Values], f1: Values, *, n_pairs: Values, seed: int, n_resamples: int = 1000
) -> list[Correlation]:
    """Correlate every predictor with F1, all in the order of the same concepts, None where a value is unknown.

    Another predictor is held constant where it is known for at least half of the concepts that have both sides, and then
    over those that it is known for. ValueError for lengths that differ.
    """
    if any(len(values) != len(f1) for values in (*predictors.values(), n_pairs)):
        raise ValueError(f"{len(f1)} F1 need as many values of every predictor")
    p = [_p(values, f1) for values in predictors.values()]
    found = []
    for (name, values), own, adjusted in zip(predictors.items(), p, adjusted_p(p), strict=True):
        x, y = _known(values, f1)
        others = _held(name, predictors, f1)
        spearman = correlate_given(x, y)
        found.append(
            Correlation(
                predictor=name,
                spearman=spearman,
                pearson=correlate_given(x, y, kind="pearson"),
                spearman_bootstrap=correlate(x, y, seed=seed, n_resamples=n_resamples),
                pearson_bootstrap=correlate(x, y, kind="pearson", seed=seed, n_resamples=n_resamples),
                given_others=_given(values, f1, [predictors[other] for other in others], "no other predictor is known"),
                others=others,
                given_n_pairs=_given(values, f1, [n_pairs], ""),
                p=own,
                p_adjusted=adjusted,
                says=says(name, spearman, p_adjusted=adjusted, n_predictors=sum(each is not None for each in p)),
            )
        )
    return found


def says(predictor: str, estimate: Estimate, *, p_adjusted: float | None, n_predictors: int) -> str:
    """Say in one sentence what a Spearman correlation of a predictor with F1 supports."""
    if estimate.value is None:
        return f"How {predictor} goes with F1 cannot be told: {estimate.reason}."
    over = f"Over {estimate.n} concepts, ρ of {predictor} with F1 = {_short(estimate.value)}"
    if estimate.low is None or estimate.high is None:
        return f"{over}, without an interval ({estimate.method.partition('no interval: ')[2]}): no evidence by itself."
    over += f" [{_short(estimate.low)}, {_short(estimate.high)}]"
    if estimate.low <= 0.0 <= estimate.high:
        if max(-estimate.low, estimate.high) <= WEAK:
            return f"{over}: no more than a weak relation."
        return f"{over}: too few concepts to tell."
    way = "higher" if estimate.value > 0 else "lower"
    if p_adjusted is None or p_adjusted >= ALPHA:
        return f"{over}: F1 is {way} where {predictor} is higher, but one of {n_predictors} predictors may look so by chance."
    return f"{over}: F1 is {way} where {predictor} is higher."


def _known(values: Values, f1: Values) -> tuple[list[float], list[float]]:
    both = [(x, y) for x, y in zip(values, f1, strict=True) if x is not None and y is not None]
    return [x for x, _ in both], [y for _, y in both]


def _p(values: Values, f1: Values) -> float | None:
    x, y = _known(values, f1)
    if len(x) < FEWEST_PAIRS or min(x) == max(x) or min(y) == max(y):
        return None
    return float(spearmanr(x, y).pvalue)


def _held(name: str, predictors: Mapping[str, Values], f1: Values) -> tuple[str, ...]:
    """The other predictors that are known widely enough and vary there."""
    held = []
    n = len(_known(predictors[name], f1)[0])
    for other, values in predictors.items():
        there = [v for v, x, y in zip(values, predictors[name], f1, strict=True) if None not in (v, x, y)]
        if other != name and len(set(there)) > 1 and len(there) >= _KNOWN_SHARE * n:
            held.append(other)
    return tuple(held)


def _given(values: Values, f1: Values, given: Sequence[Values], without: str) -> Estimate:
    method = "spearman, Fisher's z"
    if not given:
        return unknown(without, method=method)
    rows = np.array([row for row in zip(values, f1, *given, strict=True) if None not in row], dtype=np.float64)
    x, y, *fixed = rows.reshape(-1, 2 + len(given)).T.tolist()
    if x and all(len(set(each)) == 1 for each in fixed):
        return unknown("what is held constant does not vary", n=len(x), method=method)
    return correlate_given(x, y, given=fixed)


def _short(value: float) -> str:
    return f"{value:.2f}".replace("-0.00", "0.00").replace("-", "−")
