"""Shares of texts with their intervals, from the counts of each concept."""

from collections.abc import Sequence

import numpy as np
from scipy.special import betaincinv

from engine.stats.estimate import Estimate, known, unknown
from engine.stats.ratio import ratio_of_sums

_TAIL = 0.025


def share_over_concepts(counts: Sequence[tuple[float, int]]) -> Estimate:
    """The share in all counts (of that kind, in all) of concepts, with concepts as the units; n counts concepts.

    Of a single concept, Jeffreys' interval over its texts; unknown without any text.
    """
    counted = [(some, n) for some, n in counts if n]
    if not counted:
        return unknown("no text has been measured", method="share")
    if len(counted) == 1:
        return _jeffreys(*counted[0])
    some, n = np.array(counted, dtype=float).T
    return ratio_of_sums(
        some,
        n,
        np.arange(len(counted)),
        arms=np.ones(len(counted), dtype=bool),
        name="share",
        undefined="no text has been measured",
    )


def _jeffreys(some: float, n: int) -> Estimate:
    share = min(max(some / n, 0.0), 1.0)
    low = 0.0 if share == 0 else float(betaincinv(some + 0.5, n - some + 0.5, _TAIL))
    high = 1.0 if share == 1 else float(betaincinv(some + 0.5, n - some + 0.5, 1 - _TAIL))
    return known(share, min(low, share), max(high, share), n=n, method="Jeffreys, 95%")
