"""Groups of different concepts: SciPy's Welch test, the claim ledger's contrast, coverage in simulation, reasons."""

import numpy as np
import pytest
from scipy import stats

from engine.stats.claim_evidence import contrast_evidence
from engine.stats.unmatched import compare_groups

GAPS = {"A": [2.7, 2.0, 1.3, None], "B": [3.2, 1.6, 0.7], "C": [1.0, 0.9, 0.9]}
BOUNDS = {"gap": (-4.0, 4.0), "f1": (0.0, 1.0)}


def test_every_two_groups_are_compared_by_welchs_test_and_p_is_adjusted_over_all():
    values = {"gap": GAPS, "f1": {"A": [0.5, 0.7], "B": [0.9, 0.8, 0.95], "C": [0.6, 0.61]}}
    found = compare_groups(values, bounds=BOUNDS)
    assert [(one.measure, one.first, one.second) for one in found] == [
        (measure, *two) for measure in values for two in (("A", "B"), ("A", "C"), ("B", "C"))
    ]
    for one in found:
        first, second = ([v for v in values[one.measure][name] if v is not None] for name in (one.first, one.second))
        test = stats.ttest_ind(second, first, equal_var=False)
        assert one.p == pytest.approx(test.pvalue)
        assert one.difference.value == pytest.approx(np.mean(second) - np.mean(first))
        assert one.difference.n == len(first) + len(second)
        ends = np.clip(test.confidence_interval(0.95), -BOUNDS[one.measure][1] * 2, BOUNDS[one.measure][1] * 2)
        assert -8 <= one.difference.low <= one.difference.high <= 8
        if one.measure == "gap":
            assert (one.difference.low, one.difference.high) == pytest.approx(tuple(ends))
    assert [one.p_adjusted for one in found] == pytest.approx(stats.false_discovery_control([one.p for one in found]))


def test_a_difference_of_quadrants_is_the_claim_ledgers_contrast():
    (found,) = (one for one in compare_groups({"gap": GAPS}, bounds=BOUNDS) if (one.first, one.second) == ("A", "C"))
    groups = {name: [v for v in own if v is not None] for name, own in GAPS.items()}
    claimed = contrast_evidence("gap", groups, {"C": 1.0, "A": -1.0}, side="below").estimate
    assert (found.difference.low, found.difference.high) == pytest.approx((claimed.low, claimed.high))


def test_intervals_hold_the_difference_as_often_as_they_say():
    rng = np.random.default_rng(0)
    held = []
    for _ in range(2000):
        groups = {"few": rng.normal(1.0, 0.5, 5).tolist(), "many": rng.normal(1.6, 1.0, 20).tolist()}
        (one,) = compare_groups({"gap": groups}, bounds=BOUNDS)
        held.append(one.difference.low <= 0.6 <= one.difference.high)
    assert 0.93 <= np.mean(held) <= 0.97


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ([None], [1.0, 2.0], "it is known for no concept of one"),
        ([1.0], [1.0, 2.0], "one has one concept only"),
        ([1.0, 1.0], [2.0, 2.0], "the values do not vary"),
    ],
)
def test_what_cannot_be_told_has_a_reason_and_no_p(first, second, reason):
    (one,) = compare_groups({"gap": {"one": first, "other": second}}, bounds=BOUNDS)
    assert reason in (one.difference.why_no_interval or "")
    assert one.p is one.p_adjusted is None
    assert not one.difference.has_interval
