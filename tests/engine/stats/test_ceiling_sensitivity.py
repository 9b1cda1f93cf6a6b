"""Sweeps of ceilings agree with the ceilings themselves wherever both speak of the same."""

from itertools import pairwise

import pytest

from engine.stats.ceiling import ceilings_from_counts
from engine.stats.ceiling_sensitivity import (
    CUTS,
    Sweep,
    label_noise_by_cut,
    label_noise_by_prevalence,
    propagation_by_stability,
)
from engine.stats.histogram import RatingHistogram

POSITIVE, NEGATIVE = RatingHistogram((8, 4, 6, 7, 5)), RatingHistogram((22, 5, 2, 1, 0))


def ceilings(**changes):
    counts = {"positive": POSITIVE, "negative": NEGATIVE, "good_positive": 24, "n_positive": 30, "seed": 1}
    return ceilings_from_counts(**(counts | changes))


def is_sound(sweep: Sweep) -> bool:
    ends = zip(sweep.floor, sweep.low, sweep.value, sweep.high, strict=True)
    return all(floor - 1e-12 <= low <= value <= high <= 1 for floor, low, value, high in ends)


def test_stability_moves_propagation_as_the_ceiling_itself_says_up_to_a_perfect_lens():
    sweep = propagation_by_stability(24, 30, prevalence=0.5)
    assert is_sound(sweep)
    for s in (0.0, 0.25, 0.75, 1.0):
        there = sweep.x.index(s)
        estimate = ceilings(stability=s)["propagation"].estimate
        assert sweep.value[there] == pytest.approx(estimate.value)
        assert (sweep.low[there], sweep.high[there]) == pytest.approx((estimate.low, estimate.high), abs=0.02)
    assert all(first <= second for first, second in pairwise(sweep.value))
    assert sweep.value[-1] == 1.0


def test_the_cut_moves_label_noise_as_the_ceiling_itself_says():
    sweep = label_noise_by_cut(POSITIVE, NEGATIVE)
    assert is_sound(sweep)
    assert sweep.x == CUTS
    for there, k in enumerate(CUTS):
        estimate = ceilings(k=k)["label_noise"].estimate
        assert sweep.value[there] == pytest.approx(estimate.value)
        assert sweep.low[there] == pytest.approx(estimate.low or sweep.floor[there], abs=0.02)


def test_prevalence_moves_label_noise_and_its_floor():
    sweep = label_noise_by_prevalence(POSITIVE, NEGATIVE)
    assert is_sound(sweep)
    for share in (0.1, 0.5, 0.9):
        there = sweep.x.index(share)
        ceiling = ceilings(prevalence=share)["label_noise"]
        assert sweep.value[there] == pytest.approx(ceiling.estimate.value)
        assert sweep.floor[there] == pytest.approx(ceiling.floor)


def test_without_draws_there_are_values_alone():
    for sweep in (
        propagation_by_stability(24, 30, prevalence=0.5, n_resamples=0),
        label_noise_by_cut(POSITIVE, NEGATIVE, n_resamples=0),
        label_noise_by_prevalence(POSITIVE, NEGATIVE, n_resamples=0),
    ):
        assert sweep.low == sweep.high == ()
        assert len(sweep.value) == len(sweep.x)


def test_without_what_a_model_needs_there_is_no_sweep():
    assert propagation_by_stability(0, 0, prevalence=0.5) is None
    assert label_noise_by_cut(POSITIVE, RatingHistogram.empty()) is None
    assert label_noise_by_prevalence(RatingHistogram.empty(), NEGATIVE) is None
