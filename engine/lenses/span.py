"""Ridge's algebra in the span of the samples, for a batch of parts of one size.

E are the rows less their arm's mean, δ is the difference of the arms' means, A = EᵀE + λI. All that a fit or a left-out
group needs are EEᵀ, Eδ and δᵀδ, which are K = XXᵀ with the arms' means taken from its rows and columns. A weighted row
enters E times the root of its weight, and the means by its weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.lenses import leaveout
from engine.lenses.factors import small_factors
from engine.lenses.folds import IntArray
from engine.lenses.gram import (
    arm_shares,
    centred_grams,
    over_raw_rows,
    products_less_arm_means,
    row_weights,
    signs,
    stack,
)
from engine.lenses.interface import AnyFloats, FloatArray, Part

if TYPE_CHECKING:
    from torch import Tensor

_WORST_FOR_SINGLE = 1e4
"""Condition beyond which an inverse in single precision has too few digits for margins and weights."""
_ROUNDING = 1e-6
"""Of what is taken apart: less than this is left of it by rounding alone."""


@dataclass(frozen=True, slots=True, eq=False)
class Span:
    """A batch of parts of one size in their own coordinates."""

    middles: list[AnyFloats]
    """What products are taken about, of each part [d]."""
    sign: Tensor
    weight: Tensor
    share: Tensor
    inner: Tensor
    """EEᵀ [m, n, n], in the precision of the activations."""
    cross: Tensor
    """Eδ [m, n]."""
    delta: Tensor
    """δᵀδ [m]."""
    between: Tensor
    """Products [m, n] of the rows with the point midway between the arms' means, all about the part's middle."""
    length: Tensor
    """Mean squared length of a row about the mean [m]; 1 where all rows are equal."""


def make_span(parts: Sequence[Part], device: str) -> Span:
    """Take parts of one size to their own coordinates."""
    import torch

    products, middles = centred_grams(parts)
    K = torch.from_numpy(products).to(device)
    sign = signs(parts, device)
    weight = stack([row_weights(part) for part in parts], device)
    root, share = weight.sqrt(), arm_shares(sign, weight)
    inner, to_means, of_means = products_less_arm_means(K, sign, share)
    if any(part.weight is not None for part in parts):
        inner = (root[:, :, None] * inner * root[:, None, :]).to(inner)
    return Span(
        middles=middles,
        sign=sign,
        weight=weight,
        share=share,
        inner=inner,
        cross=root * (to_means[..., 1] - to_means[..., 0]),
        delta=((of_means[..., 1] - of_means[..., 0]) * share * sign).sum(1),
        between=of_means.sum(2) / 2.0,
        length=_mean_length(K, sign, weight, of_means),
    )


def _mean_length(K: Tensor, sign: Tensor, weight: Tensor, of_means: Tensor) -> Tensor:
    """Return rows' mean squared length about their mean [m] from products about another point; 1 where all rows are equal.

    Products with the mean are those with the arms' means [m, n, 2], by the arms' weights.
    """
    import torch

    each = weight / weight.sum(1, keepdim=True)
    of_positive = (each * (sign > 0)).sum(1, keepdim=True)
    of_mean = of_means[..., 0] + of_positive * (of_means[..., 1] - of_means[..., 0])
    about = (each * K.diagonal(dim1=1, dim2=2)).sum(1)
    length = about - (of_mean * each).sum(1)
    return torch.where(length > _ROUNDING * about, length, torch.ones_like(length))


def solve(span: Span, strength: float) -> tuple[Tensor, Tensor]:
    """Return coefficients [m, n] over the rows of A⁻¹δ, and the factor [m] that makes it ridge's weight on ±1."""
    import torch

    penalty = strength * span.length[:, None]
    factor = _factor(span, penalty[:, 0])
    solved = torch.cholesky_solve(span.cross[..., None].to(factor), factor)[..., 0].double()
    within = over_raw_rows(span.weight.sqrt() * solved, span.sign, span.share)
    coefficients = (span.share * span.sign - within) / penalty
    q = (span.delta - (span.cross * solved).sum(1)) / penalty[:, 0]
    n_positive = (span.weight * (span.sign > 0)).sum(1)
    return coefficients, _ridge_factor(q, n_positive, span.weight.sum(1) - n_positive)


def _ridge_factor(q: Tensor, n_positive: Tensor, n_negative: Tensor) -> Tensor:
    """Return 2m / (1 + mq), m = n₊n₋/n: least squares' weight is that much of A⁻¹δ, q = δᵀA⁻¹δ."""
    m = n_positive * n_negative / (n_positive + n_negative)
    return 2.0 * m / (1.0 + m * q)


def left_out(span: Span, groups: Sequence[IntArray], strengths: Sequence[float]) -> list[FloatArray]:
    """Return each part's leave-one-group-out margins [strengths, n]."""
    import torch

    left = leaveout.lay_out(groups, span.sign, span.weight)
    found = []
    for strength in strengths:
        blocks = _blocks(span, left, strength * span.length)
        margin, q = leaveout.margins(blocks, left)
        margin = margin * _ridge_factor(q, left.n_left[..., 1], left.n_left[..., 0])[..., None]
        found.append(leaveout.scatter_back(margin, left, span.sign.shape[1]))
    return list(torch.stack(found, dim=1).cpu().numpy())


def _blocks(span: Span, left: leaveout.LeftOut, penalty: Tensor) -> leaveout.Blocks:
    """With P = (EEᵀ + λI)⁻¹: G_EE = I − λP, G_Eδ = P·Eδ, G_δδ = (δᵀδ − (Eδ)ᵀP(Eδ)) / λ."""
    import torch

    P = torch.cholesky_inverse(_factor(span, penalty)).double()
    along = (span.cross[:, None, :] @ P)[:, 0]
    part = torch.arange(len(P), device=P.device)[:, None, None]
    inner = P[part[..., None], left.rows[..., :, None], left.rows[..., None, :]]
    identity = torch.eye(left.rows.shape[2], dtype=P.dtype, device=P.device)
    return leaveout.Blocks(
        inner=identity - penalty[:, None, None, None] * inner,
        cross=along[part, left.rows],
        delta=(span.delta - (span.cross * along).sum(1)) / penalty,
    )


def _factor(span: Span, penalty: Tensor) -> Tensor:
    """Return the lower factors of EEᵀ + λI, in single precision where activations are and the condition allows it."""
    import torch

    single = span.inner.dtype == torch.float32
    # The norm of a matrix is at least its largest eigenvalue, so this bounds the condition.
    if single and bool((torch.linalg.norm(span.inner, dim=(1, 2)) < _WORST_FOR_SINGLE * penalty).all()):
        system = span.inner.clone()
    else:
        system = span.inner.to(torch.float64, copy=True)
    system.diagonal(dim1=1, dim2=2).add_(penalty[:, None])
    return small_factors(system)
