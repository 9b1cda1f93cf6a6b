"""Products of rows with each other, by the library that knows the processor's widest instructions.

numpy's BLAS and torch's know those of some makers alone. oneDNN, which torch brings along, writes its kernels for the processor
at hand; it is asked for what lies on and below the diagonal, some columns at a time, and the rest is its mirror image. It
lays out anew what stands on the right of a product, so the few rows of those columns stand there. It adds up single
precision in single precision, as BLAS does. Double precision, and a torch without oneDNN, go through numpy.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.lenses.interface import AnyFloats

if TYPE_CHECKING:
    from torch import Tensor

_FEWEST_ROWS = 96
"""Fewer are as quick in one piece, and numpy needs no wrapping."""
_BLOCK = 48
"""Columns at a time: a multiple of what the kernels take in one step."""
_MOST_BLOCKS = 16


def self_products(rows: AnyFloats, into: AnyFloats | None = None) -> AnyFloats:
    """Return the products [n, n] of rows [n, d] with each other, in the rows' precision; or write them into an array."""
    result = np.empty((len(rows), len(rows)), rows.dtype) if into is None else into
    if rows.dtype != np.float32 or len(rows) < _FEWEST_ROWS or not has_onednn():
        # A product with its own transpose costs half: BLAS fills one triangle.
        result[:] = rows @ rows.T
    else:
        _fill(result, rows)
    return result


def _fill(result: AnyFloats, rows: AnyFloats) -> None:
    import torch

    X, K = torch.from_numpy(rows).contiguous(), torch.from_numpy(result)
    size = max(_BLOCK, len(X) // _MOST_BLOCKS)
    for start in range(0, len(X), size):
        stop = start + size
        K[start:, start:stop] = product(X[start:], X[start:stop])
        K[start:stop, stop:] = K[stop:, start:stop].T


def weighted_sums(coefficients: AnyFloats, rows: AnyFloats) -> AnyFloats:
    """Return sums [k, d] of rows [n, d] times coefficients [k, n], in the rows' precision, single for half."""
    precision = np.dtype(np.float32) if rows.dtype == np.float16 else rows.dtype
    left, right = coefficients.astype(precision), rows.astype(precision, copy=False)
    if precision != np.float32 or not has_onednn():
        return np.asarray(left @ right)
    import torch

    return np.asarray(product(torch.from_numpy(left), torch.from_numpy(right).T).numpy())


def products_with(left: Tensor, right: Tensor) -> Tensor:
    """Return the products [g, n, o] of rows [g, n, d] with weights [g, o, d], derived by whichever needs it."""
    import torch

    single = left.device.type == "cpu" and left.dtype == right.dtype == torch.float32
    if not single or left.shape[1] < _FEWEST_ROWS or not has_onednn():
        return left @ right.transpose(1, 2)
    found: Tensor = _derivable().apply(left, right)
    return found


@cache
def _derivable() -> type[Any]:
    """oneDNN's product with a derivative; made when torch is there."""
    import torch

    class Products(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, left: Tensor, right: Tensor) -> Tensor:
            ctx.save_for_backward(left, right)
            return _each(left, right)

        @staticmethod
        def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
            (left, right), (given,) = ctx.saved_tensors, gradients
            of_left = _each(given, right.transpose(1, 2)) if ctx.needs_input_grad[0] else None
            # Turned over, what oneDNN lays out anew is the gradient, the smaller of the two.
            of_right = _each(left.transpose(1, 2), given.transpose(1, 2)) if ctx.needs_input_grad[1] else None
            return of_left, None if of_right is None else of_right.transpose(1, 2)

    return Products


def _each(left: Tensor, right: Tensor) -> Tensor:
    """Return left · rightᵀ of each pair in two stacks."""
    import torch

    return torch.stack([product(*pair) for pair in zip(left, right, strict=True)])


def has_onednn() -> bool:
    """Whether torch brought oneDNN along."""
    import torch

    return bool(torch.backends.mkldnn.is_available()) and hasattr(torch.ops.mkldnn, "_linear_pointwise")  # type: ignore[no-untyped-call]


def runs_onednn(values: Tensor) -> bool:
    """Whether oneDNN takes products of these."""
    import torch

    return values.device.type == "cpu" and values.dtype == torch.float32 and has_onednn()


def product(left: Tensor, right: Tensor) -> Tensor:
    """Return left · rightᵀ by oneDNN. It is the layer that torch's own compiler puts in place of a linear one."""
    import torch

    found: Tensor = torch.ops.mkldnn._linear_pointwise(left, right, None, "none", [], "")
    return found
