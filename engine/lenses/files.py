"""Lens files: one PyTorch state dict a lens, under the names that production lens packs use.

`.pt` holds tensors only and is read with `weights_only=True`, so opening a stranger's file runs none of its code;
`.safetensors` is offered for the same names. Weights are stored as float32 over raw activations, logits out.
"""

from pathlib import Path

import numpy as np

from engine.lenses.interface import FloatArray, State, StateLens

_LINEAR = frozenset({"linear.weight", "linear.bias"})
_THREE_LAYERS = frozenset(f"net.{i}.{kind}" for i in (0, 3, 6) for kind in ("weight", "bias"))
_WITH_NORM = frozenset(f"net.{i}.{kind}" for i in (0, 1, 4, 7) for kind in ("weight", "bias"))


def save_lens(state: State, path: Path) -> None:
    """Write a state to a `.pt` or `.safetensors` file, whole or not at all."""
    import torch

    tensors = {name: torch.from_numpy(np.array(value, dtype=np.float32)) for name, value in state.items()}
    _check(state, path)
    unfinished = path.with_name(path.name + ".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".safetensors":
        from safetensors.torch import save_file

        save_file(tensors, unfinished)
    else:
        torch.save(tensors, unfinished)
    unfinished.replace(path)


def load_lens(path: Path) -> StateLens:
    """Read a lens file; a file that holds anything but a linear or three-layer lens is an error naming its keys."""
    import torch

    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        tensors = load_file(path)
    else:
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(tensors, dict):
        raise ValueError(f"{path} holds a {type(tensors).__name__}, not a state dict")
    state: State = {name: _array(tensor) for name, tensor in tensors.items()}
    _check(state, path)
    return StateLens(state)


def _array(tensor: object) -> FloatArray:
    import torch

    if not isinstance(tensor, torch.Tensor):
        raise ValueError(f"a lens file holds tensors only, not a {type(tensor).__name__}")
    return np.asarray(tensor.detach().double().numpy())


def _check(state: State, path: Path) -> None:
    if frozenset(state) not in (_LINEAR, _THREE_LAYERS, _WITH_NORM):
        raise ValueError(f"{path}: keys {sorted(state)} are neither a linear nor a three-layer lens")
