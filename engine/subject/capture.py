"""Read the residual stream while the model runs over texts that it wrote, pooled to one mean vector a phase.

The tokens are replayed exactly as they were sampled, right-padded (a causal model needs no mask for that), sorted by length.
Hooks multiply each layer's output by a pooling matrix on the spot, and the pass stops after the deepest layer asked for.
Layer i is the output of block i, before any final norm; the last sampled token is included, padding and stop tokens are not.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from engine.errors import ConfigError, ModelError
from engine.subject.load import Subject

if TYPE_CHECKING:
    import torch

Phase = Literal["prompt", "output"]
Mode = Literal["in_context", "output_only"]


@dataclass(frozen=True, slots=True)
class Replay:
    """Token ids of one sample: `prefix` (the prompt, or nothing but opening tokens) and the output as sampled."""

    prefix: tuple[int, ...]
    output: tuple[int, ...]
    pool_prefix: bool


@dataclass(frozen=True, slots=True)
class Captured:
    """Mean residuals by (layer, phase), each [d] float32; a phase without tokens is None."""

    vectors: Mapping[tuple[int, Phase], NDArray[np.float32] | None]


class _Deepest(Exception):
    """Raised by the deepest hook: nothing above it is needed."""


def choose_layers(subject: Subject, layers: Sequence[int] | None) -> tuple[int, ...]:
    """The layers asked for, or three spread over the model with the last; ConfigError for one that it lacks."""
    if layers is None:
        n = subject.n_layers
        return tuple(sorted({max(0, n // 3 - 1), max(0, 2 * n // 3 - 1), n - 1}))
    for layer in layers:
        if layer >= subject.n_layers:
            raise ConfigError(f"Layer {layer} does not exist: {subject.name} has layers 0 to {subject.n_layers - 1}.")
    return tuple(sorted(set(layers)))


def capture(
    subject: Subject, replays: Sequence[Replay], *, layers: Sequence[int], batch_size: int = 16
) -> list[Captured]:
    """Mean prompt and output residuals of each sample, in the order given; fp32 pooling whatever the model's dtype."""
    order = sorted(range(len(replays)), key=lambda i: len(replays[i].prefix) + len(replays[i].output))
    captured: dict[int, Captured] = {}
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        pooled = _capture_batch(subject, [replays[i] for i in rows], layers)
        for position, i in enumerate(rows):
            captured[i] = _one(pooled, position, replays[i])
    return [captured[i] for i in range(len(replays))]


def _one(pooled: Mapping[int, NDArray[np.float32]], position: int, replay: Replay) -> Captured:
    vectors: dict[tuple[int, Phase], NDArray[np.float32] | None] = {}
    for layer, values in pooled.items():
        vectors[layer, "prompt"] = values[position, 0] if replay.pool_prefix and replay.prefix else None
        vectors[layer, "output"] = values[position, 1] if replay.output else None
    return Captured(vectors)


def _capture_batch(
    subject: Subject, replays: Sequence[Replay], layers: Sequence[int]
) -> dict[int, NDArray[np.float32]]:
    """Pooled residuals by layer, each [B, 2, d]: prompt, output."""
    import torch

    lengths = [len(replay.prefix) + len(replay.output) for replay in replays]
    longest = max(1, *lengths)
    ids = torch.zeros(len(replays), longest, dtype=torch.long)
    pool = torch.zeros(len(replays), 2, longest)
    for row, replay in enumerate(replays):
        ids[row, : lengths[row]] = torch.tensor([*replay.prefix, *replay.output])
        pool[row, 0, : len(replay.prefix)] = 1 / max(1, len(replay.prefix))
        pool[row, 1, len(replay.prefix) : lengths[row]] = 1 / max(1, len(replay.output))
    pool = pool.to(subject.device)
    hooks = residual_hooks(subject.model, layers, lambda residual: pool @ residual.float())
    with torch.inference_mode(), hooks as pooled, suppress(_Deepest):
        subject.model(input_ids=ids.to(subject.device), use_cache=False)
    return {layer: values.cpu().numpy() for layer, values in pooled.items()}


@contextmanager
def residual_hooks(
    model: Any, layers: Sequence[int], reduce: "Callable[[torch.Tensor], torch.Tensor]"
) -> "Iterator[dict[int, torch.Tensor]]":
    """Collect `reduce(residual)` of each layer while the block runs; the pass is stopped at the deepest one."""
    blocks, found = decoder_blocks(model), {}
    deepest = max(layers)

    def hook_for(layer: int) -> Any:
        def hook(_module: Any, _args: Any, output: Any) -> None:
            found[layer] = reduce(output[0] if isinstance(output, tuple) else output)
            if layer == deepest:
                raise _Deepest

        return hook

    handles: list[Any] = []
    try:
        for layer in layers:
            handles.append(blocks[layer].register_forward_hook(hook_for(layer)))
        yield found
    finally:
        for handle in handles:
            handle.remove()


def decoder_blocks(model: Any) -> Any:
    """The outermost list of as many modules as the model has decoder blocks; ModelError when there is none."""
    import torch

    n_layers = model.config.get_text_config().num_hidden_layers
    lists = [m for m in model.modules() if isinstance(m, torch.nn.ModuleList) and len(m) == n_layers]
    if not lists:
        raise ModelError(f"No list of {n_layers} decoder blocks was found in {type(model).__name__}.")
    return lists[0]
