import time
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.stats.ceiling import ceilings_from_counts, recommended_target
from engine.stats.ceiling_models import (
    balanced_accuracy_ceiling,
    gap_linear_target,
    label_noise_ceiling,
    propagated_activation,
    propagation_ceiling,
    published_activation,
    published_ceiling,
)
from engine.stats.gap import decompose_gap, multinomial_bootstrap_gap, relevance_gap
from engine.stats.histogram import RatingHistogram

# Good positives of 30 a quadrant, and the whole percents that the report prints for them.
GOOD = {"A": 24, "B": 20, "C": 13, "D": 22}
PRINTED = {"A": 0.80, "B": 0.67, "C": 0.43, "D": 0.73}


def simulated_ceiling(rng, off_topic, on_topic, prevalence, n=400_000):
    """The best F1 against noisy labels of any classifier that sees the true class, by drawing the labels."""
    label = rng.random(n) < prevalence
    topic = np.where(label, rng.random(n) >= off_topic, rng.random(n) < on_topic)

    def f1(predicted):
        return 2 * (label & predicted).sum() / (label.sum() + predicted.sum())

    return max(f1(topic), f1(np.ones(n, dtype=bool)))


@pytest.mark.parametrize(("quadrant", "activation", "ceiling"), [
    ("A", 0.90, 0.88), ("B", 0.85, 0.83), ("C", 0.78, 0.76), ("D", 0.87, 0.85),
])  # fmt: skip
@pytest.mark.parametrize("exact", [True, False])
def test_published_model_prints_the_published_table(quadrant, activation, ceiling, exact):
    good = GOOD[quadrant] / 30 if exact else PRINTED[quadrant]
    assert round(published_activation(good), 2) == activation
    assert round(published_ceiling(good), 2) == ceiling


@pytest.mark.parametrize(("quadrant", "activation", "ceiling"), [
    ("A", 0.950, 0.974), ("B", 0.918, 0.957), ("C", 0.858, 0.923), ("D", 0.933, 0.965),
])  # fmt: skip
def test_propagation_from_the_printed_shares_gives_the_check_values(quadrant, activation, ceiling):
    good = PRINTED[quadrant]
    assert propagated_activation(good) == pytest.approx(activation, abs=6e-4)
    assert propagation_ceiling(good, prevalence=0.5) == pytest.approx(ceiling, abs=5e-4)


@pytest.mark.parametrize(("quadrant", "ceiling"), [("A", 0.889), ("B", 0.802), ("C", 0.667), ("D", 0.844)])
def test_label_noise_from_the_printed_shares_gives_the_check_values(quadrant, ceiling):
    value = label_noise_ceiling(1 - PRINTED[quadrant], 0.0, prevalence=0.5)
    assert value == pytest.approx(ceiling, abs=5e-4)


@pytest.mark.parametrize("quadrant", GOOD)
def test_ceilings_from_exact_shares_equal_exact_arithmetic(quadrant):
    good, half = Fraction(GOOD[quadrant], 30), Fraction(1, 2)

    def exact(off_topic):
        kept = half * (1 - off_topic)
        return max(2 * kept / (half + kept), 2 * half / (1 + half))

    noise = label_noise_ceiling(float(1 - good), 0.0, prevalence=0.5)
    propagation = propagation_ceiling(float(good), prevalence=0.5)
    assert noise == pytest.approx(float(exact(1 - good)))
    assert propagation == pytest.approx(float(exact((1 - good) / 4)))


@pytest.mark.parametrize(
    ("off_topic", "on_topic", "prevalence", "closed_form"),
    [
        (0.05, 0.0, 0.5, 0.9744),
        (0.20, 0.0, 0.5, 0.8889),
        (0.33, 0.0, 0.5, 0.8024),
        (0.10, 0.15, 0.3, None),
        (0.57, 0.0, 0.5, 0.6667),
    ],
)
def test_label_noise_closed_form_agrees_with_simulation(off_topic, on_topic, prevalence, closed_form):
    value = label_noise_ceiling(off_topic, on_topic, prevalence=prevalence)
    simulated = simulated_ceiling(np.random.default_rng(11), off_topic, on_topic, prevalence)
    assert value == pytest.approx(simulated, abs=0.003)
    assert closed_form is None or value == pytest.approx(closed_form, abs=5e-5)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.01, 0.99))
def test_label_noise_ceiling_lies_between_the_floor_and_one(off_topic, on_topic, prevalence):
    value = label_noise_ceiling(off_topic, on_topic, prevalence=prevalence)
    assert 2 * prevalence / (1 + prevalence) - 1e-12 <= value <= 1 + 1e-12
    array = label_noise_ceiling(np.array([off_topic]), np.array([on_topic]), prevalence=prevalence)
    assert array[0] == value


