"""How often intervals of gaps, F1, agreement, activations and others hold the truth: `python -m bench.interval_methods`.

Those of gaps over concepts are in `bench.intervals`, of audited gaps in `bench.audit`, of ceilings in `bench.ceilings`. Every way
of a table sees the same studies.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from bench.interval_worlds import (
    AGREEMENT,
    World,
    concepts,
    cosine,
    drifting,
    lens,
    pairs,
    phases,
    raters,
    ratings,
)
from bench.intervals import PAGE
from bench.page import put_table
from engine.exchange.document.shares import share_over_concepts
from engine.stats.activation_quality import debiased_cka
from engine.stats.agreement import Agreement, Cell, join, measures
from engine.stats.classification import f1_interval
from engine.stats.correlation import correlate, correlate_given
from engine.stats.drift import find_trends
from engine.stats.estimate import Estimate
from engine.stats.gap import multinomial_bootstrap_gap, relevance_gap, welch_gap
from engine.stats.resampling import percentile_estimate, resampled_totals
from engine.stats.summary import mean_estimate
from engine.stats.transfer import mean_transfer

Way = Callable[..., Estimate]
N_STUDIES: Final = 2_000
N_RESAMPLES: Final = 400


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
    return {
        name: _held([way(*study) for study in studies], _truth(world, name, size)) for name, way in table.ways.items()
    }


def _truth(world: World, way: str, size: int) -> float:
    truth = next(truth for kind, truth in world.truth.items() if way.startswith(kind))
    return truth(size) if callable(truth) else truth


def _held(found: Sequence[Estimate], truth: float) -> Held:
    ends = np.array([(one.low, one.high) for one in found if one.low is not None], dtype=np.float64).reshape(-1, 2)
    holds = (ends[:, 0] <= truth) & (truth <= ends[:, 1])
    return Held(float(holds.mean()), float(np.ptp(ends, axis=1).mean()), 1.0 - len(ends) / len(found))


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


def _alone(truth: NDArray[np.bool_], fires: NDArray[np.bool_], groups: NDArray[np.int64]) -> Estimate:
    return f1_interval(truth, fires, np.arange(len(groups)))


_LOW: Final = (0.8, 0.15, 0.05, 0, 0)

TABLES: Final = (
    Table(
        "concept",
        "ratings an arm",
        (
            ratings("ratings of both arms spread", (0.1, 0.2, 0.3, 0.25, 0.15), (0.35, 0.3, 0.2, 0.1, 0.05)),
            ratings("skewed: most good, some bad", (0.1, 0.05, 0.05, 0.2, 0.6), (0.7, 0.15, 0.05, 0.05, 0.05)),
            ratings("positives are 5 or, one in seven, 1", (1 / 7, 0, 0, 0, 6 / 7), _LOW),
            ratings("the same, thrice as many negatives", (1 / 7, 0, 0, 0, 6 / 7), _LOW, times=3),
            ratings("positives are 5 or, one in twenty, 1", (1 / 20, 0, 0, 0, 19 / 20), _LOW),
            ratings("nearly all agree", (0.02, 0, 0.03, 0.05, 0.9), (0.95, 0.05, 0, 0, 0)),
            ratings("positives are all 5", (0, 0, 0, 0, 1), _LOW),
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
            lens("errors alone", hit=0.85, alarm=0.2, spread=0.0),
            lens("errors come together in a group", hit=0.85, alarm=0.2, spread=1.5),
            lens("few errors", hit=0.97, alarm=0.03, spread=0.5),
        ),
        {"t over groups (shown)": f1_interval, "t over samples": _alone},
        (5, 10, 20, 40),
    ),
    Table(
        "correlation",
        "concepts",
        tuple(pairs(r) for r in (0.0, 0.5, 0.8)),
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
            raters("positives: four pairs a concept", level=3.6, spread=0.7, bias=0.5, numbers=(4,)),
            raters("negatives: four pairs a concept", level=1.6, spread=0.5, bias=0.2, numbers=(4,)),
            raters("positives: 2 to 9 pairs a concept", level=3.6, spread=0.7, bias=0.5, numbers=(2, 3, 5, 9)),
        ),
        {
            **{f"{of}: t over concepts left out (shown)": _agreement(name) for of, name in AGREEMENT.items()},
            "kappa: bootstrap of concepts": _resampled,
        },
        (3, 6, 12, 24),
    ),
    Table(
        "drift",
        "concepts",
        (
            drifting("none, pairs in any order", drift=0.0, together=False),
            drifting("+0.5, pairs in any order", drift=0.5, together=False),
            drifting("none, pairs of a concept together", drift=0.0, together=True),
        ),
        {"bias: slope, t over concepts left out (shown)": lambda observed: find_trends(observed)[0].change},
        (8, 12, 24, 48),
    ),
    Table(
        "concepts",
        "concepts",
        (
            concepts("concepts that differ a little, ten texts an arm", (14.0, 4.0), n=10),
            concepts("skewed: most good, some bad, ten texts an arm", (2.0, 0.7), n=10),
            concepts("the same, forty texts an arm", (2.0, 0.7), n=40),
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
    Table(
        "activations",
        "concepts",
        (phases("five texts a concept, an output keeps half of its prompt", d=16, kept=0.5),),
        {
            "cosine, matched less mismatched: t over concepts (shown)": lambda prompt, output, concept, of_concepts: (
                cosine(prompt, output, concept)
            ),
            "CKA, debiased: concepts left out in blocks (shown)": lambda prompt, output, concept, of_concepts: (
                debiased_cka(prompt, output, clusters=concept)
            ),
            "transfer ratio, mean: t over concepts (shown)": lambda prompt, output, concept, of_concepts: (
                mean_transfer(of_concepts).ratio
            ),
        },
        (3, 6, 12, 24),
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
