"""What the simulation of graduation says must follow from how it looks."""

import pytest

from bench.graduation import simulate


@pytest.mark.parametrize("true_f1", [0.75, 0.9])
def test_more_looks_graduate_more_and_lower_bounds_fewer(true_f1: float) -> None:
    found = simulate(true_f1, n_concepts=200, seed=1)
    assert max(found.first, found.last) <= found.any_look
    assert found.any_low <= found.any_look
    assert found.f1_at_graduation is not None
    assert found.f1_at_graduation >= 0.85


def test_with_one_look_the_share_is_that_of_f1_that_reach_the_target() -> None:
    found = simulate(1.0, n_concepts=20, seed=0, steps=(40,))
    assert (found.first, found.last, found.any_look, found.f1_at_graduation) == (1.0, 1.0, 1.0, 1.0)
    assert simulate(0.5, n_concepts=200, seed=0, steps=(200,)).any_look == 0.0
