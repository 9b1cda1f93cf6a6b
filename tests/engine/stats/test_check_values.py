"""Check values of the statistics, a function a row, each printed beside what is expected: `pytest -s` on this file."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bench.ceilings import noise_misses
from bench.intervals import SHOWN, WAYS, WORLDS, measure
from engine.stats.activation_quality import align, debiased_cka
from engine.stats.agreement import agree
from engine.stats.ceiling_models import (
    gap_linear_target,
    label_noise_ceiling,
    propagated_activation,
    propagation_ceiling,
    published_activation,
    published_ceiling,
)
from engine.stats.correlation import correlate_given
from engine.stats.estimate import Estimate
from engine.stats.gap import multinomial_bootstrap_gap, relevance_gap, welch_gap
from engine.stats.gap_clusters import UNSEEN_BELOW, why_weak
from engine.stats.histogram import RatingHistogram
from tests.support.artifact_files import FORMS, MEAN_F1, RELEVANCE

PARTS = {name: way for name, way in WAYS.items() if name.endswith("(shown)")}
FAILS = np.array([1 / 7, 0, 0, 0, 6 / 7])
SHARES = np.array([0.25, 0.2, 0.2, 0.2, 0.15]), np.array([0.75, 0.15, 0.06, 0.03, 0.01])
"""Of the ratings 1 to 5 in positives and negatives."""


def check(what: str, found: float, *, low: float, high: float) -> None:
    """Print a check value, and hold it to its range."""
    print(f"{what}: {found:.4f}, expected {low:g} to {high:g}")
    assert low <= found <= high, what


def histogram(counts: np.ndarray) -> RatingHistogram:
    return RatingHistogram(tuple(int(n) for n in counts))  # type: ignore[arg-type]


@pytest.mark.parametrize("world", WORLDS[:3], ids=lambda world: world.name)
@pytest.mark.parametrize("n_concepts", [3, 6, 12, 30])
def test_shown_intervals_of_gaps_over_concepts_hold_the_truth_as_often_as_they_say(world, n_concepts) -> None:
    found = measure(world, n_concepts, n_studies=2000, seed=1, ways=PARTS if n_concepts >= 12 else {SHOWN: WAYS[SHOWN]})
    # Where it is marked as weak it may be too wide: few concepts of unlike numbers have hardly two degrees of freedom.
    high = 0.985 if why_weak(n_concepts) else 0.97
    for name, quality in found.items():
        check(f"coverage, {n_concepts} concepts, {world.name}, {name}", quality.coverage, low=0.93, high=high)


def test_where_one_concept_in_ten_fails_intervals_hold_or_are_marked() -> None:
    for name, quality in measure(WORLDS[3], UNSEEN_BELOW, n_studies=2000, seed=1, ways=PARTS).items():
        check(f"coverage, {UNSEEN_BELOW} concepts, {name}", quality.coverage, low=0.93, high=0.97)
    few = measure(WORLDS[3], 12, n_studies=500, seed=1, ways={SHOWN: WAYS[SHOWN]})[SHOWN]
    check("coverage of the gap, 12 concepts, which are marked", few.coverage, low=0.8, high=0.93)
    assert why_weak(12)


def test_intervals_over_ratings_are_too_narrow_above_a_concepts_grain() -> None:
    way = "gap: Welch t over ratings"
    found = measure(WORLDS[2], 40, n_studies=300, seed=1, ways={way: WAYS[way], SHOWN: WAYS[SHOWN]})
    check("interval over concepts ÷ over ratings, 40 concepts", found[SHOWN].width / found[way].width, low=2, high=4.5)
    check("coverage of the interval over ratings, 40 concepts", found[way].coverage, low=0.35, high=0.7)


@pytest.mark.parametrize("n", [10, 30, 120])
@pytest.mark.parametrize("fails", [False, True])
def test_a_concepts_interval_holds_the_truth_as_often_as_it_says(n: int, fails: bool) -> None:
    rng = np.random.default_rng(2)
    arms = (FAILS, SHARES[1]) if fails else SHARES
    truth = float((arms[0] - arms[1]) @ np.arange(1, 6))
    drawn = list(zip(*(rng.multinomial(n, shares, 2000) for shares in arms), strict=True))
    name = f"coverage of a concept's gap, {n} ratings an arm{', one text in seven fails' if fails else ''}"
    # Of ten ratings one failure more or less is much, which leaves no choice but to be a little cautious.
    check(name, _held(relevance_gap, drawn, truth), low=0.93, high=0.98 if n == 10 else 0.97)
    if fails and n == 10:
        check(f"{name}, plain Welch t", _held(welch_gap, drawn, truth), low=0.8, high=0.92)


def _held(way: Callable[..., Estimate], drawn: list[tuple[Any, Any]], truth: float) -> float:
    """How often a way's intervals hold the truth; drawn arms that give it none count for no way."""
    found = [way(histogram(positive), histogram(negative)) for positive, negative in drawn]
    return float(np.mean([e.low <= truth <= e.high for e in found if e.low is not None and e.high is not None]))


