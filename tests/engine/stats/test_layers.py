"""Layers chosen on one half and measured on the other: nothing of the measured half has a say, and luck gains nothing."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from engine.stats.layers import LayerScores, crossed, has_halves, layers_name, sweep_layers

SINGLE = ((0,), (4,), (9,))


def decided(accuracy: dict[tuple[int, ...], float], *, seed: int, n: int = 60, concept: str = "gin") -> LayerScores:
    """Decisions that are right with these probabilities, in two rounds."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2 == 0
    fires = {layers: np.where(rng.random((2, n)) < right, y, ~y) for layers, right in accuracy.items()}
    return LayerScores(concept, y, (np.arange(n) // 2) % 2 == 1, fires)


def test_a_concept_that_one_layer_shows_is_served_by_it_and_one_layer_for_all_loses() -> None:
    served = {f"concept {i}": SINGLE[i % 3] for i in range(9)}
    scores = [
        decided({one: 0.95 if one == layer else 0.55 for one in SINGLE}, seed=i, concept=concept)
        for i, (concept, layer) in enumerate(served.items())
    ]
    sweep = sweep_layers(scores)
    assert sweep is not None
    for one in sweep.concepts:
        assert one.best == (served[one.concept],)
        assert one.is_agreed
        assert one.chosen[0] == served[one.concept]
    assert np.mean([one.f1_own - one.f1_shared for one in sweep.concepts]) > 0.15


@given(st.integers(0, 2**20))
def test_the_half_that_is_measured_has_no_say_in_what_is_measured(seed: int) -> None:
    one = decided(dict.fromkeys(SINGLE, 0.7), seed=seed)
    rng = np.random.default_rng(seed)
    other = {layers: np.where(one.second, rng.random(fires.shape) < 0.5, fires) for layers, fires in one.fires.items()}
    before, after = sweep_layers([one]), sweep_layers([replace(one, fires=other)])
    assert before is not None
    assert after is not None
    assert before.concepts[0].chosen[0] == after.concepts[0].chosen[0]
    assert before.shared[0] == after.shared[0]
    assert (crossed(one, before.shared)[:, one.second] == one.fires[before.shared[0]][:, one.second]).all()
    assert (crossed(one, before.shared)[:, ~one.second] == one.fires[before.shared[1]][:, ~one.second]).all()


def test_choosing_among_equal_layers_gains_nothing_though_the_best_of_them_looks_better() -> None:
    scores = [decided(dict.fromkeys(SINGLE, 0.75), seed=seed, concept=str(seed)) for seed in range(400)]
    sweep = sweep_layers(scores)
    assert sweep is not None
    gains = np.array([one.f1_own - one.f1_shared for one in sweep.concepts])
    assert abs(gains.mean()) < 3 * gains.std() / np.sqrt(len(gains))
    flattered = np.array([max(one.f1[layers] for layers in SINGLE) - one.f1_shared for one in sweep.concepts])
    assert flattered.mean() > 0.02


def test_f1_is_that_of_scikit_learn_averaged_over_rounds() -> None:
    one = decided(dict.fromkeys((*SINGLE, (0, 4, 9)), 0.8), seed=3)
    sweep = sweep_layers([one])
    assert sweep is not None
    for layers, fires in one.fires.items():
        expected = np.mean([f1_score(one.y, row) for row in fires])
        np.testing.assert_allclose(sweep.concepts[0].f1[layers], expected)


def test_joined_layers_are_never_chosen_as_a_single_one() -> None:
    scores = [decided({(0,): 0.6, (4,): 0.7, (0, 4): 1.0}, seed=seed) for seed in range(5)]
    sweep = sweep_layers(scores)
    assert sweep is not None
    for one in sweep.concepts:
        assert {*one.best, *one.chosen, *sweep.shared} <= {(0,), (4,)}
        assert one.f1[0, 4] == 1.0


def test_of_equal_layers_a_concept_takes_the_one_that_serves_all() -> None:
    fair = decided({(0,): 0.5, (4,): 1.0, (9,): 0.5}, seed=1, concept="rum")
    tied = replace(fair, concept="gin", fires=dict.fromkeys(SINGLE, fair.fires[4,]))
    sweep = sweep_layers([tied, fair])
    assert sweep is not None
    assert sweep.concepts[0].best == SINGLE
    assert sweep.concepts[0].chosen == ((4,), (4,))


def test_halves_need_both_arms_and_layers_have_names() -> None:
    one = decided(dict.fromkeys(SINGLE, 0.8), seed=0)
    assert has_halves(one.y, one.second)
    assert not has_halves(one.y, one.y)
    assert sweep_layers([]) is None
    assert (layers_name((3,)), layers_name((3, 6, 9))) == ("layer 3", "layers 3+6+9")