def test_balanced_accuracy_ceiling_agrees_with_simulation():
    rng = np.random.default_rng(0)
    kept = (rng.random(200_000) >= 0.3).mean(), (rng.random(200_000) >= 0.1).mean()
    assert balanced_accuracy_ceiling(0.3, 0.1) == pytest.approx(np.mean(kept), abs=0.003)


@pytest.mark.parametrize(("gap", "target"), [(1.23, 0.70), (2.0, 0.80), (3.5, 0.95), (-1.0, 0.70)])
def test_gap_linear_rule_clamps(gap, target):
    assert gap_linear_target(gap) == pytest.approx(target)


def study_ceilings(**changes):
    counts = {
        "positive": RatingHistogram((8, 4, 6, 7, 5)),
        "negative": RatingHistogram((22, 5, 2, 1, 0)),
        "good_positive": 24,
        "n_positive": 30,
        "seed": 1,
    }
    return ceilings_from_counts(**(counts | changes))


def test_every_model_is_there_in_order_with_its_inputs_and_interval():
    ceilings = study_ceilings()
    assert list(ceilings) == ["published", "propagation", "label_noise", "gap_linear", "empirical"]
    assert ceilings.pop("empirical").estimate.reason == "no learning curve has been measured; run: lensgap curve"
    for name, ceiling in ceilings.items():
        assert ceiling.name == name
        assert ceiling.formula
        assert ceiling.reference_labels
        assert ceiling.estimate.low <= ceiling.estimate.value <= ceiling.estimate.high
        assert ceiling.floor == pytest.approx(2 / 3)
        assert ceiling.prevalence == 0.5
    assert ceilings["label_noise"].inputs == {
        "k": 2.0,
        "off_topic_positive": pytest.approx(12 / 30),
        "on_topic_negative": pytest.approx(3 / 30),
    }
    assert ceilings["published"].inputs["good"] == 0.8


def test_the_cut_k_moves_label_noise_alone():
    two, three = study_ceilings(k=2), study_ceilings(k=3)
    assert three["label_noise"].inputs["off_topic_positive"] == pytest.approx(18 / 30)
    for name in ("published", "propagation", "gap_linear"):
        assert two[name] == three[name]


def test_the_same_seed_gives_the_same_ceilings():
    assert study_ceilings() == study_ceilings()
    assert study_ceilings() != study_ceilings(seed=2)


def test_without_an_arm_what_needs_it_is_unknown_and_the_rest_is_known():
    ceilings = study_ceilings(negative=RatingHistogram.empty())
    assert ceilings["published"].estimate.value is not None
    for name in ("propagation", "label_noise", "gap_linear"):
        assert ceilings[name].estimate.value is None
        assert ceilings[name].estimate.reason
    assert ceilings["published"].prevalence is None
    assert ceilings["published"].floor is None
    given_share = study_ceilings(negative=RatingHistogram.empty(), prevalence=0.5)
    assert given_share["propagation"].estimate.value is not None
    assert given_share["label_noise"].estimate.reason == "no rating in the negative arm"
    nothing = study_ceilings(positive=RatingHistogram.empty(), negative=RatingHistogram.empty())
    assert nothing["label_noise"].estimate.reason == "no rating in the positive and the negative arm"


def test_without_forms_only_the_rating_models_are_known():
    ceilings = study_ceilings(good_positive=0, n_positive=0)
    assert [c.estimate.value is not None for c in ceilings.values()] == [False, False, True, True, False]


def test_with_no_data_at_all_every_model_gives_a_reason():
    empty = RatingHistogram.empty()
    ceilings = study_ceilings(positive=empty, negative=empty, good_positive=0, n_positive=0)
    assert all(c.estimate.reason for c in ceilings.values())


@pytest.mark.parametrize(
    "changes",
    [{"good_positive": 31}, {"good_positive": -1}, {"stability": 1.2}, {"prevalence": 0.0}, {"k": 9}],
)
def test_impossible_inputs_are_refused(changes):
    with pytest.raises(ValueError):
        study_ceilings(**changes)


@pytest.mark.parametrize(("n", "off_topic", "on_topic"), [(10, 0.02, 0.02), (30, 0.2, 0.1), (60, 0.04, 0.02)])
def test_label_noise_interval_covers_and_its_lower_bound_seldom_promises_too_much(n, off_topic, on_topic):
    rng = np.random.default_rng(n)
    truth = label_noise_ceiling(off_topic, on_topic, prevalence=0.5)
    too_high, too_low = 0, 0
    for seed in range(400):
        off, on = int(rng.binomial(n, off_topic)), int(rng.binomial(n, on_topic))
        estimate = study_ceilings(
            positive=RatingHistogram((off, 0, 0, 0, n - off)),
            negative=RatingHistogram((n - on, 0, 0, 0, on)),
            n_resamples=300,
            seed=seed,
        )["label_noise"].estimate
        too_high += estimate.low > truth
        too_low += estimate.high < truth
    assert too_high <= 0.05 * 400
    assert too_high + too_low <= 0.10 * 400


