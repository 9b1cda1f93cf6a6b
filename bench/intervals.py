"""How often intervals of a gap over concepts hold the truth: a simulation of thousands of studies, `python -m bench.intervals`.

Every study draws concepts from a world of concepts that differ, and rates ten texts an arm of each, or unlike numbers. A rating
is 1 and a binomial of 4. The truth is the gap of the world. Every way sees the same studies.
"""

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.page import PAGE as BENCHMARKS
from bench.page import put_table
from engine.stats.estimate import Estimate
from engine.stats.gap import GapDecomposition, welch_gap
from engine.stats.gap_clusters import cluster_bootstrap_gap, cluster_gap, cluster_parts
from engine.stats.histogram import RatingHistogram

Floats = NDArray[np.float64]
PAGE: Final = BENCHMARKS.parent / "intervals.md"
SIZES: Final = (3, 6, 12, 30, 200)
N_STUDIES: Final = 2_000
N_RESAMPLES: Final = 400
N_TRUTH: Final = 100_000
"""Concepts from which the truth of a world is computed."""


@dataclass(frozen=True, slots=True)
class World:
    """Where concepts come from: the good share of positives, mean ratings of good positives and negatives, numbers an arm."""

    name: str
    good: Callable[[np.random.Generator, int], Floats]
    spread: float
    numbers: tuple[int, ...] = (10,)


def _alike(rng: np.random.Generator, n: int) -> Floats:
    return rng.beta(14.0, 4.0, n)


def _skewed(rng: np.random.Generator, n: int) -> Floats:
    return rng.beta(2.0, 0.7, n)


def _rare(rng: np.random.Generator, n: int) -> Floats:
    return np.where(rng.random(n) < 0.1, 0.05, 0.95)


WORLDS: Final = (
    World("concepts that differ a little", _alike, 0.3),
    World("skewed: most good, some bad", _skewed, 0.3),
    World("the same, 10 to 80 texts a concept", _skewed, 0.3, (10, 20, 40, 80)),
    World("one in ten fails, the others alike", _rare, 0.1),
)


@dataclass(frozen=True, slots=True, eq=False)
class Concepts:
    """Counts of ratings, shape (concepts, arms, good or not, 5): what a study knows of them."""

    counts: Floats

    @property
    def sums(self) -> Floats:
        """Sum and number of each concept's ratings by arm."""
        return _sums(self.counts.sum(axis=2))

    @property
    def good(self) -> Floats:
        """The same of good outputs."""
        return _sums(self.counts[:, :, 0])


def _sums(counts: Floats) -> Floats:
    return np.stack([counts @ np.arange(1.0, 6.0), counts.sum(axis=2)], axis=2)


def draw_concepts(world: World, n: int, rng: np.random.Generator) -> Concepts:
    """Rate the texts of n concepts: good ones by how relevant the concept's are, others of positives by 1.3 on average."""
    good = world.good(rng, n)
    numbers = rng.choice(world.numbers, n)
    means = np.clip(rng.normal((4.0, 1.5), (world.spread, world.spread / 2), (n, 2)), 1.05, 4.95)
    n_good = np.stack([rng.binomial(numbers, good), rng.binomial(numbers, 0.9)], axis=1)
    parts = [(n_good, means), (numbers[:, None] - n_good, np.broadcast_to([1.3, 1.1], (n, 2)))]
    return Concepts(np.stack([rng.multinomial(k, _levels(mean)) for k, mean in parts], axis=2).astype(np.float64))


def _levels(mean: Floats) -> Floats:
    """Chances of the ratings 1 to 5 with that mean: 1 and a binomial of 4."""
    share = (mean[..., None] - 1.0) / 4.0
    levels, ways = np.arange(5), np.array([1.0, 4.0, 6.0, 4.0, 1.0])
    chances: Floats = ways * share**levels * (1.0 - share) ** (4 - levels)
    # They add up to 1 up to rounding, which the draw would refuse.
    chances /= chances.sum(axis=-1, keepdims=True)
    return chances


def _pooled(concepts: Concepts) -> Estimate:
    arms = [RatingHistogram(tuple(int(n) for n in arm.sum(axis=(0, 1)))) for arm in np.swapaxes(concepts.counts, 0, 1)]  # type: ignore[arg-type]
    return welch_gap(*arms)


@lru_cache(maxsize=1)
def _parts(concepts: Concepts) -> GapDecomposition:
    return cluster_parts(concepts.sums, concepts.good)


