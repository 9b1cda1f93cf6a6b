"""How often intervals of a concept's gap, of a lens's F1 and of correlations hold the truth: `python -m bench.interval_methods`.

Those of gaps over concepts are in `bench.intervals`, of audited gaps in `bench.audit`, of ceilings in `bench.ceilings`. Every way
of a table sees the same studies.
"""

import argparse
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from bench.intervals import PAGE
from bench.page import put_table
from engine.stats.classification import f1_interval
from engine.stats.correlation import correlate, correlate_given
from engine.stats.estimate import Estimate
from engine.stats.gap import multinomial_bootstrap_gap, relevance_gap, welch_gap
from engine.stats.histogram import RatingHistogram

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
