"""Three-layer lenses fitted as stacks in single precision say out of fold what the plain reference says, one by one in double."""

import numpy as np
import pytest

from engine.lenses import products
from engine.lenses.crossval import Rows, out_of_fold
from engine.lenses.gram_mlp import GramMlp
from tests.support.lens_parts import planted_part

N, D, N_CONCEPTS = 50, 128, 2


def planted(noise: float, seed: int) -> Rows:
    """A concept in 5 folds, of which a share of the arms is wrong."""
    part = planted_part(N, D, 6.0, seed=seed, dtype=np.float32)
    rng = np.random.default_rng([seed, 2])
    wrong = rng.permutation(N) < round(noise * N)
    X = part.X
    return Rows(
        y=np.where(wrong, 1 - part.y, part.y),
        groups=np.arange(N),
        fold=rng.permutation(N) % 5,
        keys=np.arange(N) + seed * N,
        features=lambda _: X,
    )


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.25])
def test_stacks_in_single_precision_say_out_of_fold_what_the_plain_reference_says(
    noise: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    concepts = [planted(noise, seed) for seed in range(N_CONCEPTS)]
    quick = out_of_fold(GramMlp(), concepts, seed=0)
    monkeypatch.setattr(products, "has_onednn", lambda: False)
    plain = [out_of_fold(GramMlp(precision="float64", together=1), [one], seed=0)[0] for one in concepts]
    for one, other in zip(quick, plain, strict=True):
        # Weights may differ by per cent, in directions that no row has; what is said of rows does not.
        np.testing.assert_allclose(one.scores.probability, other.scores.probability, rtol=0, atol=5e-3)
        close = np.abs(other.scores.probability - 0.5) < 5e-3
        np.testing.assert_array_equal(one.scores.fires[~close], other.scores.fires[~close])
        assert close.sum() <= 1
