"""What a family of lenses offers: fit many training parts at once, then give probabilities and plain weights.

Fitting takes a list of parts because a pack's concepts, the folds of each, its shuffled-label control and its inner folds
are many small fits of one shape, and a family runs them together. Whatever a family learns from several parts at once (a
penalty, a covariance) it learns from the parts of one `pool` alone, so that a caller who gives each fold its own pool lets
nothing pass between a lens's folds. A fitted lens is its weights over raw activations: whatever scaling helped the fit is
folded back, so that the state is an ordinary lens file.

A part without rows of both arms gives the lens that knows nothing, probability .5 everywhere; evaluation says why such data
cannot be measured before it comes to that. Activations that are not finite are refused before they come here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from engine.lenses.folds import IntArray

FloatArray = NDArray[np.float64]
AnyFloats = NDArray[np.floating]
BoolArray = NDArray[np.bool_]
State = dict[str, FloatArray]
LAYER_NORM_EPS = 1e-5
"""torch.nn.LayerNorm's, which a lens file does not store."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One training set: activations [n, d], arms [n] (1 positive, 0 negative), groups [n], and the fit's seed."""

    X: AnyFloats
    y: IntArray
    groups: IntArray
    seed: int
    pool: int = 0
    """Parts of one number may learn what they share from each other."""
    weight: FloatArray | None = None
    """How often each row counts [n], above 0; None is once each. For families that weigh rows."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a lens took: wall seconds of its call divided by the lenses fitted in it, and how many weights it has."""

    seconds: float
    n_parameters: int


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Each row's held-out result in one round of cross-validation: probability, fold and decision, all [n]."""

    probability: FloatArray
    fold: IntArray
    fires: BoolArray


class FittedLens(Protocol):
    """A trained lens."""

    @property
    def cost(self) -> Cost | None:
        """What fitting took; None for a lens that was not fitted here."""
        ...

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

    @property
    def width(self) -> int:
        """Weights over each feature, nearly all that a lens weighs."""
        ...

    def fit(self, X: AnyFloats, y: IntArray, *, groups: IntArray, seed: int) -> FittedLens:
        """Fit one lens."""
        ...

    def fit_many(self, parts: Sequence[Part]) -> Sequence[FittedLens]:
        """Fit one lens a part; parts share d, not n."""
        ...


@runtime_checkable
class WeighsRows(Protocol):
    """A family whose fits heed the weights of rows."""

    @property
    def weighs_rows(self) -> Literal[True]:
        """A row of weight 2 is a row that is there twice."""
        ...


def refuse_weights(family: str, parts: Sequence[Part]) -> None:
    """Raise ValueError where a part has weights: for families that would pass over them."""
    if any(part.weight is not None for part in parts):
        raise ValueError(f"{family} cannot weigh rows")


@runtime_checkable
class Pools(Protocol):
    """A family whose lenses share what many training parts show together."""

    def tune(self, parts: Sequence[Part]) -> LensFamily:
        """Return the family with what these parts share; then each part stands alone."""
        ...


@runtime_checkable
class LeavesOut(Protocol):
    """A family that gives held-out logits without fitting again."""

    def leave_one_group_out(self, parts: Sequence[Part]) -> Sequence[FloatArray]:
        """Return each part's logits [n], each row's from the lens that never saw the row's group.

        Nan where leaving the group out leaves an arm empty.
        """
        ...


def predict_logit(state: State, X: AnyFloats) -> FloatArray:
    """Return the logits [n] of a linear or three-layer state, with an input LayerNorm or not, on raw activations [n, d]."""
    values = np.asarray(X, dtype=np.float64)
    if "linear.weight" in state:
        return np.asarray((values @ state["linear.weight"].T + state["linear.bias"])[:, 0])
    first, second, last = ("net.0", "net.3", "net.6")
    if "net.7.weight" in state:
        first, second, last = ("net.1", "net.4", "net.7")
        values = normalise_rows(values) * state["net.0.weight"] + state["net.0.bias"]
    for layer in (first, second):
        values = np.maximum(values @ state[f"{layer}.weight"].T + state[f"{layer}.bias"], 0.0)
    return np.asarray((values @ state[f"{last}.weight"].T + state[f"{last}.bias"])[:, 0])


@dataclass(frozen=True, slots=True, eq=False)
class StateLens:
    """A lens that is nothing but its state: a fresh fit and a loaded file behave alike."""

    weights: State
    cost: Cost | None = None

    def predict_probability(self, X: AnyFloats) -> FloatArray:
        """Return the probability [n] of the positive arm for raw activations [n, d]."""
        from scipy.special import expit

        return np.asarray(expit(predict_logit(self.weights, X)), dtype=np.float64)

    def state(self) -> State:
        """Return the weights over raw activations under the names of a lens file."""
        return dict(self.weights)


def linear_state(weight: AnyFloats, bias: float) -> State:
    """Name a linear lens's weight [d] and bias as the lens file does."""
    return {"linear.weight": np.asarray(weight, dtype=np.float64)[None, :], "linear.bias": np.array([float(bias)])}


def normalise_rows(X: AnyFloats) -> FloatArray:
    """Give every row mean 0 and variance 1 over its features, as an input LayerNorm does before its weights."""
    values = np.asarray(X, dtype=np.float64)
    centred = values - values.mean(axis=1, keepdims=True)
    return np.asarray(centred / np.sqrt(np.mean(centred**2, axis=1, keepdims=True) + LAYER_NORM_EPS))


def fold_scaling(
    weight: AnyFloats, bias: AnyFloats, mean: AnyFloats, scale: AnyFloats
) -> tuple[FloatArray, FloatArray]:
    """Rewrite a layer [k, d] over (x − mean) / scale as the same layer over raw x."""
    raw = np.asarray(weight, dtype=np.float64) / scale
    return raw, np.asarray(bias, dtype=np.float64) - raw @ mean


def standardisation(X: AnyFloats, weight: FloatArray | None = None) -> tuple[FloatArray, FloatArray]:
    """Return mean and scale [d], weighted or not; a constant feature gets scale 1, so it contributes nothing."""
    values = np.asarray(X, dtype=np.float64)
    if weight is None:
        mean, scale = values.mean(axis=0), values.std(axis=0)
    else:
        mean = np.average(values, axis=0, weights=weight)
        scale = np.sqrt(np.average((values - mean) ** 2, axis=0, weights=weight))
    constant = scale <= 1e-9 * np.maximum(np.abs(mean), 1e-300)
    return mean, np.where(constant, 1.0, scale)
