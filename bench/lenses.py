"""Lenses a CPU second, and F1 beside them, on planted data: every family against one-by-one peers.

    python -m bench.lenses [--d 512 4096] [--n 40 160 200] [--many 128] [--few 8]

Rows share a mean, twenty nuisance directions of falling width that all concepts have in common, and noise; arms differ along
a direction of the concept's own. So the shared covariance has something to find: how much of that real activations have is
the question of docs/lens-families.md. Peers fit the first `few` concepts one by one, ours all `many` together; F1 is on the
same few for all, 400 fresh rows a concept with true labels. All ways take turns in one process.
"""

import argparse
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from bench.compare import peak_memory
from engine.lenses.gram_mlp import GramMlp
from engine.lenses.interface import AnyFloats, FloatArray, LensFamily, Part
from engine.lenses.lda import Lda
from engine.lenses.logistic import Logistic
from engine.lenses.registry import FAMILIES
from engine.lenses.ridge import Ridge

NOISES = (0.0, 0.1, 0.25)
N_HELD_OUT, N_NUISANCE, STRENGTH = 400, 20, 5.0
OURS = ("ridge", "lda", "logistic", "mlp", "mlp-norm", "mlp-study")
Predict = Callable[[AnyFloats], FloatArray]


@dataclass(frozen=True, slots=True, eq=False)
class Concept:
    """A training part, its labels turned over, and held-out rows with true labels."""

    part: Part
    X: AnyFloats
    y: "np.ndarray[tuple[int], np.dtype[np.int64]]"


