"""How often the intervals of ceilings hold the truth: `python -m bench.ceilings`.

Label noise: studies of n ratings an arm, off-topic at a given rate in both; the truth is the ceiling at that rate. Beside the
Jeffreys draws that are used, resampled counts see the same studies. Learning curves: F1 at six sizes, measured in groups.
"""

import argparse
from collections.abc import Iterator
from typing import Final

import numpy as np

from bench.page import PAGE as BENCHMARKS
from bench.page import put_table
from engine.stats.ceiling_estimates import label_noise
from engine.stats.ceiling_models import label_noise_ceiling
from engine.stats.learning_curve import LearningCurve
from engine.stats.power_law import asymptote, expected_f1
from engine.stats.shares import Share, draw_share

PAGE: Final = BENCHMARKS.parent / "ceilings.md"
N_STUDIES: Final = 2_000
N_DRAWS: Final = 400
RATINGS: Final = (10, 30, 60, 120)
NOISE: Final = (0.01, 0.02, 0.1, 0.3)
CURVE_SIZES: Final = (16, 24, 32, 48, 64, 96)
CURVES: Final = ((0.7, 1.0, 0.03), (1.0, 1.5, 0.011), (0.25, 0.6, 0.016))
"""Power c, b, and standard error of a size, of curves that end at .85."""
GROUPS: Final = (6, 10, 20)


def noise_misses(n: int, rate: float, *, n_studies: int, seed: int, resampled: bool) -> tuple[float, float]:
    """Return how often the lower end lies above the true ceiling, and the upper end below it."""
    rng = np.random.default_rng(seed)
    truth = float(label_noise_ceiling(rate, rate, prevalence=0.5))
    above = below = 0
    for off, on in rng.binomial(n, rate, size=(n_studies, 2)).tolist():
        off_topic, on_topic = (_draw(k, n, rng, resampled=resampled) for k in (off, on))
        found = label_noise(off_topic, on_topic, 0.5, k=2, confidence=0.95, method="").estimate
        low, high = found.low, found.high
        above += (found.value if low is None else low) > truth + 1e-9  # type: ignore[operator]
        below += (found.value if high is None else high) < truth - 1e-9  # type: ignore[operator]
    return above / n_studies, below / n_studies


def _draw(k: int, n: int, rng: np.random.Generator, *, resampled: bool) -> Share | None:
    return (
        Share(k / n, rng.binomial(n, k / n, N_DRAWS) / n, n)
        if resampled
        else draw_share(k, n, n_draws=N_DRAWS, rng=rng)
    )


def curve_coverage(
    c: float, b: float, error: float, n_groups: int, *, n_studies: int, seed: int
) -> tuple[float, float]:
    """Return how often the intervals hold the F1 of twice the largest size, and the end of the curve."""
    sizes, rng = np.array(CURVE_SIZES, dtype=np.float64), np.random.default_rng(seed)
    together = np.exp(-0.5 * np.abs(np.subtract.outer(np.log(sizes), np.log(sizes)))) * error**2
    twice = 0.85 - b * float((2 * sizes[-1]) ** -c)
    held = np.zeros(2)
    for moved in rng.multivariate_normal(0.85 - b * sizes**-c, together * n_groups, size=(n_studies, n_groups)):
        covariance = np.cov(moved, rowvar=False) / n_groups
        curve = LearningCurve(
            CURVE_SIZES,
            tuple(moved.mean(axis=0).tolist()),
            tuple(tuple(row) for row in covariance.tolist()),
            n_units=n_groups,
            n_pairs=120,
            n_positive=60,
        )
        for place, (truth, found) in enumerate(
            ((twice, expected_f1(curve, 2 * CURVE_SIZES[-1])), (0.85, asymptote(curve)))
        ):
            assert found.low is not None
            assert found.high is not None
            held[place] += found.low - 0.001 <= truth <= found.high + 0.001
    return float(held[0]) / n_studies, float(held[1]) / n_studies


def noise_table(*, n_studies: int, seed: int) -> Iterator[str]:
    """Lines of Markdown: misses above and below by ratings and noise, both ways."""
    yield "| ratings an arm | draws | " + " | ".join(f"{rate:.0%} noise" for rate in NOISE) + " |"
    yield "|--:|---|" + "---|" * len(NOISE)
    for n in RATINGS:
        for name, resampled in (("Jeffreys (used)", False), ("resampled counts", True)):
            found = [noise_misses(n, rate, n_studies=n_studies, seed=seed, resampled=resampled) for rate in NOISE]
            yield f"| {n} | {name} | " + " | ".join(f"{above:.3f} / {below:.3f}" for above, below in found) + " |"


def curve_table(*, n_studies: int, seed: int) -> Iterator[str]:
    """Lines of Markdown: coverage of twice the pairs and of the end by power and groups."""
    yield "| curve | " + " | ".join(f"{n} groups" for n in GROUPS) + " |"
    yield "|---|" + "---|" * len(GROUPS)
    for c, b, error in CURVES:
        found = [curve_coverage(c, b, error, n, n_studies=n_studies, seed=seed) for n in GROUPS]
        cells = " | ".join(f"{twice:.3f} / {end:.3f}" for twice, end in found)
        yield f"| .85 − {b:g}·n^(−{c:g}), error {error:g} a size | {cells} |"


def main() -> None:
    """Print both tables, and put them where the page has their places."""
    parser = argparse.ArgumentParser(prog="python -m bench.ceilings", description=main.__doc__)
    parser.add_argument("--studies", type=int, default=N_STUDIES, help="studies of each kind")
    parser.add_argument("--seed", type=int, default=0, help="seed of all draws")
    parser.add_argument("--no-write", dest="write", action="store_false", help="leave docs/ceilings.md as it is")
    asked = parser.parse_args()
    for name, lines in (
        ("label noise", noise_table(n_studies=asked.studies, seed=asked.seed)),
        ("curves", curve_table(n_studies=asked.studies, seed=asked.seed)),
    ):
        told = "\n".join(lines)
        print(told, flush=True)
        if asked.write:
            put_table(PAGE, name, f"{told}\n\n*{asked.studies:,} studies a cell, seed {asked.seed}.*")


if __name__ == "__main__":
    main()
