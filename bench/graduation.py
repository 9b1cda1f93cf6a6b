"""How often a lens graduates whose true F1 is below its target, when the first good look counts.

    python -m bench.graduation

Concepts are drawn whose lens errs at one rate in both arms, so that its true F1 is 1 less that rate, and learns no more. Each
pair is right or wrong once and for all; a step looks at the first of them, as escalation does.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.escalation import STEPS
from engine.lenses.graduation import By, Goal, Measured, Rule, decide
from engine.stats.classification import f1_interval
from engine.stats.estimate import Estimate

TARGET = 0.85
TRUE_F1 = (0.70, 0.75, 0.80, 0.83, 0.85, 0.87, 0.90)
N_GROUPS = 12


@dataclass(frozen=True, slots=True)
class Shares:
    """Of lenses with one true F1: how many graduate at the target, by the looks that are taken."""

    true_f1: float
    first: float
    last: float
    any_look: float
    any_low: float
    f1_at_graduation: float | None


def simulate(true_f1: float, *, n_concepts: int, seed: int, steps: Sequence[int] = STEPS) -> Shares:
    """Draw concepts and look at each of them at every step."""
    rng = np.random.default_rng([seed, round(1000 * true_f1)])
    looks = [_looks(rng, 1 - true_f1, steps) for _ in range(n_concepts)]
    by_value = [[_graduates(f1, "value") for f1 in of_concept] for of_concept in looks]
    by_low = [[_graduates(f1, "lower-bound") for f1 in of_concept] for of_concept in looks]
    reached = [f1[is_good.index(True)].value for f1, is_good in zip(looks, by_value, strict=True) if any(is_good)]
    return Shares(
        true_f1=true_f1,
        first=_share([is_good[0] for is_good in by_value]),
        last=_share([is_good[-1] for is_good in by_value]),
        any_look=_share([any(is_good) for is_good in by_value]),
        any_low=_share([any(is_good) for is_good in by_low]),
        f1_at_graduation=float(np.mean([value for value in reached if value is not None])) if reached else None,
    )


def _looks(rng: np.random.Generator, error: float, steps: Sequence[int]) -> list[Estimate]:
    truth = np.arange(steps[-1]) % 2
    fires = np.where(rng.random(steps[-1]) < error, 1 - truth, truth)
    groups = np.arange(steps[-1]) // 2 % N_GROUPS
    return [f1_interval(truth[:n], fires[:n], groups[:n]) for n in steps]


def _graduates(f1: Estimate, by: By) -> bool:
    return decide(Goal(TARGET), Measured(f1, f1.value), Rule(by=by)).decision == "graduated"


def _share(values: Sequence[bool]) -> float:
    return float(np.mean(values))


def main() -> None:
    """Print the table of docs/targets.md."""
    parser = argparse.ArgumentParser(prog="python -m bench.graduation", description=main.__doc__)
    parser.add_argument("--concepts", type=int, default=2_000, help="concepts for each true F1")
    asked = parser.parse_args()
    first, last = f"{STEPS[0]} pairs", f"{STEPS[-1]} pairs"
    print(f"| true F1 | {first} | {last} | any of {len(STEPS)} looks | … by lower bound | F1 when it graduated |")
    print("|--:|--:|--:|--:|--:|--:|")
    for true_f1 in TRUE_F1:
        found = simulate(true_f1, n_concepts=asked.concepts, seed=0)
        told = "–" if found.f1_at_graduation is None else f"{found.f1_at_graduation:.3f}"
        cells = (found.first, found.last, found.any_look, found.any_low)
        print(f"| {true_f1:.2f} | {' | '.join(f'{100 * cell:.1f} %' for cell in cells)} | {told} |")


if __name__ == "__main__":
    main()