SHOWN: Final = "gap: t over concepts (shown)"
WAYS: Final[Mapping[str, Callable[[Concepts], Estimate]]] = {
    SHOWN: lambda drawn: cluster_gap(drawn.sums).estimate,
    "gap: bootstrap of concepts": lambda drawn: cluster_bootstrap_gap(drawn.sums, n_resamples=N_RESAMPLES, seed=0),
    "gap: Welch t over ratings": _pooled,
    "topicality: t over concepts (shown)": lambda drawn: _parts(drawn).topicality,
    "degeneracy: t over concepts (shown)": lambda drawn: _parts(drawn).degeneracy,
}


@dataclass(frozen=True, slots=True)
class Quality:
    """How often an interval held the truth, and its mean width, over studies that gave one."""

    coverage: float
    width: float


def measure(
    world: World,
    n_concepts: int,
    *,
    n_studies: int = N_STUDIES,
    seed: int = 0,
    ways: Mapping[str, Callable[[Concepts], Estimate]] = WAYS,
) -> dict[str, Quality]:
    """Coverage and width of every way in studies of so many concepts of a world."""
    rng = np.random.default_rng([seed, n_concepts])
    studies = _studies(draw_concepts(world, n_studies * n_concepts, rng), n_concepts)
    found = [[find(study) for find in ways.values()] for study in studies]
    truths = true_values(world, seed=seed)
    by_way = zip(ways, zip(*found, strict=True), strict=True)
    return {way: _quality(estimates, truths[way.split(":")[0]]) for way, estimates in by_way}


@cache
def true_values(world: World, *, seed: int = 0) -> dict[str, float]:
    """The world's gap and its parts, from very many concepts."""
    everything = draw_concepts(world, N_TRUTH, np.random.default_rng(seed))
    gap, topicality = (_gap(sums) for sums in (everything.sums, everything.good))
    return {"gap": gap, "topicality": topicality, "degeneracy": gap - topicality}


def _gap(sums: Floats) -> float:
    totals = sums.sum(axis=0)
    return float(totals[0, 0] / totals[0, 1] - totals[1, 0] / totals[1, 1])


def _studies(drawn: Concepts, n_concepts: int) -> Iterator[Concepts]:
    edges = range(0, len(drawn.counts) + 1, n_concepts)
    return (Concepts(drawn.counts[start:end]) for start, end in pairwise(edges))


def _quality(estimates: Iterable[Estimate], truth: float) -> Quality:
    ends = np.array([(e.low, e.high) for e in estimates if e.low is not None], dtype=np.float64).reshape(-1, 2)
    held = (ends[:, 0] <= truth) & (truth <= ends[:, 1])
    return Quality(float(held.mean()), float((ends[:, 1] - ends[:, 0]).mean()))


def table(found: Mapping[str, Mapping[int, Mapping[str, Quality]]]) -> str:
    """A Markdown table: a line a world and way, and for each number of concepts coverage and mean width."""
    head = f"| world | interval | {' | '.join(f'{size} concepts' for size in SIZES)} |\n|---|---|{'---|' * len(SIZES)}"
    lines = [
        f"| {world if place == 0 else ''} | {way} | {' | '.join(_cell(by_size[size][way]) for size in SIZES)} |"
        for world, by_size in found.items()
        for place, way in enumerate(WAYS)
    ]
    return "\n".join([head, *lines])


def _cell(quality: Quality) -> str:
    return f"{quality.coverage:.3f} / {quality.width:.2f}"


def main() -> None:
    """Print the table, and put it where the page has its place."""
    parser = argparse.ArgumentParser(prog="python -m bench.intervals", description=main.__doc__)
    parser.add_argument("--studies", type=int, default=N_STUDIES, help="studies of each world and size")
    parser.add_argument("--seed", type=int, default=0, help="seed of all draws")
    parser.add_argument("--no-write", dest="write", action="store_false", help="leave docs/intervals.md as it is")
    asked = parser.parse_args()
    found = {
        world.name: {size: measure(world, size, n_studies=asked.studies, seed=asked.seed) for size in SIZES}
        for world in WORLDS
    }
    told = table(found)
    print(told)
    if asked.write:
        put_table(
            PAGE, "intervals", f"{told}\n\n*{asked.studies:,} studies of each world and size, seed {asked.seed}.*"
        )


if __name__ == "__main__":
    main()
