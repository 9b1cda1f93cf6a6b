"""Quality filters: which rows may train, and how much each counts.

`good-only` (rows of good form, both arms), `verdict>=k` (positives whose verdict is at least k; a positive that nobody rated
is not known to be) and `weighted` (positives count in proportion to their verdict, negatives to 6 less it, mean 1 in the arm
of each training part; what nobody rated counts 1). `filter_measures` says what each is worth.
"""

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.errors import ConfigError
from engine.lenses.folds import IntArray
from engine.lenses.interface import AnyFloats, BoolArray, FloatArray, LensFamily, WeighsRows
from engine.lenses.registry import FAMILIES

FilterKind = Literal["good-only", "verdict", "weighted"]


@dataclass(frozen=True, slots=True)
class Filter:
    """One way to filter; `least` is the lowest verdict that a positive may have."""

    name: str
    kind: FilterKind
    least: float | None = None

    @property
    def needs_verdicts(self) -> bool:
        """Whether it can do anything without ratings."""
        return self.kind != "good-only"


def parse_filter(name: str) -> Filter:
    """Read the name of a filter; ConfigError for one that we do not know."""
    if name == "good-only":
        return Filter(name, "good-only")
    if name == "weighted":
        return Filter(name, "weighted")
    found = re.fullmatch(r"verdict>=([1-5](?:\.\d+)?)", name)
    if found and float(found[1]) <= 5:
        return Filter(name, "verdict", float(found[1]))
    raise ConfigError(
        f'There is no filter "{name}".', hint="Filters: good-only, verdict>=k with k from 1 to 5, weighted."
    )


def require_weights(family: LensFamily) -> None:
    """Raise ConfigError for a family that cannot weigh rows, naming those that can."""
    if not isinstance(family, WeighsRows):
        able = ", ".join(name for name, one in FAMILIES.items() if isinstance(one, WeighsRows))
        raise ConfigError(f"Lenses of {family.name} cannot weigh samples.", hint=f"Families that can: {able}.")


@dataclass(frozen=True, slots=True, eq=False)
class RatedRows:
    """One concept's rows: activations [n, d], arms, groups [n], whether their form is good [n], verdicts [n] (nan: unrated)."""

    concept: str
    X: AnyFloats
    y: IntArray
    groups: IntArray
    is_good: BoolArray
    verdict: FloatArray


def keep(how: Filter | None, rows: RatedRows) -> BoolArray:
    """Return which rows may train."""
    if how is None or how.kind == "weighted":
        return np.ones(len(rows.y), dtype=np.bool_)
    if how.kind == "good-only":
        return rows.is_good
    assert how.least is not None
    # A comparison with nan is false: an unrated positive is not known to be as good as asked for.
    return np.asarray((rows.y == 0) | (rows.verdict >= how.least))


def weigh(y: IntArray, verdict: FloatArray) -> FloatArray:
    """Return the weight of each row [n] from its verdict, mean 1 within its arm; 1 for rows that nobody rated."""
    raw = np.where(y == 1, verdict, 6.0 - verdict)
    weight = np.ones(len(y))
    for arm in (0, 1):
        rated = (y == arm) & ~np.isnan(raw)
        if rated.any():
            weight[rated] = raw[rated] / raw[rated].mean()
    return weight
