"""A family less the study's loop on the same planted concepts, with an interval: is a difference in the tables chance?

    python -m bench.lens_f1 --d 4096 --n 40 --noise 0.25 --family ridge --concepts 64

The tables of lenses compare a few concepts, for the loop is slow. Here are as many as asked for, drawn as there, and the
interval is Student's t over concepts, each of which has both lenses. Beside F1 stands the share of rows that are told right,
for near chance a lens has the higher F1 by firing more often. The family's pool is at least that of the tables.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse

import numpy as np
import torch
from scipy.stats import t as student
from sklearn.metrics import f1_score

from bench.lenses import MANY, N_HELD_OUT, Concept, Predict, fit_ours, plant, study_loop
from engine.lenses.interface import FloatArray
from engine.lenses.registry import FAMILIES


def compare(family: str, *, d: int, n: int, noise: float, n_concepts: int) -> tuple[FloatArray, FloatArray]:
    """F1 and share of rows told right [concepts, 2] by the family's lenses and by the loop's."""
    in_pool = max(n_concepts, MANY[d].get(family, 0))
    held_out = [N_HELD_OUT * (seed < n_concepts) for seed in range(in_pool)]
    concepts = [plant(seed, n=n, d=d, noise=noise, n_held_out=rows) for seed, rows in enumerate(held_out)]
    ours = fit_ours(FAMILIES[family], [one.part for one in concepts])
    measured = concepts[:n_concepts]
    loop = [_measured(study_loop(one.part), one) for one in measured]
    return np.array([_measured(*pair) for pair in zip(ours[:n_concepts], measured, strict=True)]), np.array(loop)


def _measured(predict: Predict, one: Concept) -> tuple[float, float]:
    fires = predict(one.X) >= 0.5
    return float(f1_score(one.y, fires)), float(np.mean(fires == one.y))


def tell(what: str, ours: FloatArray, loop: FloatArray) -> str:
    """The two means, and their paired difference with its 95 % interval."""
    apart = ours - loop
    half = float(student.ppf(0.975, len(apart) - 1)) * float(apart.std(ddof=1)) / np.sqrt(len(apart))
    difference = f"{apart.mean():+.3f} [{apart.mean() - half:+.3f}, {apart.mean() + half:+.3f}]"
    return f"{what}: {ours.mean():.3f} against {loop.mean():.3f}, {difference}, {len(apart)} concepts"


def main() -> None:
    """Print the comparison."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(prog="python -m bench.lens_f1", description=main.__doc__)
    parser.add_argument("--family", choices=list(FAMILIES), default="ridge", help="the family beside the loop")
    parser.add_argument("--d", type=int, choices=list(MANY), default=4096, help="width of the activations")
    parser.add_argument("--n", type=int, default=40, help="training rows of a concept")
    parser.add_argument("--noise", type=float, default=0.25, help="share of turned training labels")
    parser.add_argument("--concepts", type=int, default=64, help="concepts that both fit, 2 at least")
    asked = parser.parse_args()
    ours, loop = compare(asked.family, d=asked.d, n=asked.n, noise=asked.noise, n_concepts=asked.concepts)
    print(tell("F1", ours[:, 0], loop[:, 0]))
    print(tell("share right", ours[:, 1], loop[:, 1]))


if __name__ == "__main__":
    main()
