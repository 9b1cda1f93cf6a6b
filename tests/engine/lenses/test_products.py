"""Products and solves in single precision against the same in double precision."""

import numpy as np
import pytest
import torch

from engine.lenses import products
from engine.lenses.factors import large_factor, small_factors, solve_lower
from engine.lenses.interface import Part
from engine.lenses.lda import Lda
from engine.lenses.pool import ShrunkScatter, build_pool
from engine.lenses.products import products_with, self_products, weighted_sums
from tests.support.lens_parts import planted_part


@pytest.mark.parametrize("onednn", [True, False])
@pytest.mark.parametrize(("n", "d"), [(1, 5), (95, 30), (96, 1), (131, 40), (200, 512), (700, 9)])
def test_products_in_single_precision_are_those_in_double_precision_and_symmetric(n, d, onednn, monkeypatch):
    if not onednn:
        monkeypatch.setattr(products, "has_onednn", lambda: False)
    rows = np.random.default_rng(n).normal(size=(n, d)).astype(np.float32)
    found, exact = self_products(rows), rows.astype(np.float64) @ rows.T.astype(np.float64)
    assert found.dtype == np.float32
    assert (found == found.T).all()
    np.testing.assert_allclose(found, exact, rtol=0, atol=3e-6 * np.abs(exact).max())
    np.testing.assert_array_equal(self_products(rows, into=np.empty((n, n))), found)


@pytest.mark.parametrize("onednn", [True, False])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_weighted_sums_of_rows_are_those_in_double_precision(dtype, onednn, monkeypatch):
    if not onednn:
        monkeypatch.setattr(products, "has_onednn", lambda: False)
    rng = np.random.default_rng(0)
    rows, coefficients = rng.normal(size=(30, 70)).astype(dtype), rng.normal(size=(9, 30))
    found = weighted_sums(coefficients, rows)
    assert found.dtype == (np.float64 if dtype is np.float64 else np.float32)
    np.testing.assert_allclose(found, coefficients @ rows.astype(np.float64), rtol=0, atol=1e-4)


def test_products_of_columns_are_those_of_a_copy_in_rows():
    rows = np.random.default_rng(0).normal(size=(150, 200)).astype(np.float32)
    np.testing.assert_array_equal(self_products(rows.T), self_products(np.ascontiguousarray(rows.T)))


def test_products_in_double_precision_lose_no_digit():
    rows = np.random.default_rng(0).normal(size=(120, 50)) + 1000.0
    np.testing.assert_array_equal(self_products(rows), rows @ rows.T)


@pytest.mark.parametrize("n", [7, 100], ids=["few rows", "many"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_products_with_weights_and_their_gradients_are_those_of_plain_products(dtype, n):
    rows, given = torch.randn(3, n, 40, dtype=dtype, requires_grad=True), torch.randn(3, n, 5, dtype=dtype)
    weight = torch.randn(3, 5, 40, dtype=dtype, requires_grad=True)
    found = products_with(rows, weight)
    found.backward(given)
    torch.testing.assert_close(found, rows @ weight.transpose(1, 2), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(weight.grad, given.transpose(1, 2) @ rows, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(rows.grad, given @ weight, rtol=1e-4, atol=1e-5)


def wide(dtype: type, *, width: float, n: int) -> list[Part]:
    """Concepts that vary along one direction many times as widely as elsewhere, as residual streams do."""
    along = np.random.default_rng(1).normal(size=60)
    made = [planted_part(n, 60, 2.0, seed=seed) for seed in range(6)]
    drawn = np.random.default_rng(2).normal(size=(6, n, 1)) * width
    return [
        Part((part.X + more * along).astype(dtype), part.y, part.groups, 0)
        for part, more in zip(made, drawn, strict=True)
    ]


@pytest.mark.parametrize("n", [30, 1100])
@pytest.mark.parametrize("onednn", [True, False])
def test_factors_and_solves_are_those_of_torch_in_double_precision(n, onednn, monkeypatch):
    if not onednn:
        monkeypatch.setattr(products, "has_onednn", lambda: False)
    rows = torch.randn(2 * n, n, generator=torch.Generator().manual_seed(0))
    system, right = (rows.T @ rows / n).double(), rows[:7].T
    exact = torch.linalg.cholesky(system)
    found = large_factor(system.float())
    torch.testing.assert_close(found.double(), exact, rtol=0, atol=2e-5)
    solved = torch.linalg.solve_triangular(exact, right.double(), upper=False)
    torch.testing.assert_close(solve_lower(found, right).double(), solved, rtol=0, atol=2e-4)
    torch.testing.assert_close(small_factors(system[None])[0], exact, rtol=0, atol=1e-10)


@pytest.mark.parametrize("n", [8, 40], ids=["fewer rows than features", "more"])
def test_discriminants_of_single_precision_are_those_of_double_precision(n):
    family = Lda(shrinkages=(0.01,), slope=1.0)
    lenses = [family.fit_many(wide(dtype, width=10.0, n=n)) for dtype in (np.float32, np.float64)]
    for one, other in zip(*lenses, strict=True):
        single, double = (lens.state()["linear.weight"][0] for lens in (one, other))
        assert np.linalg.norm(single - double) < 1e-3 * np.linalg.norm(double)


def test_margins_of_left_out_rows_in_single_precision_are_those_in_double_precision():
    family = Lda(shrinkages=(0.1,), slope=1.0)
    found = [family.leave_one_group_out(wide(dtype, width=3.0, n=40)) for dtype in (np.float32, np.float64)]
    for single, double in zip(*found, strict=True):
        np.testing.assert_allclose(single, double, rtol=0, atol=1e-3 * np.abs(double).max())


def test_a_scatter_too_wide_for_single_precision_is_solved_in_double_precision():
    pool = build_pool(wide(np.float32, width=1e3, n=40))
    shrunk = ShrunkScatter(pool, 1e-4, device="cpu")
    directions = torch.from_numpy(np.random.default_rng(0).normal(size=(3, 60)))
    system = pool.products + shrunk.kappa * np.eye(60)
    oracle = np.linalg.solve(system, directions.numpy().T).T
    np.testing.assert_allclose(shrunk.solve(directions).numpy(), oracle, rtol=0, atol=1e-6 * np.abs(oracle).max())
