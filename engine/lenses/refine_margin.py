"""Margin ranking among siblings: a second pass that pushes a lens above its siblings' lenses on its own positives.

The loss is the mean over ordered pairs of siblings of the mean of max(0, logit of the other − logit of the target + 1)
over the target's positives; Adam, all weights of all lenses of a group at once. A lens says each logit once an epoch and
every pair reads it, so a group costs one product with all its positives instead of two a pair. A row whose siblings all stay
below the margin has no gradient, so while such rows are many, only the others are derived. Groups of one shape are a stack:
Adam acts on each weight alone and no group's loss reads another's weights, so a stack gives what single groups give.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.lenses.folds import IntArray
from engine.lenses.interface import LAYER_NORM_EPS, AnyFloats, State
from engine.lenses.products import products_with

if TYPE_CHECKING:
    from torch import Tensor

MARGIN = 1.0
EPOCHS = 20
RATE = 1e-3
_FEW = 0.5
"""Share of the rows up to which deriving them alone is worth a look at all of them beforehand."""
_MIB = 2**20


@dataclass(frozen=True, slots=True, eq=False)
class RankingTask:
    """Lenses of one group, the positives of all its concepts [n, d], and whose positive each is [n]."""

    states: Sequence[State]
    X: AnyFloats
    target: IntArray


def rank_by_margin(
    tasks: Sequence[RankingTask],
    *,
    epochs: int = EPOCHS,
    rate: float = RATE,
    device: str = "cpu",
    memory_mib: int = 256,
) -> list[list[State]]:
    """Return the refined states of every task, beginning at those given; precision is that of the activations."""
    refined: dict[int, list[State]] = {}
    for places in _stacks(tasks, memory_mib):
        some = [tasks[place] for place in places]
        refined.update(zip(places, _refine(some, epochs=epochs, rate=rate, device=device), strict=True))
    return [refined[place] for place in range(len(tasks))]


def _stacks(tasks: Sequence[RankingTask], memory_mib: int) -> list[list[int]]:
    """Places of tasks with lenses of one form and number, as many together as the budget holds; one at least."""
    alike: dict[tuple[object, ...], list[int]] = {}
    for place, task in enumerate(tasks):
        form = tuple((name, value.shape) for name, value in sorted(task.states[0].items()))
        alike.setdefault((len(task.states), task.X.dtype.str, form), []).append(place)
    stacks = []
    for places in alike.values():
        size = max(tasks[place].X.size for place in places)
        # A weight has its gradient and Adam's two means beside it.
        size += 4 * sum(value.size for state in tasks[places[0]].states for value in state.values())
        together = max(1, memory_mib * _MIB // (8 * size))
        stacks += [places[start : start + together] for start in range(0, len(places), together)]
    return stacks


def _refine(tasks: Sequence[RankingTask], *, epochs: int, rate: float, device: str) -> list[list[State]]:
    import torch

    rows = _pad(tasks, device)
    weights = {
        name: torch.from_numpy(np.stack([np.stack([state[name] for state in task.states]) for task in tasks]))
        .to(device, rows.X.dtype)
        .requires_grad_()
        for name in tasks[0].states[0]
    }
    optimiser = torch.optim.Adam(weights.values(), lr=rate, fused=True)
    few = True
    for _ in range(epochs):
        optimiser.zero_grad()
        derived = _within_margin(weights, rows) if few else rows
        logits = stacked_logits(weights, derived.X)
        few = int(_violates(logits, derived).sum()) <= _FEW * rows.target.numel()
        margin_loss(logits, derived.target, derived.share).sum().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    found = {name: value.detach().double().cpu().numpy() for name, value in weights.items()}
    return [
        [{name: value[i, c] for name, value in found.items()} for c in range(len(task.states))]
        for i, task in enumerate(tasks)
    ]


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Rows [g, n, d], targets [g, n] and each row's share of the loss [g, n], 0 for rows that fill up."""

    X: Tensor
    target: Tensor
    share: Tensor


