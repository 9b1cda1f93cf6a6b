"""Rows of a part seen from their own span: Gram matrices, taken about the mean so that float32 products lose nothing.

Residuals share a mean many times as long as their differences; products of raw float32 rows would spend their digits on
it. Products run in the activations' own precision over slices of features and are added up in float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.lenses.interface import AnyFloats, FloatArray, Part

if TYPE_CHECKING:
    from torch import Tensor

_SLICE = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """A part's rows about their mean: `centred` [n, d] in the precision of the activations, `mean` [d]."""

    centred: AnyFloats
    mean: FloatArray


def centre(X: AnyFloats, weight: FloatArray | None = None) -> Rows:
    """Take the mean off the rows, weighted or not; half precision becomes single."""
    values = X.astype(np.float32) if X.dtype == np.float16 else X
    mean = values.mean(axis=0, dtype=np.float64) if weight is None else np.average(values, axis=0, weights=weight)
    return Rows(values - mean.astype(values.dtype), mean.astype(values.dtype).astype(np.float64))


def gram(rows: AnyFloats) -> FloatArray:
    """Return the products [n, n] of rows [n, d] with each other."""
    K = np.zeros((len(rows), len(rows)))
    for start in range(0, rows.shape[1], _SLICE):
        # A product with its own transpose costs half: BLAS fills one triangle.
        part = rows[:, start : start + _SLICE]
        K += part @ part.T
    return K


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


def less_arm_means(K: Tensor, sign: Tensor, share: Tensor) -> Tensor:
    """Return K [m, n, k] with the mean over its arm's rows taken from every row."""
    arms = _arms(sign)
    return K - arms @ ((arms * share[..., None]).transpose(1, 2) @ K)


def over_raw_rows(coefficients: Tensor, sign: Tensor, share: Tensor) -> Tensor:
    """Return coefficients [m, n] over rows less their arm's mean as coefficients over the rows themselves."""
    arms = _arms(sign)
    return coefficients - share * (arms @ (arms.transpose(1, 2) @ coefficients[..., None]))[..., 0]


def _arms(sign: Tensor) -> Tensor:
    import torch

    return torch.stack([sign < 0, sign > 0], dim=-1).to(sign.dtype)


def linear_lens(rows: Rows, coefficients: FloatArray, share: FloatArray, factor: float) -> tuple[FloatArray, float]:
    """Return weight [d] and bias of factor · (Σ coefficients · row)·(x − mid), mid the middle between the arms' means."""
    weight = (factor * coefficients).astype(rows.centred.dtype) @ rows.centred
    middle = (0.5 * share).astype(rows.centred.dtype) @ rows.centred
    wide = weight.astype(np.float64)
    return wide, -float(wide @ (middle.astype(np.float64) + rows.mean))
