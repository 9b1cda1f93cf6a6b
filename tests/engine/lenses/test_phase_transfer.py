"""Lenses moved between phases: planted directions, and nothing held out decides what is said of it."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from engine.lenses.pairs import PairSet, Prepared, prepare
from engine.lenses.registry import FAMILIES
from engine.lenses.transfer import TransferHeld, hold_out_transfer

D = 12
N = 80


def planted(*, kept: float, shift: float = 0.0, scale: float = 1.0, seed: int = 0, name: str = "gin") -> Prepared:
    """Prompts with a direction of the concept, of which outputs keep so much, about a mean and at a length of their own."""
    rng = np.random.default_rng(seed)
    y = np.arange(N) % 2
    concept, other = np.linalg.qr(rng.normal(size=(D, 2)))[0].T
    prompt = rng.normal(size=(N, D)) + 4.0 * np.outer(y, concept)
    output = rng.normal(size=(N, D)) + 4.0 * np.outer(y, kept * concept + (1.0 - kept) * other)
    both = np.concatenate([prompt, scale * output + shift], axis=1)
    texts = [f"{name} {i}" for i in range(N)]
    own = PairSet(name, y.astype(np.int64), [f"t{i // 8}" for i in range(N)], texts, lambda: both)
    [found] = prepare([own], n_folds=5, repeats=1, seed=0)
    return found


def aucs(held: TransferHeld) -> tuple[float, float, float]:
    return (
        float(roc_auc_score(held.arms, held.within)),
        float(roc_auc_score(held.arms, held.transfer)),
        float(roc_auc_score(held.control_arms, held.control)),
    )


@pytest.mark.parametrize("family", ["ridge", "lda", "logistic"])
def test_a_direction_that_outputs_keep_is_found_and_one_that_they_lose_is_not(family: str) -> None:
    within, transfer, control = aucs(hold_out_transfer(FAMILIES[family], [planted(kept=1.0)], seed=0)["gin"])
    assert within > 0.95
    assert transfer > 0.95
    assert control == pytest.approx(0.5, abs=0.2)
    within, transfer, _ = aucs(hold_out_transfer(FAMILIES[family], [planted(kept=0.0)], seed=0)["gin"])
    assert within > 0.95
    assert transfer < 0.75


@pytest.mark.parametrize("family", ["ridge", "lda"])
def test_means_and_lengths_of_phases_say_nothing(family: str) -> None:
    near, far = (
        hold_out_transfer(FAMILIES[family], [planted(kept=0.7, shift=shift, scale=scale)], seed=0)["gin"]
        for shift, scale in ((0.0, 1.0), (50.0, 30.0))
    )
    assert far.transfer == pytest.approx(near.transfer, abs=1e-6)
    assert far.within == pytest.approx(near.within, abs=1e-6)
    assert 0.0 < far.transfer.min() < far.transfer.max() < 1.0


@pytest.mark.parametrize("family", ["ridge", "lda"])
def test_what_is_held_out_shapes_no_lens_of_its_own(family: str) -> None:
    """Another output in a held-out row moves that row's scores and, within its fold, no other's."""
    whole = planted(kept=0.5)
    fold = whole.folds[0]
    changed = int(np.flatnonzero(fold == 0)[0])
    both = np.array(whole.read())
    both[whole.order[changed], D:] += 3.0
    before, after = (
        hold_out_transfer(FAMILIES[family], [one], seed=0)["gin"] for one in (whole, replace(whole, read=lambda: both))
    )
    same = np.setdiff1d(np.flatnonzero(fold == 0), [changed])
    for scores in ("within", "transfer"):
        old, new = (getattr(held, scores)[whole.order] for held in (before, after))
        assert new[same] == pytest.approx(old[same])
        assert new[changed] != pytest.approx(old[changed])


def test_arms_of_held_out_rows_shape_no_score_of_theirs() -> None:
    whole = planted(kept=0.5)
    held = whole.folds[0] == 0
    flipped = replace(whole, y=np.where(held, 1 - whole.y, whole.y))
    before, after = (hold_out_transfer(FAMILIES["ridge"], [one], seed=0)["gin"] for one in (whole, flipped))
    rows = whole.order[held]
    assert after.transfer[rows] == pytest.approx(before.transfer[rows])


def test_results_are_in_the_order_of_the_set_and_unmeasurable_concepts_are_missing() -> None:
    sound = planted(kept=1.0)
    [bad] = prepare(
        [PairSet("bad", np.ones(4, np.int64), list("abcd"), list("efgh"), lambda: np.ones((4, 2 * D)))],
        n_folds=5,
        repeats=1,
        seed=0,
    )
    found = hold_out_transfer(FAMILIES["ridge"], [sound, bad], seed=0)
    assert set(found) == {"gin"}
    assert found["gin"].arms.tolist() == (np.arange(N) % 2).tolist()
    assert sorted(found["gin"].control_arms.tolist()) == sorted(found["gin"].arms.tolist())
