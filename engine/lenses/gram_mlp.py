"""The three-layer lens fitted in the span of its samples: d → 128 → 64 → 1 for the price of n → 128 → 64 → 1.

A first layer sees activations only through its products with them, so rows may be given in any orthonormal basis of their
span: K = XXᵀ = LLᵀ, uncentred, so that rows keep their lengths, and row i of L stands for row i of X. First weights are drawn
as wide as for d features (±1/√d), and afterwards W₁ = W₁'L⁻¹X is an ordinary first layer over raw activations. What a
fit in d dimensions leaves random outside the span is zero here. Networks of one size are trained as one stack, each with a
generator of its own; the process-wide random state is never read nor written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np

from engine.lenses.batches import fit_trainable, of_one_size
from engine.lenses.folds import IntArray
from engine.lenses.gram import gram, middle_of
from engine.lenses.interface import AnyFloats, FloatArray, Part, State, StateLens, normalise_rows, refuse_weights
from engine.lenses.products import products_with, weighted_sums

if TYPE_CHECKING:
    from torch import Generator, Tensor

_JITTER = 1e-9
"""Of the mean squared length: keeps rows that occur twice from a pivot of zero."""
_NO_PIVOT = 1e-4
"""Of the mean length: a coordinate this short is rounding, which folding back would magnify."""


@dataclass(frozen=True, slots=True)
class GramMlp:
    """The three-layer family for many concepts."""

    hidden: tuple[int, int] = (128, 64)
    dropout: float = 0.1
    learning_rate: float = 1e-3
    n_epochs: int = 50
    layer_norm: bool = False
    """Whether an input LayerNorm stands before the first layer, with weights of one."""
    together: int = 32
    """Networks in a stack at most: more leave the processor's cache."""
    precision: Literal["float32", "float64"] = "float32"
    """Adam divides by small gradients, so a stack in float32 agrees with single fits to about 1e-3, in float64 to 1e-6."""
    device: str = "cpu"
    memory_mib: int = 512

    @property
    def name(self) -> str:
        """The family's name in settings and in the study."""
        return "mlp-norm" if self.layer_norm else "mlp"

    @property
    def chooses_threshold(self) -> bool:
        """Whether the threshold is chosen inside the training part. As in production, a lens fires at logit 0."""
        return False

    @property
    def width(self) -> int:
        """Weights over each feature."""
        return self.hidden[0]

    def fit(self, X: AnyFloats, y: IntArray, *, groups: IntArray, seed: int) -> StateLens:
        """Fit one lens; `groups` play no part, for the recipe has nothing to choose."""
        return self.fit_many([Part(X, y, groups, seed)])[0]

    def fit_many(self, parts: Sequence[Part]) -> list[StateLens]:
        """Fit one lens a part, those of one size as stacks."""
        refuse_weights(self.name, parts)
        return fit_trainable(parts, self._fit_all)

    def _fit_all(self, parts: Sequence[Part]) -> list[StateLens]:
        lenses: dict[int, StateLens] = {}
        d, width = parts[0].X.shape[1], sum(self.hidden)
        budget = of_one_size(parts, floats_per_part=lambda n: n * d + 4 * width * n + n * n, memory_mib=self.memory_mib)
        for places in budget:
            for start in range(0, len(places), self.together):
                some = places[start : start + self.together]
                lenses.update(zip(some, self._fit_stack([parts[place] for place in some]), strict=True))
        return [lenses[place] for place in range(len(parts))]

    def _fit_stack(self, parts: Sequence[Part]) -> Iterator[StateLens]:
        import torch

        inputs = [normalise_rows(part.X).astype(np.float32) if self.layer_norm else part.X for part in parts]
        own = [_coordinates(X) for X in inputs]
        Z = torch.from_numpy(np.stack(own).astype(self.precision)).to(self.device)
        y = torch.from_numpy(np.stack([part.y for part in parts])).to(Z)
        generators = [torch.Generator(self.device).manual_seed(part.seed) for part in parts]
        weights = self._initial_weights(Z.shape[2], inputs[0].shape[1], generators)
        self._train(weights, Z, y, generators)
        trained = [weight.detach().cpu().numpy() for weight in weights]
        for i, X in enumerate(inputs):
            yield StateLens(self._state([values[i] for values in trained], own[i], X))

    def _initial_weights(self, n_coordinates: int, d: int, generators: list[Generator]) -> list[Tensor]:
        """Draw each network's weights [m, out, in] and biases [m, out] as torch.nn.Linear does for d features."""
        import torch

        drawn: list[Tensor] = []
        for n_in, n_out in pairwise((d, *self.hidden, 1)):
            bound, shown = n_in**-0.5, n_in if drawn else n_coordinates
            for shape in ((n_out, shown), (n_out,)):
                networks = [
                    torch.empty(shape, device=self.device).uniform_(-bound, bound, generator=g) for g in generators
                ]
                drawn.append(torch.stack(networks).to(getattr(torch, self.precision)).requires_grad_())
        return drawn

    def _train(self, weights: list[Tensor], Z: Tensor, y: Tensor, generators: list[Generator]) -> None:
        import torch
        from torch.nn.functional import binary_cross_entropy_with_logits

        optimiser = torch.optim.Adam(weights, lr=self.learning_rate, fused=True)
        with torch.enable_grad():
            for _ in range(self.n_epochs):
                kept = self._draw_kept(Z, generators)
                optimiser.zero_grad()
                logits = self._logits(weights, Z, kept)
                loss = binary_cross_entropy_with_logits(logits, y, reduction="sum") / y.shape[1]
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()

    def _draw_kept(self, Z: Tensor, generators: list[Generator]) -> Tensor:
        """Draw dropout's factors [m, n, hidden], a network's from its own generator: four from every 64 bits that it gives."""
        import torch

        m, n, width = *Z.shape[:2], sum(self.hidden)
        bits = torch.empty(m, -(-n * width // 4), dtype=torch.int64, device=self.device)
        for own, generator in zip(bits, generators, strict=True):
            own.random_(-(2**63), None, generator=generator)
        least = round(self.dropout * 2**16) - 2**15
        kept = bits.view(torch.int16)[:, : n * width].reshape(m, n, width) >= least
        return kept.to(Z).mul_(1.0 / (1.0 - self.dropout))

    def _logits(self, weights: list[Tensor], Z: Tensor, kept: Tensor) -> Tensor:
        """Return logits [m, n] of the stack in training."""
        import torch

        h = Z
        masks = kept[..., : self.hidden[0]], kept[..., self.hidden[0] :]
        for weight, bias, mask in zip(weights[0:4:2], weights[1:4:2], masks, strict=True):
            h = torch.relu(products_with(h, weight) + bias[:, None, :]) * mask
        return torch.baddbmm(weights[5][:, None, :], h, weights[4].transpose(1, 2))[:, :, 0]

    def _state(self, arrays: list[AnyFloats], own: FloatArray, X: AnyFloats) -> State:
        """Name one network's weights as the lens file does, the first layer folded back over activations."""
        arrays = [_fold_back(arrays[0], own, X), *arrays[1:]]
        places = (1, 4, 7) if self.layer_norm else (0, 3, 6)
        named = {
            f"net.{place}.{kind}": arrays[2 * i + j].astype(np.float64)
            for i, place in enumerate(places)
            for j, kind in enumerate(("weight", "bias"))
        }
        if not self.layer_norm:
            return named
        d = X.shape[1]
        return {"net.0.weight": np.ones(d), "net.0.bias": np.zeros(d), **named}


def _coordinates(X: AnyFloats) -> FloatArray:
    """Return rows in a basis of their span [n, n], as long as they were; the rows themselves where features are fewer."""
    if X.shape[1] <= len(X):
        return np.asarray(X, dtype=np.float64)
    middle = middle_of(X)
    rows = X - middle
    along, mean = (rows @ middle).astype(np.float64), middle.astype(np.float64)
    K = gram(rows) + along[:, None] + along[None, :] + float(mean @ mean)
    size = float(np.mean(np.diag(K)))
    return np.asarray(np.linalg.cholesky(K + _JITTER * (size if size > 0 else 1.0) * np.eye(len(K))))


def _fold_back(weight: AnyFloats, own: FloatArray, X: AnyFloats) -> AnyFloats:
    """Return the first layer [out, d] over activations of one over coordinates [out, n]."""
    from scipy.linalg import solve_triangular

    if weight.shape[1] == X.shape[1]:
        return weight
    pivots = np.diag(own)
    real = pivots > _NO_PIVOT * np.sqrt(np.mean(np.sum(own**2, axis=1)))
    coefficients = solve_triangular(own, (weight * real).T.astype(np.float64), lower=True, trans="T").T
    return weighted_sums(coefficients, X)
