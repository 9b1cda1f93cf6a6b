"""What large inputs may not cost: memory that grows with the concepts, or digits that rows have in common."""

from collections.abc import Sequence
from itertools import groupby

import numpy as np
import pytest

from engine.config import StudyConfig
from engine.lens_groups import POOL_PAIRS, CapturedPairs, lens_groups
from engine.lenses import crossval
from engine.lenses.evaluate import evaluate_pack
from engine.lenses.interface import Part, StateLens
from engine.lenses.lda import Lda
from engine.lenses.logistic import Logistic
from engine.lenses.pairs import PairSet
from engine.lenses.ridge import Ridge
from tests.support.lens_parts import planted_part


class Counted:
    """Ridge at one strength, which notes how many parts it is given at a time."""

    name, chooses_threshold, width = "ridge", False, 1

    def __init__(self) -> None:
        self.given: list[int] = []

    def fit(self, X, y, *, groups, seed) -> StateLens:
        return self.fit_many([Part(X, y, groups, seed)])[0]

    def fit_many(self, parts: Sequence[Part]) -> list[StateLens]:
        self.given.append(len(parts))
        return Ridge(strengths=(1.0,), slope=1.0).fit_many(parts)


def planted_set(seed: int) -> PairSet:
    part = planted_part(24, 30, 3.0, seed=seed)
    return PairSet(
        f"concept {seed:03d}", part.y, list(map(str, part.groups)), [f"{seed} {i}" for i in range(24)], lambda: part.X
    )


def test_rows_of_few_concepts_are_held_at_a_time_and_the_result_is_that_of_all_at_once(monkeypatch):
    sets = [planted_set(seed) for seed in range(37)]
    results, most = [], []
    for budget in (1, 2**30):
        monkeypatch.setattr(crossval, "_ROWS_TOGETHER", budget)
        family = Counted()
        results.append(evaluate_pack(family, sets, seed=0))
        most.append(max(family.given))
    assert most == [crossval._FEWEST_TOGETHER, 37]
    for few, whole in zip(*results, strict=True):
        np.testing.assert_allclose(few.rounds[0].probability, whole.rounds[0].probability, rtol=0, atol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_single_precision_loses_little_beside_a_mean_a_thousand_times_the_spread(weighted):
    rng = np.random.default_rng(0)
    part = planted_part(60, 300, 3.0)
    X = (part.X + 1000.0 * rng.normal(size=300)).astype(np.float32)
    weight = rng.uniform(0.5, 2.0, 60) if weighted else None
    single, double = (
        Ridge(strengths=(0.3,), slope=1.0).fit_many([Part(values, part.y, part.groups, 0, weight=weight)])[0]
        for values in (X, X.astype(np.float64))
    )
    probability = [lens.predict_probability(X.astype(np.float64)) for lens in (single, double)]
    np.testing.assert_allclose(*probability, rtol=0, atol=1e-3)


@pytest.mark.parametrize("family", [Ridge(), Logistic()], ids=["ridge", "logistic"])
def test_rows_that_are_one_constant_give_no_evidence_whatever_the_constant_rounds_to(family):
    X, y = np.full((20, 8), 0.1, dtype=np.float32), np.arange(20) % 2
    probability = family.fit_many([Part(X, y, np.arange(20), 0)])[0].predict_probability(X)
    np.testing.assert_allclose(probability, 0.5, atol=1e-6)


@pytest.mark.parametrize("n_concepts", [1, 999, 1001, 5000])
def test_no_pool_has_more_pairs_than_teach_what_concepts_share(n_concepts):
    pairs = [CapturedPairs(f"concept {i:04d}", (3,), 40, str(i)) for i in range(n_concepts)]
    groups = list(lens_groups("run", StudyConfig(), {"ridge": Ridge()}, pairs, width=8, concepts=None))
    assert sorted(concept for group in groups for concept in group.pool) == [one.concept for one in pairs]
    sizes = [40 * len(group.pool) for group in groups]
    assert max(sizes) <= POOL_PAIRS
    assert min(sizes) > POOL_PAIRS / 2 - 40 or n_concepts < 1000


def test_all_layers_and_families_of_a_pool_come_after_another():
    pairs = [CapturedPairs(f"concept {i:04d}", (layer,), 40, str(i)) for layer in (3, 5) for i in range(2500)]
    families = {"ridge": Ridge(), "lda": Lda()}
    groups = list(lens_groups("run", StudyConfig(), families, pairs, width=8, concepts=None))
    seen = [[(group.family, group.layers) for group in same] for _, same in groupby(groups, key=lambda one: one.pool)]
    assert seen == 3 * [[(family, (layer,)) for layer in (3, 5) for family in families]]
