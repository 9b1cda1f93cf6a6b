"""Allocation of an audit against scipy's optimiser, and what it promises against simulated audits."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize

from engine.stats.audit import find_audited
from engine.stats.audit_arm import AuditArm, AuditCell
from engine.stats.audit_plan import (
    FLOOR,
    Stratum,
    allocate,
    allocate_for,
    arm_spreads,
    describe_strata,
    expected_half_width,
    expected_ratings,
)

SPREADS = {"positive": 1.5, "negative": 0.6}
STRATUM = st.tuples(st.integers(20, 400), st.floats(0.01, 3.0), st.sampled_from([0.0, 0.05, 0.3, 1.0]))
STRATA = st.lists(st.tuples(STRATUM, STRATUM), min_size=1, max_size=4).map(
    lambda quadrants: [
        Stratum("ABCD"[i], arm, 0, n, variance, "judge", probability)
        for i, both in enumerate(quadrants)
        for arm, (n, variance, probability) in zip(("positive", "negative"), both, strict=True)
    ]
)


def audit_variance(strata, probabilities):
    """Variance of the gap's estimate that the audit adds."""
    n = {arm: sum(s.n for s in strata if s.arm == arm) for arm in SPREADS}
    return sum(s.n * s.variance * (1 / p - 1) / n[s.arm] ** 2 for s, p in zip(strata, probabilities, strict=True))


@given(STRATA, st.floats(0, 1))
def test_probabilities_add_up_to_the_wish_between_floor_and_one_and_never_shrink(strata, share):
    least = sum(s.n * max(s.probability, FLOOR) for s in strata)
    wished = least + share * (sum(s.n for s in strata) - least)
    planned = allocate(strata, wished)
    assert expected_ratings(planned) == pytest.approx(wished, abs=1e-3)
    for before, after in zip(strata, planned, strict=True):
        assert max(before.probability, FLOOR) <= after.probability <= 1
    assert [s.probability for s in allocate(planned, wished)] == [s.probability for s in planned]


def test_no_other_allocation_of_as_many_ratings_has_a_smaller_variance():
    strata = [
        Stratum("A", "positive", 0, 200, 1.4, "judge"),
        Stratum("B", "positive", 0, 60, 0.02, "judge"),
        Stratum("A", "negative", 0, 300, 0.5, "judge"),
        Stratum("B", "negative", 0, 30, 2.5, "judge"),
    ]
    planned = [s.probability for s in allocate(strata, 90)]
    best = optimize.minimize(
        lambda p: 1000 * audit_variance(strata, p),
        x0=[90 / 590] * 4,
        bounds=[(FLOOR, 1)] * 4,
        constraints={"type": "eq", "fun": lambda p: sum(s.n * q for s, q in zip(strata, p, strict=True)) - 90},
        method="SLSQP",
    )
    assert best.success
    assert planned == pytest.approx(best.x, abs=2e-3)
    assert audit_variance(strata, planned) <= audit_variance(strata, best.x) * (1 + 1e-6)
    assert FLOOR in planned


@given(STRATA, st.floats(0.1, 0.9))
def test_fewest_ratings_for_a_half_width_reach_it_and_fewer_do_not(strata, share):
    def width(planned):
        return expected_half_width(planned, spreads=SPREADS, target="samples")

    widest = width(allocate(strata, 0))
    wished = max(share * widest, 1e-3)
    planned = allocate_for(strata, wished, spreads=SPREADS, target="samples")
    assert width(planned) <= wished + 1e-6
    n = expected_ratings(planned)
    if n > expected_ratings(allocate(strata, 0)) + 0.5:
        assert width(allocate(strata, n - 0.5)) > wished


def test_a_half_width_that_the_samples_themselves_forbid_is_told_with_the_least_one():
    strata = [Stratum("A", arm, 0, 50, 1.0, "judge") for arm in ("positive", "negative")]
    least = expected_half_width(allocate(strata, 100), spreads=SPREADS, target="future")
    reason = allocate_for(strata, least / 2, spreads=SPREADS, target="future")
    assert isinstance(reason, str)
    assert f"± {least:.2f}" in reason
    assert not isinstance(allocate_for(strata, least * 1.01, spreads=SPREADS, target="future"), str)
    assert allocate_for(strata[:1], 0.2, spreads=SPREADS, target="samples") == "the negative arm has no pair"