def test_the_multinomial_bootstrap_is_that_of_ratings_one_by_one() -> None:
    rng = np.random.default_rng(4)
    arms = [rng.choice(5, 200, p=shares) + 1 for shares in SHARES]
    ours = multinomial_bootstrap_gap(*(RatingHistogram.from_ratings(arm.tolist()) for arm in arms), seed=1)
    one_by_one = np.subtract(*(rng.choice(arm, (4000, 200)).mean(axis=1) for arm in arms))
    for name, end, expected in zip(
        ("low", "high"), (ours.low, ours.high), np.quantile(one_by_one, [0.025, 0.975]), strict=True
    ):
        assert end is not None
        check(f"{name} end of 1,000 resamples", end, low=expected - 0.03, high=expected + 0.03)


def test_gaps_that_cannot_be_computed_are_unknown_with_the_reason() -> None:
    some, none = RatingHistogram((1, 2, 3, 4, 5)), RatingHistogram.empty()
    for arms, reason in (
        ((some, none), "no rating in the negative arm"),
        ((none, some), "no rating in the positive arm"),
        ((none, none), "no rating in the positive and the negative arm"),
    ):
        found = relevance_gap(*arms)
        print(f"{reason}: {found.value}")
        assert (found.value, found.low, found.reason) == (None, None, reason)


def test_by_welch_gaps_without_visible_spread_have_a_value_and_no_interval() -> None:
    for positive, negative, because in (
        ((0, 0, 0, 1, 0), (1, 2, 3, 0, 0), "an arm has only one rating"),
        ((0, 0, 0, 0, 9), (9, 0, 0, 0, 0), "neither arm varies"),
    ):
        found = welch_gap(RatingHistogram(positive), RatingHistogram(negative))
        print(f"{because}: {found.value}, {found.method}")
        assert found.value is not None
        assert not found.has_interval
        assert because in found.method


@pytest.mark.parametrize(
    ("quadrant", "good", "published", "activation", "propagation", "noise"),
    [
        ("A", 0.80, (0.90, 0.88), 0.950, 0.974, 0.889),
        ("B", 0.67, (0.85, 0.83), 0.918, 0.957, 0.802),
        ("C", 0.43, (0.78, 0.76), 0.858, 0.923, 0.667),
        ("D", 0.73, (0.87, 0.85), 0.933, 0.965, 0.844),
    ],
)
def test_each_ceiling_model_gives_its_row_of_the_table(
    quadrant: str, good: float, published: tuple[float, float], activation: float, propagation: float, noise: float
) -> None:
    for what, found, expected, digits in (
        ("published activation", published_activation(good), published[0], 2),
        ("published", published_ceiling(good), published[1], 2),
        ("propagated activation", propagated_activation(good), activation, 3),
        ("propagation", propagation_ceiling(good, prevalence=0.5), propagation, 3),
        ("label noise", label_noise_ceiling(1 - good, 0.0, prevalence=0.5), noise, 3),
    ):
        half = 0.5001 * 10**-digits
        check(f"{quadrant}: {what}", float(found), low=expected - half, high=expected + half)


def test_the_linear_rule_clamps_the_published_gap() -> None:
    check("target of a gap of 1.23", gap_linear_target(1.23), low=0.70, high=0.70)


@pytest.mark.parametrize(("off_topic", "closed", "simulated"), [
    (0.05, 0.9744, 0.9739), (0.20, 0.8889, 0.8885), (0.33, 0.8024, 0.8010),
])  # fmt: skip
def test_the_label_noise_formula_is_what_the_best_classifier_of_drawn_labels_reaches(
    off_topic: float, closed: float, simulated: float
) -> None:
    found = float(label_noise_ceiling(off_topic, 0.0, prevalence=0.5))
    check(f"label noise {off_topic:.2f}, closed form", found, low=closed - 5e-5, high=closed + 5e-5)
    rng = np.random.default_rng(7)
    label = rng.random(400_000) < 0.5
    topic = label & (rng.random(400_000) >= off_topic)
    drawn = 2 * (label & topic).sum() / (label.sum() + topic.sum())
    check(f"label noise {off_topic:.2f}, simulated", drawn, low=simulated - 0.003, high=simulated + 0.003)


