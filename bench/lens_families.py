"""Which family of lenses is best on a study's own activations: by number of samples, label noise and layer.

    python -m bench.lens_families STUDY --mode output_only

Every concept gives n pairs, half of each arm; a text that occurs twice in a concept is used once. A template is in one fold
for all concepts, so a text that is held out trains no other concept's lens of that fold either: nothing pooled has seen
it. Noise turns over that share of each arm's labels in training; held-out rows are scored by their true arm, at .5.
Differences are paired: the same pairs, folds and turned labels for every family, intervals over concepts.
"""

import argparse
import json
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from bench.lens_tables import tables
from db import connect
from engine.config import StudyConfig
from engine.lenses.folds import IntArray
from engine.lenses.interface import FloatArray, Part
from engine.lenses.registry import FAMILIES
from engine.stages.training_sets import TrainingSet, as_training_set, load_concepts

N_FOLDS = 5
Cell = tuple[str, int, int, float]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """A concept's balanced rows: activations, true and given arms, and the fold of each row's template."""

    X: np.ndarray[tuple[int, int], np.dtype[np.float32]]
    truth: IntArray
    given: IntArray
    template: IntArray
    fold: IntArray


def choose_rows(data: TrainingSet, fold_of: dict[str, int], *, n: int, noise: float, seed: int) -> Rows | None:
    """Draw n rows and turn labels over; None where an arm has too few texts or a fold would train on one arm."""
    rng = np.random.default_rng([seed, n])
    first = {text.strip(): row for row, text in reversed(list(enumerate(data.texts)))}
    unique = np.array(sorted(first.values()))
    arms = [rng.permutation(unique[data.y[unique] == arm]) for arm in (0, 1)]
    if min(map(len, arms)) < n // 2:
        return None
    kept = np.concatenate([arm[: n // 2] for arm in arms])
    truth = data.y[kept]
    flips = np.random.default_rng([seed, n, 1]).permutation(n // 2)[: round(noise * n / 2)]
    given = truth.copy()
    given[flips] = 1
    given[flips + n // 2] = 0
    templates = [data.templates[row] for row in kept]
    fold = np.array([fold_of[template] for template in templates])
    if any(len(np.unique(given[fold != k])) < 2 for k in np.unique(fold)):
        return None
    return Rows(data.X[kept], truth, given, np.unique(templates, return_inverse=True)[1].astype(np.int64), fold)


def held_out(
    family: str, concepts: Sequence[Rows], pooling: str, pool_of: int | None = None
) -> tuple[list[FloatArray], float]:
    """Return each concept's held-out probabilities [n], and CPU seconds a lens."""
    tasks = [(i, int(k)) for i, rows in enumerate(concepts) for k in np.unique(rows.fold)]
    n_pools = 1 if pool_of is None else max(1, len(concepts) // pool_of)
    by_fold = [i % n_pools * N_FOLDS + k for i, k in tasks]
    pools = {"folds": by_fold, "alone": list(range(len(tasks))), "all": [0] * len(tasks)}[pooling]
    parts = [
        Part(rows.X[rows.fold != k], rows.given[rows.fold != k], rows.template[rows.fold != k], seed=i, pool=pool)
        for (i, k), pool in zip(tasks, pools, strict=True)
        for rows in [concepts[i]]
    ]
    started = time.process_time()
    lenses = FAMILIES[family].fit_many(parts)
    seconds = (time.process_time() - started) / len(parts)
    found = [np.empty(len(rows.truth)) for rows in concepts]
    for (i, k), lens in zip(tasks, lenses, strict=True):
        out = concepts[i].fold == k
        found[i][out] = lens.predict_probability(concepts[i].X[out])
    return found, seconds


def measure(cell: Cell, concepts: dict[str, Rows], pooling: str, pool_of: int | None = None) -> list[dict[str, object]]:
    """Return one row a concept: F1 at .5, AUC and Brier score of the held-out probabilities."""
    from sklearn.metrics import brier_score_loss, f1_score, roc_auc_score

    family, layer, n, noise = cell
    probability, seconds = held_out(family, list(concepts.values()), pooling, pool_of)
    where = {"family": family, "layer": layer, "n": n, "noise": noise, "seconds": seconds}
    return [
        where
        | {
            "concept": concept,
            "f1": float(f1_score(rows.truth, p >= 0.5, zero_division=0.0)),
            "auc": float(roc_auc_score(rows.truth, p)),
            "brier": float(brier_score_loss(rows.truth, p)),
        }
        for (concept, rows), p in zip(concepts.items(), probability, strict=True)
    ]


def assign_folds(wordings: Sequence[str], seed: int) -> dict[str, int]:
    """Put templates into folds."""
    order = np.random.default_rng(seed).permutation(len(wordings))
    return {wording: int(place) % N_FOLDS for wording, place in zip(wordings, order, strict=True)}


def load(study: Path, config: StudyConfig, layer: int, most: int) -> dict[str, TrainingSet]:
    """Read the training set of up to `most` concepts of the study's only run."""
    with connect(study) as cursor:
        runs = cursor.execute("select run_id from runs").fetchall()
        terms = cursor.execute("select distinct concept from pairs order by concept").fetchall()
    if len(runs) != 1:
        raise SystemExit(f"{study} holds {len(runs)} runs, and the comparison is of one")
    chosen = [term for (term,) in terms][:: max(1, len(terms) // most)][:most]
    found = load_concepts(study, runs[0][0], config, concepts=chosen, layers=[layer])
    return {term: as_training_set(one) for term, one in found.items()}


def run(asked: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Measure every cell that was asked for, concept by concept."""
    config = replace(StudyConfig(), mode=asked.mode)
    for layer in asked.layers:
        data = load(asked.study, config, layer, asked.concepts)
        wordings = sorted({template for one in data.values() for template in one.templates})
        for n in asked.sizes:
            for noise in asked.noises:
                drawn = {
                    term: choose_rows(one, folds, n=n, noise=noise, seed=asked.seed + place)
                    for place, (term, one) in enumerate(data.items())
                    for folds in [assign_folds(wordings, asked.seed + (place if asked.own_folds else 0))]
                }
                concepts = {term: rows for term, rows in drawn.items() if rows is not None}
                for family in asked.families:
                    yield from measure((family, layer, n, noise), concepts, asked.pooling, asked.pool_of)


def main() -> None:
    """Measure, write one JSON line a concept and cell, and print the tables."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(prog="python -m bench.lens_families", description=__doc__)
    parser.add_argument("study", type=Path)
    parser.add_argument("--mode", default="output_only", choices=["in_context", "output_only"])
    parser.add_argument("--families", nargs="+", default=list(FAMILIES), choices=list(FAMILIES))
    parser.add_argument("--layers", nargs="+", type=int, default=[0, 1, 2, 3])
    parser.add_argument("--sizes", nargs="+", type=int, default=[16, 40, 80, 160])
    parser.add_argument("--noises", nargs="+", type=float, default=[0.0, 0.1, 0.25])
    parser.add_argument(
        "--pooling",
        default="folds",
        choices=["folds", "alone", "all"],
        help="which training parts learn from each other: those of one fold, none, or (not honest) all",
    )
    parser.add_argument(
        "--pool-of", type=int, help="deal the concepts to pools of about so many; one pool if not given"
    )
    parser.add_argument("--own-folds", action="store_true", help="divide templates anew for each concept")
    parser.add_argument("--concepts", type=int, default=1000, help="at most this many, evenly spread")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", type=Path, help="also write what was measured here, as JSON lines")
    asked = parser.parse_args()
    found = []
    for row in run(asked):
        found.append(row)
        if asked.save:
            with asked.save.open("a") as file:
                file.write(json.dumps(row) + "\n")
    print("\n\n".join(tables(pd.DataFrame(found), asked.families)))


if __name__ == "__main__":
    main()
