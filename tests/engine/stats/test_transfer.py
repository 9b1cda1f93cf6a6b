"""Transfer of lenses between phases: scikit-learn's AUC, a bootstrap of groups, and coverage of the mean over concepts."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from engine.stats.estimate import known
from engine.stats.transfer import OUTPUTS, Transfer, TransferScores, mean_transfer, of_outputs, transfer_of_concept


def scores(n: int, *, shift: float, seed: int, share_good: float = 0.7) -> TransferScores:
    """Held-out scores whose arms lie so far apart within, and half as far after transfer; five samples a group."""
    rng = np.random.default_rng(seed)
    arms = np.arange(n) % 2 == 0
    return TransferScores(
        concept="gin",
        arms=arms,
        within=rng.normal(size=n) + shift * arms,
        transfer=rng.normal(size=n) + 0.5 * shift * arms,
        control_arms=rng.permutation(arms),
        control=rng.normal(size=n),
        groups=np.arange(n) // 5,
        is_good=rng.random(n) < share_good,
    )


@pytest.mark.parametrize("outputs", OUTPUTS)
def test_aucs_are_scikit_learns(outputs: str) -> None:
    one = scores(80, shift=1.0, seed=1)
    kept = of_outputs(one.is_good, outputs)  # type: ignore[arg-type]
    found = transfer_of_concept(one, outputs)  # type: ignore[arg-type]
    within, transfer = (roc_auc_score(one.arms[kept], side[kept]) for side in (one.within, one.transfer))
    assert found.within.value == pytest.approx(within)
    assert found.transfer.value == pytest.approx(transfer)
    assert found.shuffled.value == pytest.approx(roc_auc_score(one.control_arms[kept], one.control[kept]))
    assert found.ratio.value == pytest.approx(transfer / within)
    assert found.ratio.n == found.within.n == int(kept.sum())


def test_parts_are_all_outputs() -> None:
    good = scores(50, shift=1.0, seed=2).is_good
    parts = [of_outputs(good, outputs) for outputs in OUTPUTS]
    assert parts[0].all()
    assert (parts[1] ^ parts[2]).all()


def test_interval_of_the_ratio_is_about_that_of_resampled_groups() -> None:
    one = scores(300, shift=1.2, seed=3)
    rng = np.random.default_rng(0)
    draws = []
    for _ in range(300):
        rows = (rng.integers(0, 60, size=60)[:, None] * 5 + np.arange(5)).ravel()
        within, transfer = (roc_auc_score(one.arms[rows], side[rows]) for side in (one.within, one.transfer))
        draws.append(transfer / within)
    low, high = np.quantile(draws, [0.025, 0.975])
    ratio = transfer_of_concept(one).ratio
    assert (ratio.low, ratio.high) == pytest.approx((low, high), abs=0.04)


@pytest.mark.parametrize("n_concepts", [3, 12])
def test_mean_ratio_covers_over_concepts(n_concepts: int) -> None:
    """Concepts differ in both AUCs; 95 % of 1,000 draws is known to .7 %."""
    rng = np.random.default_rng(n_concepts)
    within = np.clip(rng.normal(0.85, 0.06, size=(1000, n_concepts)), 0.5, 1.0)
    transfer = np.clip(within - rng.normal(0.12, 0.05, size=within.shape), 0.3, 1.0)
    truth = transfer.mean() / within.mean()
    covered = 0
    for w, t in zip(within, transfer, strict=True):
        ratio = mean_transfer([of_values(a, b) for a, b in zip(w, t, strict=True)]).ratio
        assert ratio.low is not None
        assert ratio.high is not None
        covered += ratio.low <= truth <= ratio.high
    assert 0.93 <= covered / 1000 <= 0.97


def of_values(within: float, transfer: float) -> Transfer:
    made = [known(value, 0.0, 9.0, n=20, method="planted") for value in (within, transfer, 0.5, transfer / within)]
    return Transfer(*made)


def test_an_empty_arm_is_unknown_and_counts_in_no_mean() -> None:
    one = scores(40, shift=1.0, seed=4)
    lopsided = replace(one, is_good=~one.arms)
    found = transfer_of_concept(lopsided, "degenerate")
    assert found.ratio.value is None
    assert "both arms" in str(found.ratio.reason)
    both = mean_transfer([found, transfer_of_concept(one)])
    assert both.ratio.n == both.within.n == 1
    assert not both.ratio.has_interval
    assert mean_transfer([found]).ratio.value is None


def test_perfect_lenses_have_a_ratio_without_an_interval() -> None:
    arms = np.arange(20) % 2 == 0
    perfect = TransferScores("gin", arms, arms * 1.0, arms * 2.0, arms, arms * 1.0, np.arange(20) // 2, arms)
    ratio = transfer_of_concept(perfect).ratio
    assert ratio.value == pytest.approx(1.0)
    assert not ratio.has_interval


def test_a_ratio_to_nothing_is_unknown() -> None:
    arms = np.arange(20) % 2 == 0
    upside_down = TransferScores("gin", arms, -1.0 * arms, arms * 1.0, arms, arms * 1.0, np.arange(20), arms)
    assert "is 0" in str(transfer_of_concept(upside_down).ratio.reason)
