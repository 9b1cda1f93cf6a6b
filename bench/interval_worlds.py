"""Where the studies come from on which `bench.interval_methods` tries intervals: what is planted, and so what is true of it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from engine.stats.activation_quality import align, debiased_cka
from engine.stats.agreement import agree
from engine.stats.ceiling_models import label_noise_ceiling
from engine.stats.drift import Observation
from engine.stats.estimate import Estimate, known
from engine.stats.histogram import RatingHistogram
from engine.stats.transfer import Transfer

Floats = NDArray[np.float64]
Study = tuple[Any, ...]
_N_MEAN: Final = 500
"""Studies of a size over which a truth is averaged that depends on the size."""


@dataclass(frozen=True, slots=True)
class World:
    """Where studies come from: `draw` makes one of a size; `truth` is what the ways whose name begins so estimate, by size."""

    name: str
    draw: Callable[[np.random.Generator, int], Study]
    truth: Mapping[str, float | Callable[[int], float]]


def ratings(name: str, positive: Sequence[float], negative: Sequence[float], *, times: int = 1) -> World:
    """One concept whose ratings 1 to 5 have these chances, with so many times as many negatives as positives."""
    levels = np.arange(1.0, 6.0)
    gap = float(np.dot(positive, levels) - np.dot(negative, levels))

    def draw(rng: np.random.Generator, n: int) -> Study:
        drawn = rng.multinomial(n, positive), rng.multinomial(times * n, negative)
        return tuple(RatingHistogram(tuple(map(int, arm))) for arm in drawn)  # type: ignore[arg-type]

    return World(name, draw, {"": gap})


def lens(name: str, *, hit: float, alarm: float, spread: float) -> World:
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


def pairs(r: float) -> World:
    """Points of a normal distribution of that correlation."""

    def draw(rng: np.random.Generator, n: int) -> Study:
        x, noise = rng.normal(size=(2, n))
        return x, r * x + math.sqrt(1.0 - r * r) * noise

    return World(f"correlation {r:g}", draw, {"Spearman": 6.0 / math.pi * math.asin(r / 2.0), "Pearson": r})


def raters(name: str, *, level: float, spread: float, bias: float, numbers: Sequence[int]) -> World:
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
    return World(name, draw, {of: _value(getattr(found, measure)) for of, measure in AGREEMENT.items()})


AGREEMENT: Final = {
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


def concepts(name: str, good: tuple[float, float], *, n: int) -> World:
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


def drifting(name: str, *, drift: float, together: bool) -> World:
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


def phases(name: str, *, d: int, kept: float) -> World:
    """Concepts of five texts whose activations share half; an output keeps so much of its prompt. AUCs differ by concept."""

    def draw(rng: np.random.Generator, n: int) -> Study:
        concept = np.repeat(np.arange(n), 5)
        of_prompt, of_output = rng.normal(size=(2, n, d))
        prompt = of_prompt[concept] + rng.normal(size=(len(concept), d))
        output = kept * prompt + of_output[concept] + rng.normal(size=(len(concept), d))
        within = np.clip(rng.normal(0.85, 0.06, n), 0.5, 1.0)
        transfer = np.clip(within - rng.normal(0.12, 0.05, n), 0.3, 1.0)
        return prompt, output, concept, [_transfer(*each) for each in zip(within, transfer, strict=True)]

    prompt, output, concept, of_concepts = draw(np.random.default_rng(0), 400)
    ratio = sum(_value(one.transfer) for one in of_concepts) / sum(_value(one.within) for one in of_concepts)

    def cka(n: int) -> float:
        # Texts of one concept are alike in both phases, and the fewer concepts, the more they are of all pairs.
        rng = np.random.default_rng(n)
        studies = (draw(rng, n) for _ in range(_N_MEAN))
        return float(np.mean([_value(debiased_cka(one[0], one[1], clusters=one[2])) for one in studies]))

    return World(name, draw, {"cosine": _value(cosine(prompt, output, concept)), "CKA": cka, "transfer": ratio})


def cosine(prompt: Floats, output: Floats, concept: NDArray[np.int64]) -> Estimate:
    """Matched less mismatched centred cosine; no permutations, whose p is not asked for here."""
    return align(prompt, output, prompts=np.arange(len(concept)), clusters=concept, seed=0, n_permutations=1).estimate


def _transfer(within: float, transfer: float) -> Transfer:
    values = (within, transfer, 0.5, transfer / within)
    return Transfer(*(known(value, 0.0, 9.0, n=20, method="planted") for value in values))