def _pad(tasks: Sequence[RankingTask], device: str) -> _Rows:
    import torch

    most = max(len(task.target) for task in tasks)
    X = np.zeros((len(tasks), most, tasks[0].X.shape[1]), dtype=np.result_type(tasks[0].X, np.float32))
    target, share = np.zeros((len(tasks), most), dtype=np.int64), np.zeros((len(tasks), most), dtype=X.dtype)
    for i, task in enumerate(tasks):
        n, n_lenses = len(task.target), len(task.states)
        counts = np.bincount(task.target, minlength=n_lenses)
        X[i, :n], target[i, :n] = task.X, task.target
        share[i, :n] = 1.0 / (counts[task.target] * (np.count_nonzero(counts) * (n_lenses - 1)))
    parts = (torch.from_numpy(X), torch.from_numpy(target), torch.from_numpy(share))
    return _Rows(*(part.to(device) for part in parts))


def _within_margin(weights: dict[str, Tensor], rows: _Rows) -> _Rows:
    """The rows that have a gradient, and in groups with fewer of them some that have none; one row at least."""
    import torch

    with torch.no_grad():
        violates = _violates(stacked_logits(weights, rows.X), rows)
    most = max(1, int(violates.sum(1).max()))
    kept = violates.int().topk(most, dim=1).indices
    group = torch.arange(len(kept), device=kept.device)[:, None]
    return _Rows(rows.X[group, kept], rows.target[group, kept], rows.share[group, kept])


def _violates(logits: Tensor, rows: _Rows) -> Tensor:
    """Return whether any sibling's logit is within the margin of the target's, of rows that count [g, n]."""
    own = logits.detach().gather(1, rows.target[:, None, :])
    # The target itself is always within the margin.
    return ((logits.detach() > own - MARGIN).sum(1) > 1) & (rows.share > 0)


def margin_loss(logits: Tensor, target: Tensor, share: Tensor) -> Tensor:
    """Return each group's loss [g] from logits [g, lenses, n]."""
    import torch

    own = logits.gather(1, target[:, None, :])
    others = torch.ones_like(logits).scatter(1, target[:, None, :], 0.0)
    hinge = torch.relu(logits - own + MARGIN) * others
    return (hinge.sum(1) * share).sum(1)


def stacked_logits(weights: dict[str, Tensor], X: Tensor) -> Tensor:
    """Return the logits [g, lenses, n] of stacked states [g, lenses, …] on rows [g, n, d]."""
    import torch

    if "linear.weight" in weights:
        return products_with(X, weights["linear.weight"][:, :, 0]).transpose(1, 2) + weights["linear.bias"]
    first, second, last = ("net.0", "net.3", "net.6")
    W, b = weights[f"{first}.weight"], weights[f"{first}.bias"]
    if "net.7.weight" in weights:
        first, second, last = ("net.1", "net.4", "net.7")
        X = torch.nn.functional.layer_norm(X, X.shape[-1:], eps=LAYER_NORM_EPS)
        # The norm's own weights go into the layer behind it, so that all lenses read the same rows.
        W = weights[f"{first}.weight"]
        b = weights[f"{first}.bias"] + (W @ weights["net.0.bias"][..., None])[..., 0]
        W = W * weights["net.0.weight"][:, :, None, :]
    g, n_lenses, width, d = W.shape
    hidden = products_with(X, W.reshape(g, n_lenses * width, d)).view(g, -1, n_lenses, width).transpose(1, 2)
    hidden = torch.relu(hidden + b[:, :, None, :])
    hidden = torch.relu(hidden @ weights[f"{second}.weight"].transpose(2, 3) + weights[f"{second}.bias"][:, :, None, :])
    return (hidden @ weights[f"{last}.weight"].transpose(2, 3) + weights[f"{last}.bias"][:, :, None, :])[..., 0]
