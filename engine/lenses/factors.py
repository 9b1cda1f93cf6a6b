"""Cholesky factors and solves by the quickest library for their size.

On a processor LAPACK called matrix by matrix, as scipy offers it, is the quickest for systems of a few hundred, and needs no
copy: at 200 rows in single precision half of torch's time. Large ones in single precision are mostly products of blocks, which
oneDNN does at twice the speed; the triangles on the diagonal are left to torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.lenses.products import product, runs_onednn

if TYPE_CHECKING:
    from torch import Tensor

_BLOCK = 256
_LARGE = 1024
_SMALL = 512


def small_factors(systems: Tensor) -> Tensor:
    """Return the lower factors of positive definite matrices [m, n, n], which it may overwrite."""
    import torch

    if systems.device.type != "cpu" or systems.shape[-1] > _SMALL:
        found: Tensor = torch.linalg.cholesky(systems)
        return found
    from scipy.linalg import LinAlgError, lapack

    arrays = systems.contiguous().numpy()
    factorise = lapack.spotrf if systems.dtype == torch.float32 else lapack.dpotrf
    for own in arrays:
        # LAPACK reads columns: the upper factor of the transpose is the lower factor of rows, written to the same place.
        _, failed = factorise(own.T, lower=False, clean=True, overwrite_a=True)
        if failed:
            raise LinAlgError("a system of rows is not positive definite")
    return torch.from_numpy(arrays)


def large_factor(system: Tensor) -> Tensor:
    """Return the lower factor of a positive definite matrix [n, n], which it may overwrite."""
    import torch

    if len(system) < _LARGE or not runs_onednn(system):
        found: Tensor = torch.linalg.cholesky(system)
        return found
    for start in range(0, len(system), _BLOCK):
        stop = start + _BLOCK
        corner = torch.linalg.cholesky(system[start:stop, start:stop])
        system[start:stop, start:stop] = corner
        below = torch.linalg.solve_triangular(corner, system[stop:, start:stop].T, upper=False).T.contiguous()
        system[stop:, start:stop] = below
        for at in range(0, len(below), _BLOCK):
            rest = system[stop + at :, stop + at : stop + at + _BLOCK]
            rest -= product(below[at:], below[at : at + _BLOCK])
    return system.tril_()


def solve_lower(factor: Tensor, right: Tensor) -> Tensor:
    """Return L⁻¹ of columns [n, k] for a lower factor L [n, n]."""
    import torch

    if len(factor) < _LARGE or not runs_onednn(factor):
        found: Tensor = torch.linalg.solve_triangular(factor, right, upper=False)
        return found
    solved = right.clone()
    for start in range(0, len(factor), _BLOCK):
        stop = start + _BLOCK
        corner = factor[start:stop, start:stop]
        solved[start:stop] = torch.linalg.solve_triangular(corner, solved[start:stop], upper=False)
        if stop < len(factor):
            solved[stop:] -= product(factor[stop:, start:stop].contiguous(), solved[start:stop].T)
    return solved
