"""Products of rows with each other, by the library that knows the processor's widest instructions.

numpy's BLAS and torch's know those of some makers alone. oneDNN, which torch brings along, writes its kernels for the processor
at hand; it is asked for what lies on and below the diagonal, block by block, and the rest is its mirror image. It adds up
single precision in single precision, as BLAS does. Double precision, and a torch without oneDNN, go through numpy.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.lenses.interface import AnyFloats

if TYPE_CHECKING:
    from torch import Tensor

_FEWEST_ROWS = 96
"""Fewer are as quick in one piece, and numpy needs no wrapping."""
_BLOCK, _MOST_BLOCKS = 64, 8


def self_products(rows: AnyFloats) -> AnyFloats:
    """Return the products [n, n] of rows [n, d] with each other, in the rows' precision."""
    if rows.dtype != np.float32 or len(rows) < _FEWEST_ROWS or not _has_onednn():
        # A product with its own transpose costs half: BLAS fills one triangle.
        return np.asarray(rows @ rows.T)
    import torch

    X = torch.from_numpy(np.ascontiguousarray(rows))
    n, n_blocks = len(X), min(_MOST_BLOCKS, len(X) // _BLOCK)
    result = torch.empty(n, n)
    edges = np.linspace(0, n, n_blocks + 1).round().astype(int).tolist()
    for start, stop in pairwise(edges):
        result[start:stop, :stop] = _onednn(X[start:stop], X[:stop])
        result[:start, start:stop] = result[start:stop, :start].T
    return np.asarray(result.numpy())


def products_with(left: Tensor, right: Tensor) -> Tensor:
    """Return the products [g, n, o] of fixed rows [g, n, d] with weights [g, o, d], derived by the weights alone."""
    import torch

    single = left.device.type == "cpu" and left.dtype == right.dtype == torch.float32
    if not single or not _has_onednn():
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
            ctx.save_for_backward(left)
            return torch.stack([_onednn(*pair) for pair in zip(left, right, strict=True)])

        @staticmethod
        def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor]:
            (left,) = ctx.saved_tensors
            pairs = zip(gradients[0], left, strict=True)
            return None, torch.stack([_onednn(one.T, rows.T) for one, rows in pairs])

    return Products


def _has_onednn() -> bool:
    import torch

    return bool(torch.backends.mkldnn.is_available()) and hasattr(torch.ops.mkldnn, "_linear_pointwise")  # type: ignore[no-untyped-call]


def _onednn(left: Tensor, right: Tensor) -> Tensor:
    """Return left · rightᵀ. It is the layer that torch's own compiler puts in place of a linear one."""
    import torch

    found: Tensor = torch.ops.mkldnn._linear_pointwise(left, right, None, "none", [], "")
    return found
