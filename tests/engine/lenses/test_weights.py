"""Rows that count more than once: a weight is how often the row is there."""

from dataclasses import replace

import numpy as np
import pytest

from engine.lenses.interface import Part, WeighsRows
from engine.lenses.lda import Lda
from engine.lenses.logistic import Logistic
from engine.lenses.registry import FAMILIES
from engine.lenses.ridge import Ridge
from tests.support.lens_parts import planted_part

WEIGHING = [Logistic(strengths=(1.0,)), Ridge(), Lda()]


def names(family: object) -> str:
    return family.name  # type: ignore[attr-defined]


def with_weights(part: Part, seed: int) -> Part:
    weight = np.random.default_rng(seed).integers(1, 4, len(part.y)).astype(np.float64)
    return replace(part, weight=weight)


def repeated(part: Part) -> Part:
    """The rows as often as their weights say, without weights."""
    assert part.weight is not None
    rows = np.repeat(np.arange(len(part.y)), part.weight.astype(int))
    return Part(part.X[rows], part.y[rows], part.groups[rows], part.seed, part.pool)


@pytest.mark.parametrize("d", [8, 60])
@pytest.mark.parametrize("family", WEIGHING, ids=names)
def test_a_weight_is_how_often_a_row_is_there(family: Ridge, d: int) -> None:
    parts = [with_weights(planted_part(36, d, 1.5, seed=seed, group_size=3), seed) for seed in range(3)]
    probe = planted_part(20, d, 1.5, seed=9).X
    weighted, plain = family.fit_many(parts), family.fit_many([repeated(part) for part in parts])
    for ours, oracle in zip(weighted, plain, strict=True):
        np.testing.assert_allclose(
            ours.predict_probability(probe), oracle.predict_probability(probe), rtol=1e-6, atol=1e-9
        )


@pytest.mark.parametrize("family", [Ridge(), Lda(), Lda(pool_rows=40)], ids=["ridge", "lda", "lda-of-a-pool"])
def test_weights_count_where_groups_are_left_out(family: Ridge) -> None:
    parts = [with_weights(planted_part(36, 12, 1.0, seed=seed, group_size=3), seed) for seed in range(3)]
    if isinstance(family, Lda) and family.pool_rows == 40:
        # A bound covariance that never held the rows.
        family = family.tune([repeated(part) for part in parts])  # type: ignore[assignment]
        family = replace(family, shrinkages=(0.1,), slope=1.0)
    ours = family.leave_one_group_out(parts)
    oracle = family.leave_one_group_out([repeated(part) for part in parts])
    for part, logits, plain in zip(parts, ours, oracle, strict=True):
        assert part.weight is not None
        np.testing.assert_allclose(np.repeat(logits, part.weight.astype(int)), plain, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("family", [Logistic(), Ridge(), Lda()], ids=names)
def test_weights_of_one_change_nothing(family: Ridge) -> None:
    parts = [planted_part(40, 20, 1.5, seed=seed, group_size=2) for seed in range(3)]
    ones = [replace(part, weight=np.ones(len(part.y))) for part in parts]
    for ours, plain in zip(family.fit_many(ones), family.fit_many(parts), strict=True):
        np.testing.assert_allclose(
            ours.predict_probability(parts[0].X), plain.predict_probability(parts[0].X), rtol=1e-9, atol=1e-12
        )


def test_a_row_of_great_weight_decides_and_one_of_little_weight_does_not() -> None:
    part = planted_part(40, 10, 3.0, seed=1)
    stray = Part(np.vstack([part.X, part.X[part.y == 1][:1]]), np.append(part.y, 0), np.arange(41), 1)
    for family in (Logistic(strengths=(1.0,)), Ridge(strengths=(0.03,)), Lda(shrinkages=(0.1,))):
        p = [
            family.fit_many([replace(stray, weight=np.append(np.ones(40), w))])[0].predict_probability(stray.X[-1:])[0]
            for w in (1e-3, 1.0, 100.0)
        ]
        assert p[0] > p[1] > p[2]


def test_every_family_weighs_rows_or_refuses_to() -> None:
    part = replace(planted_part(20, 6, 2.0), weight=np.full(20, 2.0))
    for family in FAMILIES.values():
        if isinstance(family, WeighsRows):
            assert np.isfinite(family.fit_many([part])[0].predict_probability(part.X)).all()
        else:
            with pytest.raises(ValueError, match="cannot weigh rows"):
                family.fit_many([part])


def test_a_weight_of_nothing_is_refused() -> None:
    part = replace(planted_part(20, 6, 2.0), weight=np.append(np.ones(19), 0.0))
    for family in (Logistic(), Ridge(), Lda()):
        with pytest.raises(ValueError, match="above 0"):
            family.fit_many([part])