@pytest.mark.parametrize(("n", "rate"), [(10, 0.02), (30, 0.1), (120, 0.3)])
def test_the_lower_end_of_label_noise_seldom_promises_too_much(n: int, rate: float) -> None:
    above, below = noise_misses(n, rate, n_studies=2_000, seed=0, resampled=False)
    check(f"lower end above the truth, {n} ratings an arm, {rate:.0%} noise", above, low=0.0, high=0.04)
    check(f"upper end below the truth, {n} ratings an arm, {rate:.0%} noise", below, low=0.0, high=0.07)
    if n == 10:
        resampled, _ = noise_misses(n, rate, n_studies=2_000, seed=0, resampled=True)
        check("the same by resampled counts", resampled, low=0.6, high=0.75)


def test_pooling_arms_takes_kappas_of_65_to_88() -> None:
    """Two raters err alike in both arms, whose means are 2.3 apart: what the arms differ by looks like agreement."""
    rng = np.random.default_rng(5)
    arms = {}
    for arm, level in (("positive", 4.05), ("negative", 1.75)):
        truth = rng.normal(level, 0.72, 4_000)
        first, second = np.clip(np.rint(truth + rng.normal(0, 0.42, (2, 4_000))), 1, 5).astype(int).tolist()
        arms[arm] = [("c", a, b, 1) for a, b in zip(first, second, strict=True)]
    arms["both"] = arms["positive"] + arms["negative"]
    found = {name: agree(cells).kappa.value for name, cells in arms.items()}
    for name in ("positive", "negative"):
        check(f"kappa, {name} arm", found[name] or 0.0, low=0.62, high=0.68)
    check("kappa, both arms together", found["both"] or 0.0, low=0.87, high=0.89)


def test_unrelated_activations_look_alike_uncentred_and_by_the_usual_cka_and_not_by_ours() -> None:
    rng = np.random.default_rng(6)
    shared = rng.normal(size=256) * 2.0
    prompt, output = shared + rng.normal(size=(2, 200, 256))
    raw = (prompt / np.linalg.norm(prompt, axis=1)[:, None]) @ (output / np.linalg.norm(output, axis=1)[:, None]).T
    check("cosine of unrelated activations that share a mean, uncentred", float(raw.mean()), low=0.79, high=0.81)
    places = np.arange(200)
    ours = align(prompt, output, prompts=places, clusters=places, seed=0, n_permutations=99).estimate
    check("the same by matched less mismatched, centred", ours.value or 0.0, low=-0.02, high=0.02)
    prompt, output = rng.normal(size=(2, 20, 4_096))
    check("the usual CKA of 20 unrelated samples", usual_cka(prompt, output), low=0.994, high=0.996)
    debiased = debiased_cka(prompt, output, clusters=np.arange(20)).value
    check("debiased CKA of the same", debiased or 0.0, low=-0.1, high=0.1)


def usual_cka(first: np.ndarray, second: np.ndarray) -> float:
    """Linear CKA as it is usually estimated: of centred features, with the diagonals that bias it."""
    a, b = (values - values.mean(axis=0) for values in (first, second))
    k, other = a @ a.T, b @ b.T
    return float((k * other).sum() / np.sqrt((k * k).sum() * (other * other).sum()))


def test_the_published_quadrants_give_the_known_correlations() -> None:
    """Of the report's own tables: relevance follows good form, and F1 does not follow the gap."""
    positive = [FORMS[quadrant]["positive"] for quadrant in "ABCD"]
    good, relevance = [forms[3] / 30 for forms, _ in positive], [total / 30 for _, total in positive]
    gaps = [float(RELEVANCE[quadrant][2]) for quadrant in "ABCD"]
    f1 = [float(MEAN_F1[quadrant]) for quadrant in "ABCD"]
    followed = correlate_given(good, relevance, kind="pearson").value
    check("r of relevance with good form, 4 quadrants", followed or 0.0, low=0.985, high=0.995)
    against = correlate_given(gaps, f1)
    check("ρ of gap with F1, 4 quadrants", against.value or 0.0, low=-0.4001, high=-0.3999)
    assert against.low is not None
    assert against.high is not None
    check("its lower end", against.low, low=-1.0, high=-0.9)
    check("its upper end", against.high, low=0.9, high=1.0)
