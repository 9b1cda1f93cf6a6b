"""Drift of a judge: does its distance from people change over time, or from one version of its rubric to the next?

Two differences of each audited pair are looked at: judge less person (bias), and how far they are apart. Each is regressed on
its place in time, from 0 for the first to 1 for the last, within each arm, for arms differ in both and their mix may change.
The interval leaves concepts out one by one (a jackknife, Student's t over concepts): pairs of one concept resemble each
other and are often judged together. In simulation without drift, nominal 5 % tests told of one in 5 to 7 % of studies with eight
concepts or more, and in 4 to 7 % of either quantity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Literal

import numpy as np
from scipy.special import stdtr, stdtrit
from scipy.stats import rankdata

from engine.stats.claims import LEVEL, holm
from engine.stats.estimate import Estimate, known, tail_probability, unknown
from engine.stats.resampling import FloatArray

FEWEST_PAIRS, FEWEST_CONCEPTS = 20, 8
"""Audited pairs and concepts below which nothing is said of drift."""
FEWEST_A_WEEK, FEWEST_WEEKS = 10, 3
"""Pairs of a week and weeks with so many from which calendar weeks are shown; else equal parts in time."""
LARGEST_BATCHES = 4
Quantity = Literal["bias", "distance"]


@dataclass(frozen=True, slots=True)
class Observation:
    """An audited pair: both ratings, and its place in an order, a time in seconds or the number of a version."""

    concept: str
    arm: str
    place: float
    judge: float
    person: float
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Trend:
    """How much a quantity rises from first to last; ``p`` is two-sided, ``p_adjusted`` by Holm for both quantities."""

    quantity: Quantity
    change: Estimate
    p: float | None
    p_adjusted: float | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Pairs that belong together in time; ``label`` names a week or the part."""

    label: str
    observations: tuple[Observation, ...]


def find_trends(observations: Sequence[Observation], *, confidence: float = 0.95) -> tuple[Trend, Trend]:
    """Return the trends of bias and of distance; unknown with a reason where there are too few pairs or concepts."""
    bias = np.array([one.judge - one.person for one in observations], dtype=np.float64)
    quantities: dict[Quantity, FloatArray] = {"bias": bias, "distance": np.abs(bias)}
    found = {name: _slope(observations, values, confidence) for name, values in quantities.items()}
    adjusted = holm([p for _, p in found.values()])
    first, second = (
        Trend(name, change, p, mine, _sentence(name, change, mine))
        for (name, (change, p)), mine in zip(found.items(), adjusted, strict=True)
    )
    return first, second


