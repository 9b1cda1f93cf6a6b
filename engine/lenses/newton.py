"""Logistic regression on kernel matrices, a stack of problems at once, by damped Newton steps.

Each problem minimises ½ aᵀKa + C Σ w ℓ(y, Ka + b), the L2 logistic loss with an unpenalised intercept in the span of the
samples. A Newton step solves (D⁻¹ + K) a = z − b with D = C w p(1 − p) and 1ᵀa = 0, in the form I + D½KD½, whose
eigenvalues are never below one however sure the predictions are. A step that does not lower its problem's loss is halved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

_MAX_STEPS = 100
_MAX_HALVINGS = 30
_TOLERANCE = 1e-9
_LEAST = 1e-12


def fit_dual(K: Tensor, y: Tensor, C: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return coefficients a [m, n] and intercepts b [m] for kernels [m, n, n], arms and rows' weights [m, n] and C [m].

    Arms weigh equally.
    """
    import torch

    n, n_positive = rows.sum(1, keepdim=True), (rows * y).sum(1, keepdim=True)
    weight = C[:, None] * rows * n / (2.0 * torch.where(y > 0, n_positive, n - n_positive))
    a, b = torch.zeros_like(y), torch.zeros_like(C)
    loss = _loss(K, y, weight, a, b)
    for _ in range(_MAX_STEPS):
        target_a, target_b = _newton(K, y, weight, (K @ a[..., None])[..., 0] + b[:, None])
        step_a, step_b = target_a - a, target_b - b
        moved = ((K @ step_a[..., None])[..., 0] + step_b[:, None]).abs().amax(1)
        a, b, loss = _descend(K, y, weight, (a, b, loss), (step_a, step_b))
        if bool((moved < _TOLERANCE).all()):
            break
    return a, b


def _newton(K: Tensor, y: Tensor, weight: Tensor, logit: Tensor) -> tuple[Tensor, Tensor]:
    """Return the minimum of the quadratic that touches the loss at these logits."""
    import torch

    p = torch.sigmoid(logit)
    root = (weight * p * (1.0 - p)).clamp(min=_LEAST).sqrt()
    system = root[:, :, None] * K * root[:, None, :]
    system.diagonal(dim1=1, dim2=2).add_(1.0)
    right = torch.stack([root * logit + weight * (y - p) / root, root], dim=-1)
    solved = root[..., None] * torch.cholesky_solve(right, torch.linalg.cholesky(system))
    b = solved[..., 0].sum(1) / solved[..., 1].sum(1)
    return solved[..., 0] - b[:, None] * solved[..., 1], b


def _descend(
    K: Tensor, y: Tensor, weight: Tensor, at: tuple[Tensor, Tensor, Tensor], step: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """Take each problem's step, halved until its loss is not higher than before; else stay."""
    import torch

    a, b, loss = at
    size = torch.ones_like(b)
    for _ in range(_MAX_HALVINGS):
        new_a, new_b = a + size[:, None] * step[0], b + size * step[1]
        new_loss = _loss(K, y, weight, new_a, new_b)
        worse = new_loss > loss + 1e-12 * loss.abs()
        if not bool(worse.any()):
            return new_a, new_b, new_loss
        size = torch.where(worse, size / 2.0, size)
    return torch.where(worse[:, None], a, new_a), torch.where(worse, b, new_b), torch.where(worse, loss, new_loss)


def _loss(K: Tensor, y: Tensor, weight: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Return each problem's penalised loss [m]."""
    from torch.nn.functional import softplus

    inner = (K @ a[..., None])[..., 0]
    logit = inner + b[:, None]
    return 0.5 * (a * inner).sum(1) + (weight * (softplus(logit) - y * logit)).sum(1)