def test_ten_perfect_ratings_do_not_promise_a_perfect_lens():
    perfect = study_ceilings(positive=RatingHistogram((0, 0, 0, 0, 10)), negative=RatingHistogram((10, 0, 0, 0, 0)))
    assert perfect["label_noise"].estimate.value == 1.0
    assert perfect["label_noise"].estimate.low < 0.95


@pytest.mark.parametrize(
    ("low", "user", "value", "tier"),
    [
        (0.97, 0.95, 0.95, "asked"),
        (0.95, 0.95, 0.95, "asked"),
        (0.93, 0.95, 0.85, "primary"),
        (0.85 - 1e-12, 0.95, 0.85, "primary"),
        (0.84, 0.95, 0.75, "falloff"),
        (0.70, 0.95, 0.70, "minimum"),
        (0.69, 0.95, None, "none"),
        (0.99, 0.80, 0.80, "asked"),
        (0.78, 0.80, 0.75, "falloff"),
        (0.60, 0.50, 0.50, "asked"),
        (None, 0.95, None, "none"),
    ],
)
def test_target_is_the_highest_tier_that_bound_and_user_allow(low, user, value, tier):
    target = recommended_target(low, user_target=user)
    assert (target.value, target.tier) == (value, tier)
    assert target.reason


@pytest.mark.parametrize(
    ("low", "value", "told"),
    [
        (0.84988, 0.75, "is 0.849"),
        (0.85 - 1e-12, 0.85, "is 0.850"),
        (0.69999, None, "0.699 is below the lowest tier 0.70"),
    ],
)
def test_a_bound_is_told_rounded_down_so_that_it_never_seems_to_reach_a_tier_it_misses(low, value, told):
    target = recommended_target(low)
    assert target.value == value
    assert told in target.reason


@given(st.floats(0, 1), st.floats(0.5, 1))
def test_target_never_exceeds_the_bound_or_the_users_target(low, user):
    value = recommended_target(low, user_target=user).value
    assert value is None or value <= min(low + 1e-9, user)


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_higher_bound_never_lowers_the_target(first, second):
    low, high = sorted((first, second))
    values = [recommended_target(bound).value or 0.0 for bound in (low, high)]
    assert values[0] <= values[1]


@given(st.floats(0, 1), st.floats(0.5, 1), st.floats(0, 1))
def test_a_target_that_nobody_asked_for_exceeds_what_always_answering_yes_reaches(low, user, floor):
    target = recommended_target(low, user_target=user, floor=floor)
    assert target.value is None or target.value > floor or target.tier == "asked"
    assert target.value is None or target.value > floor or "always answering yes" in target.reason


def test_positives_that_are_all_off_topic_support_no_target_however_many_they_are():
    wrong, right = RatingHistogram((40, 0, 0, 0, 0)), RatingHistogram((10, 0, 0, 0, 0))
    ceiling = ceilings_from_counts(positive=wrong, negative=right, good_positive=40, n_positive=40, seed=0)[
        "label_noise"
    ]
    assert ceiling.estimate.value == pytest.approx(ceiling.floor) == pytest.approx(8 / 9)
    assert ceiling.estimate.low is None
    assert "always answering yes" in ceiling.estimate.method
    for low in (ceiling.estimate.low, ceiling.floor):
        target = recommended_target(low, floor=ceiling.floor)
        assert (target.value, target.tier) == (None, "none")
    assert "always answering yes" in target.reason


def test_an_overview_of_twelve_concepts_and_four_quadrants_costs_less_than_150_ms():
    rng = np.random.default_rng(0)

    def arm():
        return RatingHistogram(tuple(int(c) for c in rng.multinomial(10, [0.3, 0.2, 0.2, 0.2, 0.1])))

    concepts = [(arm(), arm()) for _ in range(12)]

    def overview():
        grains = [[c] for c in concepts] + [concepts[i : i + 3] for i in range(0, 12, 3)] + [concepts]
        for grain in grains:
            positive = sum((p for p, _ in grain), RatingHistogram.empty())
            negative = sum((n for _, n in grain), RatingHistogram.empty())
            relevance_gap(positive, negative)
            multinomial_bootstrap_gap(positive, negative, seed=0)
            decompose_gap(positive, negative, positive, negative)
            ceilings_from_counts(positive=positive, negative=negative, good_positive=7, n_positive=10, seed=0)

    overview()
    start = time.process_time()
    overview()
    assert time.process_time() - start < 0.150
