"""What a family of lenses offers: fit many training parts at once, then give probabilities and plain weights.

Fitting takes a list of parts because cross-validation, its shuffled-label control and its inner folds are many small fits
of one shape, and a family may run them together. A fitted lens is its weights over raw activations: whatever scaling
helped the fit is folded back, so that the state is an ordinary lens file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.lenses.folds import IntArray

FloatArray = NDArray[np.float64]
AnyFloats = NDArray[np.floating]
State = dict[str, FloatArray]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One training set: activations [n, d], arms [n] (1 positive, 0 negative), groups [n], and the fit's seed."""

    X: AnyFloats
    y: IntArray
    groups: IntArray
    seed: int


class FittedLens(Protocol):
    """A trained lens."""

    def predict_probability(self, X: AnyFloats) -> FloatArray:
        """Return the probability [n] of the positive arm for raw activations [n, d]."""
        ...

    def state(self) -> State:
        """Return the weights over raw activations under the names of a lens file."""
        ...


class LensFamily(Protocol):
    """A way to train lenses."""

    @property
    def name(self) -> str:
        """The family's name in settings and in the study."""
        ...

    @property
    def chooses_threshold(self) -> bool:
        """Whether the family's threshold is chosen inside the training part; else it is .5."""
        ...

    def fit(self, X: AnyFloats, y: IntArray, *, groups: IntArray, seed: int) -> FittedLens:
        """Fit one lens."""
        ...

    def fit_many(self, parts: Sequence[Part]) -> Sequence[FittedLens]:
        """Fit one lens a part; parts share d, not n."""
        ...


def predict_logit(state: State, X: AnyFloats) -> FloatArray:
    """Return the logits [n] of a linear or three-layer state on raw activations [n, d]."""
    values = np.asarray(X, dtype=np.float64)
    if "linear.weight" in state:
        return np.asarray((values @ state["linear.weight"].T + state["linear.bias"])[:, 0])
    for layer in ("net.0", "net.3"):
        values = np.maximum(values @ state[f"{layer}.weight"].T + state[f"{layer}.bias"], 0.0)
    return np.asarray((values @ state["net.6.weight"].T + state["net.6.bias"])[:, 0])


@dataclass(frozen=True, slots=True, eq=False)
class StateLens:
    """A lens that is nothing but its state: a fresh fit and a loaded file behave alike."""

    weights: State

    def predict_probability(self, X: AnyFloats) -> FloatArray:
        """Return the probability [n] of the positive arm for raw activations [n, d]."""
        from scipy.special import expit

        return np.asarray(expit(predict_logit(self.weights, X)), dtype=np.float64)

    def state(self) -> State:
        """Return the weights over raw activations under the names of a lens file."""
        return dict(self.weights)


def fold_scaling(
    weight: AnyFloats, bias: AnyFloats, mean: AnyFloats, scale: AnyFloats
) -> tuple[FloatArray, FloatArray]:
    """Rewrite a layer [k, d] over (x − mean) / scale as the same layer over raw x."""
    raw = np.asarray(weight, dtype=np.float64) / scale
    return raw, np.asarray(bias, dtype=np.float64) - raw @ mean


def standardisation(X: AnyFloats) -> tuple[FloatArray, FloatArray]:
    """Return mean and scale [d]; a constant feature gets scale 1, so it contributes nothing."""
    values = np.asarray(X, dtype=np.float64)
    mean, scale = values.mean(axis=0), values.std(axis=0)
    constant = scale <= 1e-9 * np.maximum(np.abs(mean), 1e-300)
    return mean, np.where(constant, 1.0, scale)
