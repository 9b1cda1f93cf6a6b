"""What goes with F1: planted relations are found, none is claimed where there is none, and unknown values count nowhere."""

import re

import numpy as np
import pytest
from scipy import stats as scipy_stats

from engine.stats.predictors import correlate_predictors


def planted(n: int, *, seed: int = 0) -> tuple[dict[str, list[float | None]], list[float | None]]:
    """F1 follows the gap, siblings follow F1 only through the gap, and senses follow nothing."""
    rng = np.random.default_rng(seed)
    gap = rng.normal(1.2, 0.5, size=n)
    f1 = 0.7 + 0.1 * (gap - 1.2) + rng.normal(0.0, 0.02, size=n)
    siblings, senses = gap + rng.normal(0.0, 0.3, size=n), rng.normal(size=n)
    return {"gap": gap.tolist(), "siblings": siblings.tolist(), "senses": senses.tolist()}, f1.tolist()


def test_a_planted_predictor_is_told_and_others_are_not_claimed() -> None:
    predictors, f1 = planted(200)
    gap, siblings, senses = correlate_predictors(predictors, f1, n_pairs=[20] * 200, seed=0)
    assert gap.spearman.low is not None
    assert gap.spearman.low > 0.8
    assert "F1 is higher where gap is higher." in gap.says
    assert siblings.spearman.value is not None
    assert siblings.spearman.value > 0.5
    assert siblings.given_others.low is not None
    assert siblings.given_others.high is not None
    assert siblings.given_others.low < 0.0 < siblings.given_others.high
    assert "weak relation" in senses.says
    assert siblings.others == ("gap", "senses")
    assert "does not vary" in str(gap.given_n_pairs.reason)


def test_twelve_concepts_are_too_few_to_tell() -> None:
    rng = np.random.default_rng(1)
    [found] = correlate_predictors(
        {"gap": rng.normal(size=12).tolist()}, rng.normal(size=12).tolist(), n_pairs=[9] * 12, seed=0
    )
    number = r"−?0\.\d\d"
    told = rf"Over 12 concepts, ρ of gap with F1 = {number} \[{number}, {number}\]: too few concepts to tell\."
    assert re.fullmatch(told, found.says)
    assert "no other predictor" in str(found.given_others.reason)


def test_p_is_scipys_and_adjusted_over_the_predictors_that_have_one() -> None:
    predictors, f1 = planted(15, seed=2)
    predictors["constant"] = [3.0] * 15
    found = correlate_predictors(predictors, f1, n_pairs=[20] * 15, seed=0)
    expected = [
        float(scipy_stats.spearmanr(np.array(predictors[name], float), np.array(f1, float)).pvalue)
        for name in ("gap", "siblings", "senses")
    ]
    assert [one.p for one in found[:3]] == pytest.approx(expected)
    assert [one.p_adjusted for one in found[:3]] == pytest.approx(scipy_stats.false_discovery_control(expected))
    assert found[3].p is None
    assert "one of the two does not vary" in found[3].says


def test_one_of_many_that_stands_out_is_said_to_be_no_find() -> None:
    rng = np.random.default_rng(8)
    f1 = rng.normal(size=14)
    predictors = {"lucky": (f1 + rng.normal(0.0, 2.0, size=14)).tolist()} | {
        f"noise {i}": rng.normal(size=14).tolist() for i in range(9)
    }
    lucky = correlate_predictors(predictors, f1.tolist(), n_pairs=[9] * 14, seed=0)[0]
    assert lucky.p is not None
    assert lucky.p_adjusted is not None
    assert lucky.p < 0.05 < lucky.p_adjusted
    assert "by chance" in lucky.says


def test_unknown_values_count_nowhere() -> None:
    predictors, f1 = planted(30)
    whole = correlate_predictors({"gap": predictors["gap"][:20]}, f1[:20], n_pairs=[1] * 20, seed=0)[0]
    gap = [*predictors["gap"][:20], *[None] * 5, *predictors["gap"][25:]]
    holed = correlate_predictors({"gap": gap}, [*f1[:25], *[None] * 5], n_pairs=[1] * 30, seed=0)[0]
    assert holed == whole


def test_a_predictor_that_is_known_for_few_is_not_held_constant() -> None:
    predictors, f1 = planted(30)
    predictors["topics"] = [1.0, 2.0, 3.0, 4.0, *[None] * 26]
    gap, *_, topics = correlate_predictors(predictors, f1, n_pairs=list(range(30)), seed=0)
    assert gap.others == ("siblings", "senses")
    assert gap.given_others.n == 30
    assert topics.spearman.n == 4
    assert gap.given_n_pairs.value is not None


def test_lengths_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="2 F1"):
        correlate_predictors({"gap": [1.0]}, [0.5, 0.6], n_pairs=[1, 2], seed=0)
