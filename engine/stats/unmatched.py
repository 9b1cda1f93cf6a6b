"""Groups of different concepts compared, such as pack layers or quadrants: means over concepts that have no counterpart.

Nothing is matched here, so the interval (Welch's t over concepts) is wider than that of matched concepts, and says nothing of
why groups differ: their concepts do. p is adjusted over all that is told together by Benjamini and Hochberg.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from scipy.special import stdtr, stdtrit

from engine.stats.audit import welch_freedom
from engine.stats.estimate import Estimate, known, unknown, without_interval
from engine.stats.paired import adjusted_p
from engine.stats.summary import mean_estimate

Values = Sequence[float | None]
_NO_SPREAD = 1e-20
"""Variance below which rounding explains it."""
METHOD = "difference of means, Welch t over concepts, 95%"


@dataclass(frozen=True, slots=True)
class GroupDifference:
    """A measure's mean in two groups and the difference, second less first; its n counts concepts of both."""

    measure: str
    first: str
    second: str
    mean_first: Estimate
    mean_second: Estimate
    difference: Estimate
    p: float | None
    p_adjusted: float | None = None


def compare_groups(
    values: Mapping[str, Mapping[str, Values]], *, bounds: Mapping[str, tuple[float, float]]
) -> list[GroupDifference]:
    """Compare every two groups in every measure; values by measure and group, None where one is unknown.

    ``bounds`` are the lowest and the highest value of each measure.
    """
    found = [
        _compare(measure, (one, groups[one]), (other, groups[other]), bounds[measure])
        for measure, groups in values.items()
        for one, other in combinations(groups, 2)
    ]
    adjusted = adjusted_p([one.p for one in found])
    return [replace(one, p_adjusted=p) for one, p in zip(found, adjusted, strict=True)]


def _compare(
    measure: str, first: tuple[str, Values], second: tuple[str, Values], bounds: tuple[float, float]
) -> GroupDifference:
    sides = [[value for value in values if value is not None] for _, values in (first, second)]
    means = [mean_estimate(side, bounds=bounds) for side in sides]
    difference, p = _difference(*sides, names=(first[0], second[0]), widest=bounds[1] - bounds[0])
    return GroupDifference(measure, first[0], second[0], means[0], means[1], difference, p)


def _difference(
    first: Sequence[float], second: Sequence[float], *, names: tuple[str, str], widest: float
) -> tuple[Estimate, float | None]:
    n = len(first) + len(second)
    if empty := [name for name, side in zip(names, (first, second), strict=True) if not side]:
        return unknown(f"it is known for no concept of {' and '.join(empty)}", n=n, method=METHOD), None
    value = float(np.mean(second) - np.mean(first))
    if single := [name for name, side in zip(names, (first, second), strict=True) if len(side) == 1]:
        because = f"{' and '.join(single)} has one concept only"
        return without_interval(value, n=n, method=METHOD, because=because), None
    parts = [(float(np.var(side, ddof=1)) / len(side), len(side) - 1) for side in (first, second)]
    variance = sum(part for part, _ in parts)
    if variance < _NO_SPREAD:
        return without_interval(value, n=n, method=METHOD, because="the values do not vary"), None
    freedom, error = welch_freedom(*parts), math.sqrt(variance)
    half = float(stdtrit(freedom, 0.975)) * error
    estimate = known(value, max(value - half, -widest), min(value + half, widest), n=n, method=METHOD)
    return estimate, 2.0 * float(stdtr(freedom, -abs(value) / error))
