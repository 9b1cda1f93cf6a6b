"""The study's lens: d → 128 → 64 → 1, ReLU, dropout 0.1, Adam 1e-3, full batch, 50 epochs, BCE with logits.

The recipe is followed to the letter, including raw (not standardised) activations. At the study's sizes a fit is bound by
the cost of starting operations, not by arithmetic, so `fit_many` trains all its parts as one stack of independent networks:
Adam acts on each weight alone and each network draws its first weights and its dropout from its own generator, so a stack
gives what single fits give. The process-wide random state is never read nor written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from engine.lenses.batches import fit_trainable
from engine.lenses.folds import IntArray
from engine.lenses.interface import (
    AnyFloats,
    FloatArray,
    Part,
    State,
    StateLens,
    fold_scaling,
    refuse_weights,
    standardisation,
)

if TYPE_CHECKING:
    from torch import Generator, Tensor

_LAYERS = ("net.0", "net.3", "net.6")
_TOGETHER = 64
"""Networks in a stack at most, so that a pack's worth of them needs no pack's worth of memory."""


@dataclass(frozen=True, slots=True)
class MlpStudy:
    """The three-layer family; the defaults are the study's recipe."""

    hidden: tuple[int, int] = (128, 64)
    dropout: float = 0.1
    learning_rate: float = 1e-3
    n_epochs: int = 50
    standardise: bool = False

    @property
    def name(self) -> str:
        """The family's name in settings and in the study."""
        return "mlp-study"

    @property
    def chooses_threshold(self) -> bool:
        """Whether the threshold is chosen inside the training part. The study and production fire at logit 0."""
        return False

    @property
    def width(self) -> int:
        """Weights over each feature."""
        return self.hidden[0]

    def fit(self, X: AnyFloats, y: IntArray, *, groups: IntArray, seed: int) -> StateLens:
        """Fit one lens; `groups` play no part, for the recipe has nothing to choose."""
        return self.fit_many([Part(X, y, groups, seed)])[0]

    def fit_many(self, parts: Sequence[Part]) -> list[StateLens]:
        """Fit one lens a part, some as one stack; parts share d, not n."""
        refuse_weights(self.name, parts)
        return fit_trainable(parts, self._fit_all)

    def _fit_all(self, parts: Sequence[Part]) -> list[StateLens]:
        stacks = (parts[start : start + _TOGETHER] for start in range(0, len(parts), _TOGETHER))
        return [lens for some in stacks for lens in self._fit_stack(some)]

    def _fit_stack(self, parts: Sequence[Part]) -> list[StateLens]:
        import torch

        d = parts[0].X.shape[1]
        scalings = [standardisation(p.X) if self.standardise else (np.zeros(d), np.ones(d)) for p in parts]
        generators = [torch.Generator().manual_seed(part.seed) for part in parts]
        weights = self._initial_weights(d, generators)
        X, y, share = _stack(parts, scalings)
        self._train(weights, X, y, share, [len(part.y) for part in parts], generators)
        arrays = [weight.detach().double().numpy() for weight in weights]
        return [StateLens(_state([a[i] for a in arrays], *scalings[i])) for i in range(len(parts))]

    def _initial_weights(self, d: int, generators: list[Generator]) -> list[Tensor]:
        """Draw each network's weights [m, out, in] and biases [m, out] as torch.nn.Linear does."""
        import torch

        drawn: list[Tensor] = []
        for n_in, n_out in pairwise((d, *self.hidden, 1)):
            bound = n_in**-0.5
            for shape in ((n_out, n_in), (n_out,)):
                networks = [torch.empty(shape).uniform_(-bound, bound, generator=g) for g in generators]
                drawn.append(torch.stack(networks).requires_grad_())
        return drawn

    def _train(
        self,
        weights: list[Tensor],
        X: Tensor,
        y: Tensor,
        share: Tensor,
        n_rows: list[int],
        generators: list[Generator],
    ) -> None:
        import torch
        from torch.nn.functional import binary_cross_entropy_with_logits

        optimiser = torch.optim.Adam(weights, lr=self.learning_rate, fused=True)
        with torch.enable_grad():
            for _ in range(self.n_epochs):
                optimiser.zero_grad()
                logits = self._logits(weights, X, n_rows, generators)
                binary_cross_entropy_with_logits(logits, y, weight=share, reduction="sum").backward()  # type: ignore[no-untyped-call]
                optimiser.step()

    def _logits(self, weights: list[Tensor], X: Tensor, n_rows: list[int], generators: list[Generator]) -> Tensor:
        """Return logits [m, n] of the stack in training, dropout included."""
        import torch

        h = X
        for weight, bias in ((weights[0], weights[1]), (weights[2], weights[3])):
            h = torch.relu(torch.baddbmm(bias[:, None, :], h, weight.transpose(1, 2)))
            h = h * self._kept(h.shape[1], h.shape[2], n_rows, generators)
        return torch.baddbmm(weights[5][:, None, :], h, weights[4].transpose(1, 2))[:, :, 0]

    def _kept(self, n: int, width: int, n_rows: list[int], generators: list[Generator]) -> Tensor:
        """Draw dropout's factors [m, n, width], each network's rows from its own generator alone."""
        import torch

        noise = torch.ones(len(n_rows), n, width)
        for i, (rows, generator) in enumerate(zip(n_rows, generators, strict=True)):
            noise[i, :rows].uniform_(generator=generator)
        return (noise >= self.dropout).float() / (1.0 - self.dropout)


def _stack(parts: Sequence[Part], scalings: list[tuple[FloatArray, FloatArray]]) -> tuple[Tensor, Tensor, Tensor]:
    """Pad parts to one n: activations [m, n, d], arms [m, n], and each row's share [m, n] of its part's mean loss."""
    import torch

    n = max(len(part.y) for part in parts)
    X = np.zeros((len(parts), n, parts[0].X.shape[1]), dtype=np.float32)
    y = np.zeros((len(parts), n), dtype=np.float32)
    share = np.zeros_like(y)
    for i, (part, (mean, scale)) in enumerate(zip(parts, scalings, strict=True)):
        rows = len(part.y)
        X[i, :rows] = (part.X - mean) / scale
        y[i, :rows], share[i, :rows] = part.y, 1.0 / rows
    return torch.from_numpy(X), torch.from_numpy(y), torch.from_numpy(share)


def _state(arrays: list[FloatArray], mean: FloatArray, scale: FloatArray) -> State:
    """Name one network's weights as the lens file does, over raw activations."""
    state = {
        f"{layer}.{kind}": arrays[2 * i + j]
        for i, layer in enumerate(_LAYERS)
        for j, kind in enumerate(("weight", "bias"))
    }
    state["net.0.weight"], state["net.0.bias"] = fold_scaling(state["net.0.weight"], state["net.0.bias"], mean, scale)
    return state
