"""Margins of rows whose group was left out of a discriminant, exactly and without fitting again.

With E the rows less their arm's mean, δ the difference of the arms' means and A = EᵀE + κI (+ the scatter of other parts),
the discriminant's margin is δᵀA⁻¹(x − mid), mid the middle between the arms' means. Leaving a group g out takes
Σ e eᵀ of its rows and the shift of the means from A (a rank of |g|), and shifts δ and mid by combinations of the group's rows.
So everything happens inside the blocks G_gg, G_gδ, G_δδ of G = [E; δ] A⁻¹ [E; δ]ᵀ: by Woodbury's identity

    A₋⁻¹ = A⁻¹ + A⁻¹E_gᵀ (I − J − G_gg)⁻¹ E_g A⁻¹,   J = 1/n_arm between rows of one arm,

and with u = ±1 / (rows of the arm that stay): δ₋ = δ − E_gᵀu, x − mid₋ = e + (±½)δ + ½E_gᵀ|u|. κ stays what it was.
Where rows have weights, rows are counted by weight, E holds e·√w, J and u have the roots of their rows' weights as factors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.lenses.folds import IntArray

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class LeftOut:
    """Groups of a stack of parts, padded: `rows` [m, groups, size] with `there` telling real from padding."""

    rows: Tensor
    there: Tensor
    sign: Tensor
    """±1 of each row's arm, 0 where padded."""
    root: Tensor
    """Root of each row's weight, 1 where padded [m, groups, size]."""
    same_arm: Tensor
    """J [m, groups, size, size]."""
    shift: Tensor
    """u [m, groups, size]."""
    n_left: Tensor
    """Weight of the rows that stay in each arm, negative then positive [m, groups, 2]."""


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """What of G the groups need: [m, groups, size, size], [m, groups, size] and [m]."""

    inner: Tensor
    cross: Tensor
    delta: Tensor


def lay_out(groups: Sequence[IntArray], sign: Tensor, weight: Tensor) -> LeftOut:
    """Put the rows of each group beside each other; `sign` and `weight` [m, n] hold ±1 of each row's arm and its weight."""
    import torch

    members = [_members(numbers) for numbers in groups]
    n_groups, size = (
        1 + max(int(one.max()) for one in places) for places in zip(*(m[1:] for m in members), strict=True)
    )
    rows = np.zeros((len(members), n_groups, size), dtype=np.int64)
    there = np.zeros(rows.shape, dtype=np.bool_)
    for i, (order, group, position) in enumerate(members):
        rows[i, group, position], there[i, group, position] = order, True
    at, real = torch.from_numpy(rows).to(sign.device), torch.from_numpy(there).to(sign.device)
    own = torch.gather(sign, 1, at.flatten(1)).view(at.shape) * real
    root = torch.where(real, torch.gather(weight, 1, at.flatten(1)).view(at.shape), 1.0).sqrt()
    arms = torch.stack([own < 0, own > 0], dim=-1).to(sign.dtype)
    both = torch.stack([sign < 0, sign > 0], dim=-1).to(sign.dtype)
    n_arm = (both * weight[..., None]).sum(1)
    n_left = n_arm[:, None, :] - (arms * root[..., None] ** 2).sum(2)
    # What is left of weights that are taken away one by one need not be 0 to the last digit; a count is.
    n_left = torch.where(both.sum(1)[:, None, :] > arms.sum(2), n_left, 0.0)
    weighted = arms * root[..., None]
    same_arm = torch.einsum("mgia,mgja,ma->mgij", weighted, weighted, 1.0 / n_arm)
    shift = own * torch.einsum("mgia,mga->mgi", weighted, 1.0 / torch.where(n_left > 0, n_left, 1.0))
    return LeftOut(at, real, own, root, same_arm, shift, n_left)


def _members(numbers: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Return rows in the order of their groups, and of each its group, from 0 on, and its position there."""
    order = np.argsort(numbers, kind="stable")
    begins = np.append(True, np.diff(numbers[order]) != 0)
    group = np.cumsum(begins) - 1
    return order, group, np.arange(len(order)) - np.flatnonzero(begins)[group]


def take_blocks(G: Tensor, left: LeftOut) -> Blocks:
    """Cut the blocks out of whole matrices G [m, n + 1, n + 1], δ last."""
    n = G.shape[-1] - 1
    rows = left.rows.flatten(1)
    of_rows = G[:, :n, :n].gather(1, rows[:, :, None].expand(-1, -1, n)).view(*left.rows.shape, n)
    inner = of_rows.gather(3, left.rows[:, :, None, :].expand(-1, -1, left.rows.shape[2], -1))
    cross = G[:, :n, n].gather(1, rows).view(left.rows.shape)
    return Blocks(inner, cross, G[:, n, n])


def margins(blocks: Blocks, left: LeftOut, *, inside: bool = True) -> tuple[Tensor, Tensor]:
    """Return δ₋ᵀA₋⁻¹(x − mid₋) of every left-out row [m, groups, size], and q = δ₋ᵀA₋⁻¹δ₋ [m, groups].

    A that never held the part's rows (not `inside`) stays as it is.
    """
    import torch

    both = (left.there[..., :, None] & left.there[..., None, :]).to(blocks.inner.dtype)
    inner, cross = blocks.inner * both, blocks.cross * left.there
    identity = torch.eye(inner.shape[-1], dtype=inner.dtype, device=inner.device)
    # Without an arm there is no margin, and the matrix below would be singular.
    possible = (left.n_left > 0).all(-1)[..., None, None]
    system = identity - torch.where(possible, left.same_arm + inner, torch.zeros_like(inner))
    # (I − J − G_gg)⁻¹ between [E_g A⁻¹ δ₋] and [E_g A⁻¹ (x − mid₋)]; padded rows are an identity apart.
    u, half = left.shift, left.shift.abs() / 2.0
    to_delta = cross - (inner @ u[..., None])[..., 0]
    to_rows = inner / left.root[..., None, :] + (inner @ half[..., None])
    to_rows = to_rows + cross[..., :, None] * (left.sign[..., None, :] / 2.0)
    solved = torch.linalg.solve(system, torch.cat([to_delta[..., None], to_rows], dim=-1))
    delta = blocks.delta[:, None]
    of_delta = cross / left.root + (cross * half).sum(-1, keepdim=True) + delta[..., None] * left.sign / 2.0
    # With δ₋ out, A still whole.
    direct = of_delta - (u[..., None, :] @ to_rows)[..., 0, :]
    if not inside:
        solved = torch.zeros_like(solved)
    margin = direct + (to_delta[..., None, :] @ solved[..., 1:])[..., 0, :]
    q = delta - 2.0 * (u * cross).sum(-1) + (u * (u[..., None, :] @ inner)[..., 0, :]).sum(-1)
    return margin, q + (to_delta * solved[..., 0]).sum(-1)


def scatter_back(values: Tensor, left: LeftOut, n: int) -> Tensor:
    """Put values [m, groups, size] back to rows [m, n]; nan where leaving the group out leaves an arm empty."""
    import torch

    possible = (left.n_left > 0).all(-1, keepdim=True)
    known = torch.where(possible, values, torch.full_like(values, torch.nan))
    result = torch.empty(len(values), n, dtype=values.dtype, device=values.device)
    i = torch.arange(len(values), device=values.device)[:, None, None].expand_as(left.rows)
    result[i[left.there], left.rows[left.there]] = known[left.there]
    return result
