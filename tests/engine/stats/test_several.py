"""Several sides against the first of them: pairs by concept, scipy's adjustment over all rows, honest limits."""

import numpy as np
import pytest
from scipy.stats import false_discovery_control, ttest_rel, wilcoxon

from engine.stats.several import changes_from_base, compare_measure

RNG = np.random.default_rng(11)
CONCEPTS = [f"c{i}" for i in range(30)]


def side(shift: float) -> dict[str, dict[str, float | None]]:
    gaps = dict(zip(CONCEPTS, (BASE_GAPS + shift + RNG.normal(0, 0.2, 30)).tolist(), strict=True))
    return {"gap": gaps, "good": dict(zip(CONCEPTS, RNG.random(30).tolist(), strict=True))}


BASE_GAPS = RNG.random(30)
BASE = side(0.0)
OTHERS = {"more": side(0.5), "like": side(0.0), "else": side(0.1)}


def test_each_row_is_a_paired_test_and_p_are_adjusted_over_all_rows() -> None:
    found = changes_from_base(BASE, OTHERS)
    assert [(one.side, one.measure) for one in found] == [(s, m) for s in OTHERS for m in ("gap", "good")]
    raw = []
    for one in found:
        before, after = (np.array(list(v[one.measure].values()), float) for v in (BASE, OTHERS[one.side]))
        assert one.paired.difference.value == pytest.approx((after - before).mean())
        interval = ttest_rel(after, before).confidence_interval(0.95)
        assert (one.paired.difference.low, one.paired.difference.high) == pytest.approx(interval)
        raw.append(wilcoxon(after - before).pvalue)
    assert [one.p for one in found] == pytest.approx(false_discovery_control(raw))
    assert found[0].p is not None
    assert found[0].p < 0.001


def test_only_concepts_and_measures_that_both_sides_have_count() -> None:
    other = {"gap": {"c0": 1.0, "c1": None, "unheard of": 3.0}, "f1": {"c0": 0.5}}
    (found,) = changes_from_base(BASE, {"other": other})
    assert (found.measure, found.paired.n, found.paired.n_missing) == ("gap", 1, 1)


def test_no_interval_goes_beyond_what_a_measure_can_be() -> None:
    pairs = [(0.0, 1.0), (0.1, 0.9), (1.0, 0.0)]
    found = compare_measure("f1", pairs)
    assert (found.before.low, found.after.high) == (0.0, 1.0)
    assert found.difference.low == -1.0
