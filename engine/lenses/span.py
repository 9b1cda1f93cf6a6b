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
from engine.lenses.gram import (
    Rows,
    arm_shares,
    centre,
    gram,
    less_arm_means,
    over_raw_rows,
    row_weights,
    signs,
    stack,
)
from engine.lenses.interface import FloatArray, Part

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Span:
    """A batch of parts of one size in their own coordinates."""

    rows: list[Rows]
    sign: Tensor
    weight: Tensor
    share: Tensor
    inner: Tensor
    """EEᵀ [m, n, n]."""
    cross: Tensor
    """Eδ [m, n]."""
    delta: Tensor
    """δᵀδ [m]."""
    length: Tensor
    """Mean squared length of a row about the mean [m]; 1 where all rows are equal."""


def make_span(parts: Sequence[Part], device: str) -> Span:
    """Take parts of one size to their own coordinates."""
    import torch

    rows = [centre(part.X, part.weight) for part in parts]
    K = stack([gram(one.centred) for one in rows], device)
    sign = signs(parts, device)
    weight = stack([row_weights(part) for part in parts], device)
    root, share = weight.sqrt(), arm_shares(sign, weight)
    length = (weight * K.diagonal(dim1=1, dim2=2)).sum(1) / weight.sum(1)
    half = less_arm_means(K, sign, share)
    to_delta = (K @ (share * sign)[..., None])[..., 0]
    return Span(
        rows=rows,
        sign=sign,
        weight=weight,
        share=share,
        inner=root[:, :, None] * less_arm_means(half.transpose(1, 2), sign, share) * root[:, None, :],
        cross=root * less_arm_means(to_delta[..., None], sign, share)[..., 0],
        delta=(to_delta * share * sign).sum(1),
        length=torch.where(length > 0, length, torch.ones_like(length)),
    )


def solve(span: Span, strength: float) -> tuple[Tensor, Tensor]:
    """Return coefficients [m, n] over the rows of A⁻¹δ, and the factor [m] that makes it ridge's weight on ±1."""
    import torch

    penalty = strength * span.length[:, None]
    system = span.inner + torch.diag_embed(penalty.expand_as(span.cross))
    solved = torch.cholesky_solve(span.cross[..., None], torch.linalg.cholesky(system))
    within = over_raw_rows(span.weight.sqrt() * solved[..., 0], span.sign, span.share)
    coefficients = (span.share * span.sign - within) / penalty
    q = (span.delta - (span.cross * solved[..., 0]).sum(1)) / penalty[:, 0]
    n_positive = (span.weight * (span.sign > 0)).sum(1)
    return coefficients, _ridge_factor(q, n_positive, span.weight.sum(1) - n_positive)


def _ridge_factor(q: Tensor, n_positive: Tensor, n_negative: Tensor) -> Tensor:
    """Return 2m / (1 + mq), m = n₊n₋/n: least squares' weight is that much of A⁻¹δ, q = δᵀA⁻¹δ."""
    m = n_positive * n_negative / (n_positive + n_negative)
    return 2.0 * m / (1.0 + m * q)


def left_out(parts: Sequence[Part], strengths: Sequence[float], device: str) -> list[FloatArray]:
    """Return each part's leave-one-group-out margins [strengths, n]."""
    import torch

    span = make_span(parts, device)
    left = leaveout.lay_out([part.groups for part in parts], span.sign, span.weight)
    values, vectors = torch.linalg.eigh(span.inner)
    along = (vectors.transpose(1, 2) @ span.cross[..., None])[..., 0]
    n = span.sign.shape[1]
    of_rows = vectors.gather(1, left.rows.flatten(1)[..., None].expand(-1, -1, n)).view(*left.rows.shape, n)
    found = []
    for strength in strengths:
        penalty = strength * span.length
        inverse = 1.0 / (values.clamp(min=0.0) + penalty[:, None])
        blocks = _blocks(of_rows, inverse, along, span.delta, penalty)
        margin, q = leaveout.margins(blocks, left)
        margin = margin * _ridge_factor(q, left.n_left[..., 1], left.n_left[..., 0])[..., None]
        found.append(leaveout.scatter_back(margin, left, n))
    return list(torch.stack(found, dim=1).cpu().numpy())


def _blocks(of_rows: Tensor, inverse: Tensor, along: Tensor, delta: Tensor, penalty: Tensor) -> leaveout.Blocks:
    """With P = (EEᵀ + λI)⁻¹: G_EE = I − λP, G_Eδ = P·Eδ, G_δδ = (δᵀδ − (Eδ)ᵀP(Eδ)) / λ."""
    import torch

    P = (of_rows * inverse[:, None, None, :]) @ of_rows.transpose(2, 3)
    identity = torch.eye(P.shape[-1], dtype=P.dtype, device=P.device)
    cross = (of_rows @ (inverse * along)[:, None, :, None])[..., 0]
    return leaveout.Blocks(
        inner=identity - penalty[:, None, None, None] * P,
        cross=cross,
        delta=(delta - (along**2 * inverse).sum(1)) / penalty,
    )
