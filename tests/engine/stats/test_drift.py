"""Drift: its slope against least squares, its interval against statsmodels' like by hand, its errors by simulation."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

from engine.stats.claims import LEVEL
from engine.stats.drift import FEWEST_A_WEEK, FEWEST_CONCEPTS, FEWEST_PAIRS, Observation, cut_into_batches, find_trends

START = datetime(2026, 3, 2, tzinfo=UTC)


def simulated(rng, *, n_concepts=12, n_pairs=8, drift=0.0, noise=0.7, by_concept=False, weights=(1.0, 3.0)):
    """Audited pairs whose judge's bias moves by `drift` from first to last."""
    found = []
    for concept in range(n_concepts):
        level = rng.normal(0, 0.3)
        for i in range(n_pairs):
            place = (concept + rng.random() / 9) / n_concepts if by_concept else rng.random()
            person = rng.integers(1, 6)
            judge = person + level + drift * place + noise * rng.normal()
            arm = "positive" if i % 2 else "negative"
            found.append(
                Observation(f"c{concept}", arm, place, float(judge), float(person), float(rng.choice(weights)))
            )
    return found


def least_squares(observations, quantity):
    """Weighted least squares with an intercept an arm, solved as a whole."""
    ranks = rankdata([one.place for one in observations]) - 1
    places = (ranks - ranks.min()) / np.ptp(ranks)
    return solve(observations, places, quantity)


def solve(observations, places, quantity):
    arms = sorted({one.arm for one in observations})
    values = np.array([one.judge - one.person for one in observations])
    columns = np.column_stack([places, *([one.arm == arm for one in observations] for arm in arms)]).astype(float)
    root = np.sqrt([one.weight for one in observations])
    target = np.abs(values) if quantity == "distance" else values
    return np.linalg.lstsq(columns * root[:, None], target * root, rcond=None)[0][0]


@pytest.mark.parametrize("seed", range(5))
def test_the_change_is_the_slope_of_least_squares_within_arms(seed):
    observations = simulated(np.random.default_rng(seed), drift=0.5)
    for trend in find_trends(observations):
        assert trend.change.value == pytest.approx(least_squares(observations, trend.quantity))
        assert trend.change.low < trend.change.value < trend.change.high


def test_the_interval_is_that_of_leaving_concepts_out_one_by_one():
    observations = simulated(np.random.default_rng(1), n_concepts=9)
    ranks = rankdata([one.place for one in observations]) - 1
    places = ranks / ranks.max()
    left = []
    for concept in sorted({one.concept for one in observations}):
        kept = [i for i, one in enumerate(observations) if one.concept != concept]
        left.append(solve([observations[i] for i in kept], places[kept], "bias"))
    error = np.sqrt(8 / 9 * np.sum((np.array(left) - np.mean(left)) ** 2))
    bias, _ = find_trends(observations)
    # Student's t with 8 degrees of freedom.
    assert bias.change.high - bias.change.value == pytest.approx(2.306004 * error, rel=1e-5)


def test_planted_drift_is_found_and_told():
    rng = np.random.default_rng(2)
    bias, distance = find_trends(simulated(rng, n_concepts=20, drift=1.5))
    assert bias.p_adjusted <= LEVEL
    assert bias.change.low > 1.0
    assert bias.sentence.startswith("Bias drifts: +1.")
    assert bias.sentence.endswith("from first to last, p under 0.001.")
    assert distance.p_adjusted <= LEVEL
    turned = [
        Observation(o.concept, o.arm, o.place, o.judge - 3 * o.place, o.person) for o in simulated(rng, drift=1.5)
    ]
    assert find_trends(turned)[0].sentence.startswith("Bias drifts: −1.")


@pytest.mark.parametrize("by_concept", [False, True])
def test_without_drift_one_is_told_of_about_as_often_as_allowed(by_concept):
    rng = np.random.default_rng(3)
    n = 150
    told = sum(
        any(trend.p_adjusted <= LEVEL for trend in find_trends(simulated(rng, n_pairs=4, by_concept=by_concept)))
        for _ in range(n)
    )
    # 16 of 150 is beyond the .999 quantile of 5 %.
    assert told <= 15


def test_arms_that_follow_each_other_are_no_drift():
    rng = np.random.default_rng(4)
    kinder = {"positive": 1.0, "negative": 0.0}
    observations = [
        Observation(o.concept, o.arm, kinder[o.arm] + o.place, o.judge + kinder[o.arm], o.person)
        for o in simulated(rng, n_concepts=20)
    ]
    bias, _ = find_trends(observations)
    assert bias.p_adjusted > LEVEL
    assert bias.sentence.startswith("Bias shows no drift beyond chance")


@pytest.mark.parametrize(
    ("n_concepts", "n_pairs", "reason"),
    [
        (0, 0, "too few"),
        (FEWEST_CONCEPTS - 1, 8, "too few"),
        (FEWEST_CONCEPTS, FEWEST_PAIRS // FEWEST_CONCEPTS - 1, "too few"),
    ],
)
def test_nothing_is_told_of_too_few(n_concepts, n_pairs, reason):
    for trend in find_trends(simulated(np.random.default_rng(0), n_concepts=n_concepts, n_pairs=n_pairs)):
        assert trend.p is trend.p_adjusted is trend.change.value is None
        assert reason in trend.change.reason
        assert reason in trend.sentence


def test_one_time_one_early_concept_and_perfect_agreement_have_reasons():
    some = simulated(np.random.default_rng(0), weights=(1.0,))
    at_once = [Observation(o.concept, o.arm, 1.0, o.judge, o.person) for o in some]
    assert find_trends(at_once)[0].change.reason == "all have the same time"
    one_early = [Observation(o.concept, o.arm, float(o.concept != "c3"), o.judge, o.person) for o in some]
    assert "one concept is left out" in find_trends(one_early)[0].change.reason
    perfect = [Observation(o.concept, o.arm, o.place, o.person, o.person) for o in some]
    assert "the role of chance cannot be" in find_trends(perfect)[0].change.reason


def at(times):
    return [Observation(f"c{i}", "positive", time.timestamp(), 3.0, 3.0) for i, time in enumerate(times)]


def test_weeks_are_shown_where_three_have_enough_pairs_and_equal_parts_else():
    weekly = at([START + timedelta(weeks=i % 3, days=i % 5) for i in range(3 * FEWEST_A_WEEK)])
    assert [batch.label for batch in cut_into_batches(weekly)] == ["2026-W10", "2026-W11", "2026-W12"]
    hourly = at([START + timedelta(minutes=i) for i in range(45)])
    parts = cut_into_batches(hourly)
    assert [batch.label for batch in parts] == [f"part {i}/4" for i in (1, 2, 3, 4)]
    assert [len(batch.observations) for batch in parts] == [11, 11, 12, 11]
    assert cut_into_batches(at([START] * 50)) == []
    assert cut_into_batches(hourly[: 2 * FEWEST_A_WEEK - 1]) == []


@settings(max_examples=25)
@given(st.lists(st.integers(0, 60 * 24 * 40), max_size=80))
def test_batches_hold_every_pair_once_in_time(minutes):
    observations = at([START + timedelta(minutes=minute) for minute in minutes])
    batches = cut_into_batches(observations)
    if batches:
        places = [one.place for batch in batches for one in batch.observations]
        assert places == sorted(one.place for one in observations)
        assert len({batch.label for batch in batches}) == len(batches) > 1
