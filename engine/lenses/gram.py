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


def centre(X: AnyFloats) -> Rows:
    """Take the mean off the rows; half precision becomes single."""
    values = X.astype(np.float32) if X.dtype == np.float16 else X
    mean = values.mean(axis=0, dtype=np.float64)
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


def arm_shares(sign: Tensor) -> Tensor:
    """Return each row's share of its arm's mean [m, n]: 1 / rows of the arm."""
    import torch

    positive = (sign > 0).sum(1, keepdim=True).to(sign.dtype)
    return torch.where(sign > 0, 1.0 / positive, 1.0 / (sign.shape[1] - positive))


def less_arm_means(K: Tensor, sign: Tensor) -> Tensor:
    """Return K [m, n, k] with the mean over its arm's rows taken from every row."""
    import torch

    arms = torch.stack([sign < 0, sign > 0], dim=-1).to(K.dtype)
    means = (arms / arms.sum(1, keepdim=True)).transpose(1, 2) @ K
    return K - arms @ means


def linear_lens(rows: Rows, coefficients: FloatArray, share: FloatArray, factor: float) -> tuple[FloatArray, float]:
    """Return weight [d] and bias of factor · (Σ coefficients · row)·(x − mid), mid the middle between the arms' means."""
    weight = (factor * coefficients).astype(rows.centred.dtype) @ rows.centred
    middle = (0.5 * share).astype(rows.centred.dtype) @ rows.centred
    wide = weight.astype(np.float64)
    return wide, -float(wide @ (middle.astype(np.float64) + rows.mean))