def cut_into_batches(observations: Sequence[Observation]) -> list[Batch]:
    """Calendar weeks (UTC) where three have ten pairs each, else up to four parts of equally many pairs; none of one moment."""
    ordered = sorted(observations, key=lambda one: one.place)
    if not ordered or ordered[0].place == ordered[-1].place:
        return []
    weeks: dict[str, list[Observation]] = {}
    for one in ordered:
        year, week, _ = datetime.fromtimestamp(one.place, UTC).isocalendar()
        weeks.setdefault(f"{year}-W{week:02d}", []).append(one)
    if sum(len(week) >= FEWEST_A_WEEK for week in weeks.values()) >= FEWEST_WEEKS:
        return [Batch(label, tuple(week)) for label, week in weeks.items()]
    n_parts = min(LARGEST_BATCHES, len(ordered) // FEWEST_A_WEEK)
    ends = [round(i * len(ordered) / n_parts) for i in range(n_parts + 1)] if n_parts > 1 else []
    return [
        Batch(f"part {i + 1}/{n_parts}", tuple(ordered[start:end])) for i, (start, end) in enumerate(pairwise(ends))
    ]


def _slope(observations: Sequence[Observation], values: FloatArray, confidence: float) -> tuple[Estimate, float | None]:
    method = f"slope within arms, jackknife of concepts, {confidence:.0%}"
    n_pairs, names = len(observations), sorted({one.concept for one in observations})
    if n_pairs < FEWEST_PAIRS or len(names) < FEWEST_CONCEPTS:
        reason = (
            f"{n_pairs} audited pairs of {len(names)} concepts are too few to show a drift; at least "
            f"{FEWEST_PAIRS} of {FEWEST_CONCEPTS} are needed"
        )
        return unknown(reason, n=n_pairs, method=method), None
    places = _relative_places(observations)
    if np.ptp(places) == 0.0:
        return unknown("all have the same time", n=n_pairs, method=method), None
    sums = _sums(observations, names, places, values)
    total = sums.sum(axis=0)
    # Without each concept in turn.
    slopes = _slopes(np.concatenate([total[None], total[None] - sums]))
    if np.isnan(slopes).any():
        return unknown("when one concept is left out, all others have the same time", n=n_pairs, method=method), None
    value, freedom = float(slopes[0]), len(names) - 1
    error = float(np.sqrt(freedom / len(names) * ((slopes[1:] - slopes[1:].mean()) ** 2).sum()))
    if error < 1e-12:
        return unknown(
            "every concept shows the same trend, so the role of chance cannot be estimated", n=n_pairs, method=method
        ), None
    half = error * float(stdtrit(freedom, 1.0 - tail_probability(confidence)))
    p = 2.0 * float(stdtr(freedom, -abs(value) / error))
    return known(value, value - half, value + half, n=n_pairs, method=method), p


def _relative_places(observations: Sequence[Observation]) -> FloatArray:
    """Ranks of the places from 0, the first, to 1, the last; equal places share their mean."""
    ranks = rankdata([one.place for one in observations])
    relative: FloatArray = (ranks - ranks.min()) / max(np.ptp(ranks), 1.0)
    return relative


def _sums(
    observations: Sequence[Observation], names: Sequence[str], places: FloatArray, values: FloatArray
) -> FloatArray:
    """Sums of w, wt, wv, wtt, wtv by concept and arm, shape (concepts, arms, 5)."""
    arms = sorted({one.arm for one in observations})
    sums = np.zeros((len(names), len(arms), 5))
    numbers = {name: i for i, name in enumerate(names)}
    at = [numbers[one.concept] for one in observations], [arms.index(one.arm) for one in observations]
    weights = np.array([one.weight for one in observations])
    columns = np.column_stack([np.ones_like(places), places, values, places**2, places * values])
    np.add.at(sums, at, weights[:, None] * columns)
    return sums


def _slopes(sums: FloatArray) -> FloatArray:
    """The slope within arms of each set of sums, (sets, arms, 5) to (sets,); NaN where no arm's places differ."""
    w, t, v, tt, tv = np.moveaxis(sums, -1, 0)
    there = w > 1e-9
    safe = np.where(there, w, 1.0)
    spread = np.where(there, tt - t * t / safe, 0.0).sum(axis=1)
    joint = np.where(there, tv - t * v / safe, 0.0).sum(axis=1)
    enough = spread > 1e-9 * np.maximum(w.sum(axis=1), 1.0)
    slopes: FloatArray = np.where(enough, joint / np.where(enough, spread, 1.0), np.nan)
    return slopes


def _sentence(quantity: Quantity, change: Estimate, p_adjusted: float | None) -> str:
    what = {"bias": "Bias", "distance": "Distance from people"}[quantity]
    if change.value is None or change.low is None or change.high is None or p_adjusted is None:
        return f"{what}: {change.reason}."
    p = "under 0.001" if p_adjusted < 0.001 else f"{p_adjusted:.3f}"
    moved = f"{change.value:+.2f} [{change.low:+.2f}, {change.high:+.2f}] from first to last, p {p}".replace("-", "−")
    if p_adjusted <= LEVEL:
        return f"{what} drifts: {moved}."
    return f"{what} shows no drift beyond chance: {moved}."
