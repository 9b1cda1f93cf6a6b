"""Rows of a part seen from their own span: Gram matrices, taken about the mean so that float32 products lose nothing.

Residuals share a mean many times as long as their differences; products of raw float32 rows would spend their digits on
it. Products are made and kept in the activations' own precision; sums over them are float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.lenses.interface import AnyFloats, FloatArray, Part
from engine.lenses.products import self_products

if TYPE_CHECKING:
    from torch import Tensor


_ROWS_OF_MIDDLE = 16


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """A part's rows about their mean: `centred` [n, d] in the precision of the activations, `mean` [d]."""

    centred: AnyFloats
    mean: FloatArray


def centre(X: AnyFloats, weight: FloatArray | None = None) -> Rows:
    """Take the mean off the rows, weighted or not; half precision becomes single."""
    values = X.astype(precision(X)) if X.dtype == np.float16 else X
    mean = values.mean(axis=0, dtype=np.float64) if weight is None else np.average(values, axis=0, weights=weight)
    return Rows(values - mean.astype(values.dtype), mean.astype(values.dtype).astype(np.float64))


def precision(X: AnyFloats) -> np.dtype[np.floating]:
    """Return the precision that products of these rows run in: their own, single for half."""
    return np.dtype(np.float32) if X.dtype == np.float16 else X.dtype


def middle_of(X: AnyFloats) -> AnyFloats:
    """Return a point [d] among the rows for products to be taken about: the mean of a few, which saves reading all."""
    return np.asarray(X[:: -(-len(X) // _ROWS_OF_MIDDLE)].mean(axis=0, dtype=precision(X)))


def centred_grams(parts: Sequence[Part]) -> tuple[AnyFloats, list[AnyFloats]]:
    """Return the products [m, n, n] of each part's rows with each other about a middle [d] that is returned too.

    They are in double precision where any part's rows are. Rows less their middle are written to one buffer, for memory that
    is new to each part costs as much as the products.
    """
    n, buffer = len(parts[0].y), np.empty(parts[0].X.shape, precision(parts[0].X))
    K, middles = np.empty((len(parts), n, n), np.result_type(*map(precision, (part.X for part in parts)))), []
    for own, part in zip(K, parts, strict=True):
        middles.append(middle_of(part.X))
        np.subtract(part.X, middles[-1], out=buffer)
        self_products(buffer, into=own)
    return K, middles


def over_rows(part: Part, middle: AnyFloats, coefficients: FloatArray) -> AnyFloats:
    """Return the sum [d] of the part's rows about its middle, times coefficients [n] that add up to 0 but for rounding.

    What rounding leaves of their sum would be multiplied by all that rows have in common, so it is taken off.
    """
    rounded = coefficients.astype(middle.dtype)
    left = rounded.sum(dtype=np.float64).astype(middle.dtype)
    return np.asarray(rounded @ part.X - left * middle)


def gram(rows: AnyFloats) -> FloatArray:
    """Return the products [n, n] of rows [n, d] with each other."""
    return np.asarray(self_products(rows), dtype=np.float64)


def stack(arrays: Sequence[FloatArray], device: str) -> Tensor:
    """Stack equal shapes into one float64 tensor on the device."""
    import torch

    return torch.from_numpy(np.stack(arrays)).to(device)


def signs(parts: Sequence[Part], device: str) -> Tensor:
    """Return ±1 of every row's arm [m, n] for parts of one size."""
    return stack([np.where(part.y == 1, 1.0, -1.0) for part in parts], device)


def row_weights(part: Part) -> FloatArray:
    """Return the weight of every row [n], 1 where the part has none; ValueError for one that is not above 0."""
    if part.weight is None:
        return np.ones(len(part.y))
    if not (part.weight > 0).all():
        raise ValueError("weights of rows are above 0")
    return part.weight


def arm_shares(sign: Tensor, weight: Tensor) -> Tensor:
    """Return each row's share of its arm's mean [m, n]: its weight among those of the arm."""
    import torch

    positive = (weight * (sign > 0)).sum(1, keepdim=True)
    negative = (weight * (sign < 0)).sum(1, keepdim=True)
    return torch.where(sign > 0, weight / positive, weight / negative)


def products_less_arm_means(K: Tensor, sign: Tensor, share: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return products of rows less their arm's mean with each other [m, n, n] and with both means [m, n, 2]; K's with these.

    With A telling which arm is whose and S the rows' shares in its mean, H = KS, V = H − ASᵀH and U = (H + V) / 2, the first
    are (I − ASᵀ)K(I − SAᵀ) = K − UAᵀ − AUᵀ, which reads K once, in K's precision; what means are in is double.
    """
    import torch

    arms = _arms(sign)
    shares = arms * share[..., None]
    # K is symmetric, and the long side first is three times as slow.
    of_means = (shares.transpose(1, 2).contiguous() @ K.double()).transpose(1, 2)
    less = of_means - arms @ (shares.transpose(1, 2) @ of_means)
    half = (of_means + less) / 2.0
    left, right = torch.cat([half, arms], dim=-1).to(K), torch.cat([arms, half], dim=-1).to(K)
    return torch.baddbmm(K, left, right.transpose(1, 2), alpha=-1.0), less, of_means


def over_raw_rows(coefficients: Tensor, sign: Tensor, share: Tensor) -> Tensor:
    """Return coefficients [m, n] over rows less their arm's mean as coefficients over the rows themselves."""
    arms = _arms(sign)
    return coefficients - share * (arms @ (arms.transpose(1, 2) @ coefficients[..., None]))[..., 0]


def _arms(sign: Tensor) -> Tensor:
    import torch

    return torch.stack([sign < 0, sign > 0], dim=-1).to(sign.dtype)