def test_an_arm_with_pairs_that_cannot_be_drawn_has_no_expected_half_width():
    strata = [Stratum("A", "positive", 0, 9, 1.0, "judge", 0.5), Stratum("A", "negative", 0, 9, 1.0, "judge")]
    assert expected_half_width(strata, spreads=SPREADS, target="samples") is None


def test_the_expected_half_width_is_what_simulated_audits_have():
    rng = np.random.default_rng(5)
    n, probability, deviation = 400, 0.2, {"positive": 1.1, "negative": 0.7}
    strata = [Stratum("A", arm, 0, n, sd**2, "judge", probability) for arm, sd in deviation.items()]
    expected = expected_half_width(strata, spreads=SPREADS, target="samples")
    widths = []
    for _ in range(200):
        arms = []
        for sd in deviation.values():
            human = np.clip(3 + sd * rng.standard_normal(n), 1, 5)
            human += (3 - human.mean()) + (human - human.mean()) * (sd / human.std() - 1)
            drawn = np.clip(human[rng.random(n) < probability], 1, 5)
            cells = tuple(AuditCell(3.0, float(y), probability) for y in drawn)
            arms.append(AuditArm(n_rest=n, n_scored=n, judge_total=3.0 * n, audited=cells))
        gap = find_audited(*arms).gap["samples"]
        widths.append((gap.high - gap.low) / 2)
    assert np.mean(widths) == pytest.approx(expected, rel=0.05)


def judged(n, ratings, **others):
    """An arm that the judge rated so in turn."""
    judge = [ratings[i % len(ratings)] for i in range(n)]
    totals = {"judge_total": float(sum(judge)), "judge_squares": float(sum(f * f for f in judge))}
    return AuditArm(n_rest=n, n_scored=n, **totals, **others)


def test_before_the_audit_strata_are_as_uncertain_as_the_judges_ratings_vary():
    arms = {
        ("A", "positive"): judged(100, [1, 5]),
        ("B", "positive"): judged(100, [3]),
        ("A", "negative"): judged(100, [1]),
        ("none", "negative"): AuditArm(n_rest=10),
    }
    strata = {(s.quadrant, s.arm): s for s in describe_strata(arms, probabilities={("B", "positive"): 0.4})}
    assert all(s.learnt_from == "judge" for s in strata.values())
    # All of a stratum alike: no certainty. Nothing scored: as if all ratings were as likely.
    assert strata["A", "positive"].variance == pytest.approx((400 + 5 * 2) / 105)
    assert strata["B", "positive"].variance == strata["A", "negative"].variance == pytest.approx(10 / 105)
    assert strata["none", "negative"].variance == 2.0
    assert [s.probability for s in strata.values()] == [0, 0.4, 0, 0]
    assert arm_spreads(arms)["positive"] == pytest.approx((400 + 5 * 2) / 205)


def test_once_pairs_are_audited_strata_where_people_disagree_with_the_judge_get_more():
    agreed = tuple(AuditCell(f, f, 0.3, 5) for f in (1, 2, 4, 5))
    disagreed = tuple(AuditCell(f, 6 - f, 0.3, 5) for f in (1, 2, 4, 5))
    arms = {
        ("A", "positive"): judged(60, [1, 2, 4, 5], audited=agreed * 3),
        ("B", "positive"): judged(60, [1, 2, 4, 5], audited=disagreed),
        ("A", "negative"): judged(60, [1, 2]),
    }
    one, other, negative = describe_strata(arms)
    assert (one.learnt_from, other.learnt_from, negative.learnt_from) == ("audit", "audit", "judge")
    assert other.variance > 3 * one.variance > 0
    planned = allocate([one, other, negative], 60)
    assert planned[1].probability > planned[0].probability
    assert math.isclose(expected_ratings(planned), 60, abs_tol=1e-3)
