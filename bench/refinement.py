"""Sibling refinement against the loop over pairs that the study's report describes, and the closed form against both."""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from bench.compare import Comparison, compare
from engine.lenses.folds import IntArray
from engine.lenses.interface import AnyFloats, State, linear_state, predict_logit
from engine.lenses.refine_direction import sibling_directions
from engine.lenses.refine_margin import EPOCHS, MARGIN, RATE, RankingTask, rank_by_margin

N_SIBLINGS, N_POSITIVES, N_HELD_OUT = 10, 30, 100
Drawn = tuple[AnyFloats, IntArray, AnyFloats, IntArray]


def pair_loop(states: Sequence[State], X: AnyFloats, target: IntArray, *, epochs: int = EPOCHS) -> list[State]:
    """The plain way: every ordered pair says both logits of the target's positives anew."""
    models = [_module(state, X.dtype) for state in states]
    optimiser = torch.optim.Adam([weight for model in models for weight in model.parameters()], lr=RATE)
    rows = [torch.from_numpy(X[target == c]) for c in range(len(states))]
    pairs = [(t, o) for t in range(len(states)) for o in range(len(states)) if t != o]
    for _ in range(epochs):
        optimiser.zero_grad()
        losses = [torch.relu(models[o](rows[t]) - models[t](rows[t]) + MARGIN).mean() for t, o in pairs]
        torch.stack(losses).mean().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return [
        {name: weight.detach().double().numpy() for name, weight in zip(state, model.parameters(), strict=True)}
        for state, model in zip(states, models, strict=True)
    ]


def _module(state: State, dtype: "np.dtype[np.floating]") -> torch.nn.Sequential:
    """The state as a module of torch; states name weight and bias in the order of the layers."""
    values = [torch.from_numpy(value.astype(dtype)) for value in state.values()]
    layers: list[torch.nn.Module] = []
    for weight, bias in zip(values[::2], values[1::2], strict=True):
        layer = torch.nn.Linear(weight.shape[1], weight.shape[0]).to(weight.dtype)
        layer.weight, layer.bias = torch.nn.Parameter(weight), torch.nn.Parameter(bias)
        layers += [layer, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def draw_siblings(d: int, *, seed: int) -> Drawn:
    """Positives of ten siblings that share a direction and differ along one of their own, with nuisance that all share."""
    rng = np.random.default_rng([seed, d])
    shared, own = rng.normal(size=d) / np.sqrt(d), rng.normal(size=(N_SIBLINGS, d)) / np.sqrt(d)
    nuisance = rng.normal(size=(20, d)) * 3.0 / np.sqrt(d)

    def some(n: int) -> tuple[AnyFloats, IntArray]:
        target = np.repeat(np.arange(N_SIBLINGS), n)
        noise = rng.normal(size=(len(target), d)) * 0.5 + rng.normal(size=(len(target), 20)) @ nuisance
        return (6.0 * shared + 4.0 * own[target] + noise).astype(np.float32), target

    return (*some(N_POSITIVES), *some(N_HELD_OUT))


def begin(form: str, X: AnyFloats, target: IntArray, *, seed: int) -> list[State]:
    """Lenses before the second pass: the difference of means, or a three-layer lens that says about the same."""
    states = []
    for c in range(N_SIBLINGS):
        weight = X[target == c].mean(0) - X[target != c].mean(0)
        weight = weight / np.linalg.norm(weight)
        bias = -float(weight @ (X[target == c].mean(0) + X[target != c].mean(0))) / 2.0
        states.append(linear_state(weight, bias) if form == "linear" else _three_layers(weight, bias, seed + c))
    return states


def _three_layers(weight: AnyFloats, bias: float, seed: int) -> State:
    rng = np.random.default_rng(seed)
    first = rng.normal(size=(128, len(weight))) * 0.01 / np.sqrt(len(weight))
    second, last = rng.normal(size=(64, 128)) * 0.01, rng.normal(size=(1, 64)) * 0.01
    # Two units carry the direction through, one for each sign.
    for unit, sign in enumerate((1.0, -1.0)):
        first[unit], second[unit], last[0, unit] = sign * weight, 0.0, sign
        second[unit, unit] = 1.0
    offset = np.zeros(128)
    offset[:2] = bias, -bias
    return {
        "net.0.weight": first,
        "net.0.bias": offset,
        "net.3.weight": second,
        "net.3.bias": np.zeros(64),
        "net.6.weight": last,
        "net.6.bias": np.zeros(1),
    }


def ranking(states: Sequence[State], X: AnyFloats, target: IntArray) -> float:
    """Share of rows on which the right lens says most."""
    logits = np.stack([predict_logit(state, X) for state in states])
    return float(np.mean(logits.argmax(0) == target))


def closed_form(states: Sequence[State], X: AnyFloats, target: IntArray, strengths: Sequence[float]) -> list[State]:
    """The group's multi-output ridge as lenses of its own; by itself it ranks siblings, and decides about nothing else."""
    groups = np.tile(np.arange(N_POSITIVES), len(states))
    found = sibling_directions(X, target, groups, n_concepts=len(states), strengths=strengths)
    return [linear_state(weight, -float(weight @ found.mean)) for weight in found.weight]


def refinement_against_pairs(form: str, d: int) -> Comparison:
    """All ways on one group of ten siblings with thirty positives each."""
    X, target, X_out, target_out = draw_siblings(d, seed=0)
    states = begin(form, X, target, seed=0)
    ways: dict[str, Callable[[], list[State]]] = {
        "margin ranking, one stack": lambda: rank_by_margin([RankingTask(states, X, target)])[0],
        "loop over pairs": lambda: pair_loop(states, X, target),
        "multi-output ridge": lambda: closed_form(states, X, target, (0.3,)),
        "multi-output ridge, strength chosen": lambda: closed_form(states, X, target, (0.03, 0.3, 3.0, 30.0)),
    }
    ranks = {name: ranking(way(), X_out, target_out) for name, way in ways.items()}
    losses = [_loss(ways[name](), X, target) for name in ("margin ranking, one stack", "loop over pairs")]
    told = ", ".join(f"{name} {value:.3f}" for name, value in ranks.items())
    return compare(
        f"second pass over {N_SIBLINGS} siblings, {form}, d = {d}",
        ways,
        agreement=(
            f"held-out top-1: before {ranking(states, X_out, target_out):.3f}, {told}; "
            f"losses {losses[0]:.2e} and {losses[1]:.2e}"
        ),
        n_repeats=3,
    )


def _loss(states: Sequence[State], X: AnyFloats, target: IntArray) -> float:
    logits = np.stack([predict_logit(state, X) for state in states])
    hinge = [
        np.maximum(0.0, logits[o, target == t] - logits[t, target == t] + MARGIN).mean()
        for t in range(len(states))
        for o in range(len(states))
        if t != o
    ]
    return float(np.mean(hinge))
