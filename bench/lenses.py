"""Lenses a CPU second, and F1 beside them, on planted data: every family against one-by-one peers.

    python -m bench lenses-512 lenses-4096 --n 40

Rows share a mean, twenty nuisance directions of falling width that all concepts have in common, and noise; arms differ along
a direction of the concept's own. So the shared covariance has something to find: how much of that real activations have is
the question of docs/lens-families.md. Peers fit the first few concepts one by one, closed forms many together and networks as a
stack; F1 is on the same few for all, 400 fresh rows a concept with true labels. All ways take turns in one process.
"""

import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from engine.lenses.interface import AnyFloats, FloatArray, LensFamily, Part, Pools
from engine.lenses.registry import FAMILIES

NOISES = (0.0, 0.1, 0.25)
N_HELD_OUT, N_NUISANCE, STRENGTH = 400, 20, 5.0
MANY = {512: {"ridge": 500, "lda": 500}, 4096: {"ridge": 200, "lda": 200}}
"""Concepts that closed forms fit together, by width: what they choose or estimate, they do once for all of them."""
FEW = {40: 32, 160: 8, 200: 8}
"""Concepts that peers fit, by rows: of fewer rows F1 is noisier and lenses are quicker."""
N_SOME = 32
HEAD = (
    f"| d | n | way | lenses / CPU s | ÷ study's loop | F1 at {' | '.join(f'{noise:.0%}' for noise in NOISES)} |\n"
    f"|--:|--:|---|--:|--:|{'--:|' * len(NOISES)}"
)
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


@dataclass(frozen=True, slots=True)
class Way:
    """A way to fit lenses, and how many it fits."""

    name: str
    fit: Callable[[Any, Sequence[Part]], list[Predict]]
    number: int


def fit_ours(family: LensFamily, parts: Sequence[Part]) -> list[Predict]:
    return [lens.predict_probability for lens in family.fit_many(parts)]


def fit_peer(name: str, parts: Sequence[Part]) -> list[Predict]:
    return [PEERS[name](part) for part in parts]


def ways_to_fit(d: int, few: int) -> list[Way]:
    """All ways, ours first, the study's loop first of its peers."""
    numbers = dict.fromkeys(OURS, N_SOME) | {"mlp-study": few} | MANY[d]
    ours = [Way(name, fit_ours, number) for name, number in numbers.items()]
    tuned = [Way(f"{name}, once tuned", fit_ours, number) for name, number in MANY[d].items()]
    return [*ours, *tuned, *(Way(name, fit_peer, few) for name in PEERS)]


def compare_ways(*, d: int, n: int, few: int) -> Iterator[tuple[str, float, list[float]]]:
    """Yield each way's lenses a CPU second and its F1 at each share of turned labels."""
    ways = ways_to_fit(d, few)
    seconds, f1 = dict.fromkeys(ways, 0.0), {way: list[float]() for way in ways}
    for noise in NOISES:
        seeds = range(max(way.number for way in ways))
        concepts = [plant(seed, n=n, d=d, noise=noise, n_held_out=N_HELD_OUT * (seed < few)) for seed in seeds]
        parts = [concept.part for concept in concepts]
        for way in ways:
            # What a family has learned from these very parts beforehand is not in the time that further ones take.
            subject = _subject(way.name, parts[: way.number])
            way.fit(subject, parts[:1])
            started = time.process_time()
            lenses = way.fit(subject, parts[: way.number])
            seconds[way] += time.process_time() - started
            f1[way].append(_mean_f1(lenses, concepts[:few]))
    for way in ways:
        yield way.name, len(NOISES) * way.number / seconds[way], f1[way]


def _subject(name: str, parts: Sequence[Part]) -> LensFamily | str:
    tuned = name.removesuffix(", once tuned")
    if tuned == name:
        return FAMILIES.get(name, name)
    family = FAMILIES[tuned]
    assert isinstance(family, Pools)
    return family.tune(parts)


def _mean_f1(lenses: Sequence[Predict], concepts: Sequence[Concept]) -> float:
    from sklearn.metrics import f1_score

    pairs = zip(lenses, concepts, strict=False)
    return float(np.mean([f1_score(one.y, predict(one.X) >= 0.5) for predict, one in pairs]))


def lens_rates(d: int, n: int) -> list[str]:
    """Lines of a Markdown table: all ways at that width and number of rows."""
    found = list(compare_ways(d=d, n=n, few=FEW[n]))
    loop = next(rate for name, rate, _ in found if name == next(iter(PEERS)))
    return [
        f"| {d} | {n} | {name} | {rate:.1f} | {rate / loop:.1f} | {' | '.join(f'{value:.3f}' for value in f1)} |"
        for name, rate, f1 in found
    ]
