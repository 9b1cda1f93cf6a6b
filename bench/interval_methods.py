"""How often intervals of gaps, F1, correlations, agreement and others hold the truth: `python -m bench.interval_methods`.

Those of gaps over concepts are in `bench.intervals`, of audited gaps in `bench.audit`, of ceilings in `bench.ceilings`. Every way
of a table sees the same studies.
"""

import argparse
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from bench.intervals import PAGE
from bench.page import put_table
from engine.exchange.document.shares import share_over_concepts
from engine.stats.agreement import Agreement, Cell, agree, join, measures
from engine.stats.ceiling_models import label_noise_ceiling
from engine.stats.classification import f1_interval
from engine.stats.correlation import correlate, correlate_given
from engine.stats.drift import Observation, find_trends
from engine.stats.estimate import Estimate
from engine.stats.gap import multinomial_bootstrap_gap, relevance_gap, welch_gap
from engine.stats.histogram import RatingHistogram
from engine.stats.resampling import percentile_estimate, resampled_totals
from engine.stats.summary import mean_estimate

Floats = NDArray[np.float64]
Study = tuple[Any, ...]
Way = Callable[..., Estimate]
N_STUDIES: Final = 2_000
N_RESAMPLES: Final = 400


@dataclass(frozen=True, slots=True)
class World:
    """Where studies come from: `draw` makes one of a size; `truth` is what the ways whose name begins so estimate."""

    name: str
    draw: Callable[[np.random.Generator, int], Study]
    truth: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Held:
    """How often intervals held the truth, their mean width, and the share of studies that gave none."""

    coverage: float
    width: float
    without: float


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its place on the page, its worlds, the ways that are compared, and the sizes of studies."""

    place: str
    of: str
    worlds: Sequence[World]
    ways: Mapping[str, Way]
    sizes: Sequence[int]


def measure(table: Table, world: World, size: int, *, n_studies: int, seed: int) -> dict[str, Held]:
    """What every way of a table is worth in studies of one world and size."""
    rng = np.random.default_rng([seed, size])
    studies = [world.draw(rng, size) for _ in range(n_studies)]
    return {name: _held([way(*study) for study in studies], _truth(world, name)) for name, way in table.ways.items()}


def _truth(world: World, way: str) -> float:
    return next(truth for kind, truth in world.truth.items() if way.startswith(kind))


def _held(found: Sequence[Estimate], truth: float) -> Held:
    ends = np.array([(one.low, one.high) for one in found if one.low is not None], dtype=np.float64).reshape(-1, 2)
    holds = (ends[:, 0] <= truth) & (truth <= ends[:, 1])
    return Held(float(holds.mean()), float(np.ptp(ends, axis=1).mean()), 1.0 - len(ends) / len(found))


def _ratings(name: str, positive: Sequence[float], negative: Sequence[float], *, times: int = 1) -> World:
    """One concept whose ratings 1 to 5 have these chances, with so many times as many negatives as positives."""
    levels = np.arange(1.0, 6.0)
    gap = float(np.dot(positive, levels) - np.dot(negative, levels))

    def draw(rng: np.random.Generator, n: int) -> Study:
        drawn = rng.multinomial(n, positive), rng.multinomial(times * n, negative)
        return tuple(RatingHistogram(tuple(map(int, arm))) for arm in drawn)  # type: ignore[arg-type]

    return World(name, draw, {"": gap})


def _lens(name: str, *, hit: float, alarm: float, spread: float) -> World:
    """A lens that fires on a positive and on a negative so often, more or less by group; a group is two samples of each arm."""
    arms = np.array([True, True, False, False])
    base = logit(np.where(arms, hit, alarm))

    def fires(rng: np.random.Generator, n: int) -> NDArray[np.bool_]:
        # A group in which the lens errs on positives is one in which it errs on negatives, too.
        by_group = rng.normal(0.0, spread, (n, 1)) * np.where(arms, 1.0, -1.0)
        return np.asarray(rng.random((n, len(arms))) < expit(base + by_group))

    def draw(rng: np.random.Generator, n: int) -> Study:
        return np.tile(arms, n), fires(rng, n).ravel(), np.repeat(np.arange(n), len(arms))

    found = fires(np.random.default_rng(0), 200_000)
    hits, alarms = found[:, arms].mean(), found[:, ~arms].mean()
    return World(name, draw, {"": float(2 * hits / (1 + hits + alarms))})


def _pairs(r: float) -> World:
    """Points of a normal distribution of that correlation."""

    def draw(rng: np.random.Generator, n: int) -> Study:
        x, noise = rng.normal(size=(2, n))
        return x, r * x + math.sqrt(1.0 - r * r) * noise

    return World(f"correlation {r:g}", draw, {"Spearman": 6.0 / math.pi * math.asin(r / 2.0), "Pearson": r})


def _raters(name: str, *, level: float, spread: float, bias: float, numbers: Sequence[int]) -> World:
    """Two raters of the same pairs: concepts differ in level and in how far the first is above the second."""

    def draw(rng: np.random.Generator, n: int) -> Study:
        each = rng.choice(numbers, n)
        concepts = np.repeat(np.arange(n), each)
        latent = np.repeat(rng.normal(level, spread, n), each) + rng.normal(0.0, 1.0, len(concepts))
        above = np.repeat(rng.normal(bias, 0.3, n), each) + rng.normal(0.0, 0.8, len(concepts))
        first, second = (np.clip(np.rint(one), 1, 5) for one in (latent + above, latent))
        cells = list(zip(map(str, concepts), first.tolist(), second.tolist(), [1] * len(concepts), strict=True))
        return cells, agree(cells)

    _, found = draw(np.random.default_rng(0), 20_000)
    return World(name, draw, {of: _value(getattr(found, measure)) for of, measure in _AGREEMENT.items()})


_AGREEMENT: Final = {
    "kappa": "kappa",
    "alpha": "alpha",
    "Spearman": "spearman",
    "equal": "exact",
    "within 1": "within_one",
    "bias": "bias",
}


def _value(found: Estimate) -> float:
    assert found.value is not None
    return found.value


def _agreement(measure: str) -> Way:
    def interval(cells: Sequence[Cell], found: Agreement) -> Estimate:
        return cast(Estimate, getattr(found, measure))

    return interval


def _resampled(cells: Sequence[Cell], found: Agreement) -> Estimate:
    """Kappa with percentiles of resampled concepts."""
    if found.kappa.value is None:
        return found.kappa
    tables = join(cells).tables()
    totals = resampled_totals(tables.reshape(-1, 25), n_resamples=N_RESAMPLES, seed=0).reshape(-1, 5, 5)
    kappas = measures(totals, np.zeros(N_RESAMPLES))["kappa"]
    return percentile_estimate(found.kappa.value, kappas, n=len(tables), confidence=0.95, method="")


def _concepts(name: str, good: tuple[float, float], *, n: int) -> World:
    """Concepts that differ in how many of their n texts an arm are good and on topic, before and after a change of .05."""
    off, on = 0.15, 0.1

    def rates(rng: np.random.Generator, size: int) -> Floats:
        share = rng.beta(*good, size)
        return np.stack([share, off + 0.6 * (1.0 - share), rng.beta(2.0, 2.0 / on - 2.0, size)])

    def draw(rng: np.random.Generator, size: int) -> Study:
        share, off_topic, on_topic = rates(rng, size)
        values = label_noise_ceiling(*(rng.binomial(n, rate) / n for rate in (off_topic, on_topic)), prevalence=0.5)
        change = 0.05 + rng.normal(0.0, 0.1, size) * (1.0 + (share < 0.6))
        return rng.binomial(n, share), n, np.asarray(values), change

    _, off_topic, on_topic = rates(np.random.default_rng(0), 200_000)
    ceiling = float(np.mean(label_noise_ceiling(off_topic, on_topic, prevalence=0.5)))
    return World(name, draw, {"share": good[0] / sum(good), "ceiling": ceiling, "paired": 0.05})


def _drifting(name: str, *, drift: float, together: bool) -> World:
    """A judge whose bias moves by the drift from first to last, on eight pairs a concept, judged together or in any order."""

    def draw(rng: np.random.Generator, n: int) -> Study:
        level = rng.normal(0.0, 0.4, n)
        places = (np.arange(n)[:, None] + rng.random((n, 8)) / 9.0) / n if together else rng.random((n, 8))
        person = rng.integers(1, 6, (n, 8))
        apart = level[:, None] + drift * places + rng.normal(0.0, 0.7, (n, 8))
        where = [(concept, pair) for concept in range(n) for pair in range(8)]
        return ([_observed(*at, float(places[at]), float(person[at]), float(apart[at])) for at in where],)

    return World(name, draw, {"": drift})


def _observed(concept: int, pair: int, place: float, person: float, apart: float) -> Observation:
    return Observation(
        str(concept), "negative" if pair % 2 else "positive", place, float(person + apart), float(person)
    )


def _alone(truth: NDArray[np.bool_], fires: NDArray[np.bool_], groups: NDArray[np.int64]) -> Estimate:
    return f1_interval(truth, fires, np.arange(len(groups)))


_LOW: Final = (0.8, 0.15, 0.05, 0, 0)

TABLES: Final = (
    Table(
        "concept",
        "ratings an arm",
        (
            _ratings("ratings of both arms spread", (0.1, 0.2, 0.3, 0.25, 0.15), (0.35, 0.3, 0.2, 0.1, 0.05)),
            _ratings("skewed: most good, some bad", (0.1, 0.05, 0.05, 0.2, 0.6), (0.7, 0.15, 0.05, 0.05, 0.05)),
            _ratings("positives are 5 or, one in seven, 1", (1 / 7, 0, 0, 0, 6 / 7), _LOW),
            _ratings("the same, thrice as many negatives", (1 / 7, 0, 0, 0, 6 / 7), _LOW, times=3),
            _ratings("positives are 5 or, one in twenty, 1", (1 / 20, 0, 0, 0, 19 / 20), _LOW),
            _ratings("nearly all agree", (0.02, 0, 0.03, 0.05, 0.9), (0.95, 0.05, 0, 0, 0)),
            _ratings("positives are all 5", (0, 0, 0, 0, 1), _LOW),
        ),
        {
            "Welch t, ratings added at the ends (shown)": relevance_gap,
            "Welch t": welch_gap,
            "bootstrap of ratings": lambda positive, negative: multinomial_bootstrap_gap(
                positive, negative, n_resamples=N_RESAMPLES, seed=0
            ),
        },
        (5, 10, 20, 40, 160),
    ),
    Table(
        "lens-f1",
        "groups of four samples",
        (
            _lens("errors alone", hit=0.85, alarm=0.2, spread=0.0),
            _lens("errors come together in a group", hit=0.85, alarm=0.2, spread=1.5),
            _lens("few errors", hit=0.97, alarm=0.03, spread=0.5),
        ),
        {"t over groups (shown)": f1_interval, "t over samples": _alone},
        (5, 10, 20, 40),
    ),
    Table(
        "correlation",
        "concepts",
        tuple(_pairs(r) for r in (0.0, 0.5, 0.8)),
        {
            "Spearman: Fisher's z (shown)": correlate_given,
            "Spearman: bootstrap of concepts": lambda x, y: correlate(x, y, n_resamples=N_RESAMPLES, seed=0),
            "Pearson: Fisher's z (shown)": lambda x, y: correlate_given(x, y, kind="pearson"),
        },
        (6, 12, 24, 48),
    ),
    Table(
        "agreement",
        "concepts",
        (
            _raters("positives: four pairs a concept", level=3.6, spread=0.7, bias=0.5, numbers=(4,)),
            _raters("negatives: four pairs a concept", level=1.6, spread=0.5, bias=0.2, numbers=(4,)),
            _raters("positives: 2 to 9 pairs a concept", level=3.6, spread=0.7, bias=0.5, numbers=(2, 3, 5, 9)),
        ),
        {
            **{f"{of}: t over concepts left out (shown)": _agreement(name) for of, name in _AGREEMENT.items()},
            "kappa: bootstrap of concepts": _resampled,
        },
        (3, 6, 12, 24),
    ),
    Table(
        "drift",
        "concepts",
        (
            _drifting("none, pairs in any order", drift=0.0, together=False),
            _drifting("+0.5, pairs in any order", drift=0.5, together=False),
            _drifting("none, pairs of a concept together", drift=0.0, together=True),
        ),
        {"bias: slope, t over concepts left out (shown)": lambda observed: find_trends(observed)[0].change},
        (8, 12, 24, 48),
    ),
    Table(
        "concepts",
        "concepts",
        (
            _concepts("concepts that differ a little, ten texts an arm", (14.0, 4.0), n=10),
            _concepts("skewed: most good, some bad, ten texts an arm", (2.0, 0.7), n=10),
            _concepts("the same, forty texts an arm", (2.0, 0.7), n=40),
        ),
        {
            "share in good form: t over concepts (shown)": lambda good, n, ceilings, change: share_over_concepts(
                [(some, n) for some in good.tolist()]
            ),
            "ceiling, mean: t over concepts (shown)": lambda good, n, ceilings, change: mean_estimate(
                ceilings, bounds=(2.0 / 3.0, 1.0)
            ),
            "paired difference of F1: t over concepts (shown)": lambda good, n, ceilings, change: mean_estimate(change),
        },
        (3, 6, 12, 30),
    ),
)


def lines(table: Table, *, n_studies: int, seed: int) -> Iterator[str]:
    """Lines of Markdown: for every world and way, by size, coverage and mean width, and how many gave no interval."""
    yield f"| world | interval | {' | '.join(f'{size} {table.of}' for size in table.sizes)} |"
    yield f"|---|---|{'---|' * len(table.sizes)}"
    for world in table.worlds:
        found = [measure(table, world, size, n_studies=n_studies, seed=seed) for size in table.sizes]
        for place, way in enumerate(table.ways):
            cells = " | ".join(_cell(by_way[way]) for by_way in found)
            yield f"| {'' if place else world.name} | {way} | {cells} |"


def _cell(held: Held) -> str:
    told = f"{held.coverage:.3f} / {held.width:.2f}"
    return told if held.without < 0.0005 else f"{told} ({held.without:.1%} none)"


def main() -> None:
    """Print the tables, and put them where the page has their places."""
    parser = argparse.ArgumentParser(prog="python -m bench.interval_methods", description=main.__doc__)
    parser.add_argument("--studies", type=int, default=N_STUDIES, help="studies of each world and size")
    parser.add_argument("--seed", type=int, default=0, help="seed of all draws")
    parser.add_argument("--no-write", dest="write", action="store_false", help="leave docs/intervals.md as it is")
    asked = parser.parse_args()
    for table in TABLES:
        told = "\n".join(lines(table, n_studies=asked.studies, seed=asked.seed))
        print(f"{told}\n")
        if asked.write:
            under = f"*{asked.studies:,} studies of each world and size, seed {asked.seed}.*"
            put_table(PAGE, table.place, f"{told}\n\n{under}")


if __name__ == "__main__":
    main()