def plant(seed: int, *, n: int, d: int, noise: float, n_held_out: int = N_HELD_OUT) -> Concept:
    """Draw one concept; the nuisance is the same for every seed."""
    shared = np.random.default_rng(d)
    mean = shared.normal(size=d) * 2.0
    nuisance = shared.normal(size=(N_NUISANCE, d)) * (3.0 / np.sqrt(1.0 + np.arange(N_NUISANCE)))[:, None]
    rng = np.random.default_rng([seed, d])
    direction = rng.normal(size=d)
    direction *= STRENGTH / np.linalg.norm(direction)
    y = np.arange(n + n_held_out) % 2
    X = mean + rng.normal(size=(len(y), N_NUISANCE)) @ nuisance / 10.0 + rng.normal(size=(len(y), d))
    X = (X + np.outer(y - 0.5, direction)).astype(np.float32)
    given = y[:n].copy()
    flipped = np.random.default_rng([seed, n]).permutation(n // 2)[: round(noise * n / 2)]
    given[2 * flipped], given[2 * flipped + 1] = 1, 0
    return Concept(Part(X[:n], given, np.arange(n), seed), X[n:], y[n:])


def study_loop(part: Part) -> Predict:
    """The study's loop: one torch module, full batch, 50 epochs."""
    torch.manual_seed(part.seed)
    layers = [torch.nn.Linear(part.X.shape[1], 128), torch.nn.ReLU(), torch.nn.Dropout(0.1), torch.nn.Linear(128, 64)]
    model = torch.nn.Sequential(*layers, torch.nn.ReLU(), torch.nn.Dropout(0.1), torch.nn.Linear(64, 1))
    optimiser, loss = torch.optim.Adam(model.parameters(), lr=1e-3), torch.nn.BCEWithLogitsLoss()
    X, y = torch.from_numpy(part.X), torch.from_numpy(part.y).float()
    for _ in range(50):
        optimiser.zero_grad()
        loss(model(X)[:, 0], y).backward()
        optimiser.step()
    model.eval()

    def predict(rows: AnyFloats) -> FloatArray:
        with torch.no_grad():
            return np.asarray(torch.sigmoid(model(torch.from_numpy(rows))[:, 0]).double().numpy())

    return predict


def sklearn_logistic(part: Part) -> Predict:
    """LogisticRegression as it comes, on standardised features."""
    from sklearn.linear_model import LogisticRegression

    return _standardised(LogisticRegression(max_iter=1000), part)


def sklearn_mlp(part: Part) -> Predict:
    """MLPClassifier of the same layers, as it comes otherwise, on standardised features."""
    from sklearn.neural_network import MLPClassifier

    return _standardised(MLPClassifier((128, 64), random_state=part.seed, max_iter=50), part)


def _standardised(model: object, part: Part) -> Predict:
    import warnings

    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    pipeline = make_pipeline(StandardScaler(), model)
    with warnings.catch_warnings():
        # Fifty epochs are what all networks here get; sklearn would like more.
        warnings.simplefilter("ignore")
        pipeline.fit(part.X, part.y)
    return lambda rows: np.asarray(pipeline.predict_proba(rows)[:, 1])


PEERS: dict[str, Callable[[Part], Predict]] = {
    "study's loop, one by one": study_loop,
    "sklearn LogisticRegression": sklearn_logistic,
    "sklearn MLPClassifier": sklearn_mlp,
}


def fit_ours(family: LensFamily, parts: Sequence[Part]) -> list[Predict]:
    return [lens.predict_probability for lens in family.fit_many(parts)]


def fit_peer(name: str, parts: Sequence[Part]) -> list[Predict]:
    return [PEERS[name](part) for part in parts]


def compare_ways(
    *, d: int, n: int, many: int, few: int, names: Sequence[str]
) -> Iterator[tuple[str, float, list[float]]]:
    """Yield each way's lenses a CPU second and its F1 at each share of turned labels."""
    from sklearn.metrics import f1_score

    data = {noise: [plant(seed, n=n, d=d, noise=noise) for seed in range(many)] for noise in NOISES}
    # The study's recipe in stacks is no faster where the first layer is large: a few tell its rate.
    ways = [(name, partial(fit_ours, FAMILIES[name]), few if name == "mlp-study" else many) for name in OURS]
    ways += [(name, partial(fit_peer, name), few) for name in PEERS]
    parts = [concept.part for concept in data[0.0]]
    ways += [(f"{family.name}, once tuned", partial(fit_ours, family.tune(parts)), many) for family in (Ridge(), Lda())]
    ways = [way for way in ways if not names or way[0] in names]
    for _, fit, _ in ways:
        fit(parts[:1])
    for name, fit, number in ways:
        seconds, f1 = 0.0, []
        for concepts in data.values():
            started = time.process_time()
            lenses = fit([concept.part for concept in concepts[:number]])
            seconds += time.process_time() - started
            pairs = zip(lenses[:few], concepts, strict=False)
            f1.append(float(np.mean([f1_score(one.y, predict(one.X) >= 0.5) for predict, one in pairs])))
        yield name, len(NOISES) * number / seconds, f1


def memory_of(family: Ridge | Lda | Logistic | GramMlp, n_concepts: int, *, n: int, d: int) -> float:
    """MiB that fitting so many concepts needs, tuned on the first and then a hundred at a time, as a pack is trained."""

    def work() -> None:
        tuned = family
        if isinstance(family, Ridge | Lda):
            tuned = family.tune([plant(seed, n=n, d=d, noise=0.0, n_held_out=0).part for seed in range(100)])
        for start in range(0, n_concepts, 100):
            tuned.fit_many([plant(seed, n=n, d=d, noise=0.0, n_held_out=0).part for seed in range(start, start + 100)])

    return peak_memory(work)


def main() -> None:
    """Print both tables."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(prog="python -m bench.lenses", description=__doc__)
    parser.add_argument("--d", type=int, nargs="*", default=[512, 4096])
    parser.add_argument("--n", type=int, nargs="*", default=[40, 160, 200])
    parser.add_argument("--ways", nargs="*", default=[], help="only these; the study's loop must be among them")
    parser.add_argument("--many", type=int, default=128)
    parser.add_argument("--few", type=int, default=8)
    parser.add_argument("--concepts", type=int, nargs="*", default=[500, 2000, 8000], help="of the table of memory")
    asked = parser.parse_args()
    print(
        "| d | n | way | lenses / CPU s | ÷ study's loop | F1 at 0 % | 10 % | 25 % |\n|--:|--:|---|--:|--:|--:|--:|--:|"
    )
    for d in asked.d:
        for n in asked.n:
            found = list(compare_ways(d=d, n=n, many=asked.many, few=asked.few, names=asked.ways))
            loop = next(rate for name, rate, _ in found if name == next(iter(PEERS)))
            for name, rate, f1 in found:
                scores = " | ".join(f"{value:.3f}" for value in f1)
                print(f"| {d} | {n} | {name} | {rate:.1f} | {rate / loop:.1f} | {scores} |", flush=True)
    if asked.concepts:
        print(f"\n| family | {' | '.join(f'{number:,} concepts' for number in asked.concepts)} |")
        print(f"|---|{'--:|' * len(asked.concepts)}")
    for family in (Ridge(), Lda(), replace(Logistic(), strengths=(1.0,))) if asked.concepts else ():
        peaks = [memory_of(family, number, n=40, d=512) for number in asked.concepts]
        print(f"| {family.name}, n = 40, d = 512, MiB | {' | '.join(f'{peak:.0f}' for peak in peaks)} |", flush=True)


if __name__ == "__main__":
    main()
