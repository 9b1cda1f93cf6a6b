"""Read the residual stream while the model runs over texts that it wrote, pooled to a mean and a last vector a phase.

The tokens are replayed exactly as they were sampled, right-padded (a causal model needs no mask for that), sorted by length.
Hooks multiply each layer's output by a pooling matrix on the spot, and the pass stops after the deepest layer asked for.
Layer i is the output of block i, before any final norm; the last sampled token is included, padding and stop tokens are not.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from engine.errors import ModelError
from engine.subject.load import Subject
from engine.subject.memory import FittingBatches

if TYPE_CHECKING:
    import torch

Phase = Literal["prompt", "output"]
Mode = Literal["in_context", "output_only"]
PHASES: tuple[Phase, ...] = ("prompt", "output")


@dataclass(frozen=True, slots=True)
class Replay:
    """Token ids of one sample: `prefix` (the prompt, or nothing but opening tokens) and the output as sampled."""

    prefix: tuple[int, ...]
    output: tuple[int, ...]
    pool_prefix: bool


@dataclass(frozen=True, slots=True)
class Captured:
    """Residuals by (layer, phase), each [d] float32; a phase without tokens is None.

    `vectors` are means over the phase's tokens, `last` those of its last token.
    """

    vectors: Mapping[tuple[int, Phase], NDArray[np.float32] | None]
    last: Mapping[tuple[int, Phase], NDArray[np.float32] | None]


class _Deepest(Exception):
    """Raised by the deepest hook: nothing above it is needed."""


def capture(
    subject: Subject, replays: Sequence[Replay], *, layers: Sequence[int], batch_size: int = 16
) -> list[Captured]:
    """Prompt and output residuals of each sample, in the order given; fp32 pooling whatever the model's dtype.

    What does not fit into memory is run in smaller batches.
    """
    order = sorted(range(len(replays)), key=lambda i: len(replays[i].prefix) + len(replays[i].output))
    work = partial(_capture_batch, subject, layers=layers)
    captured = FittingBatches(limit=batch_size).run([replays[i] for i in order], work)
    by_place = dict(zip(order, captured, strict=True))
    return [by_place[i] for i in range(len(replays))]


def _one(pooled: Mapping[int, NDArray[np.float32]], position: int, replay: Replay) -> Captured:
    there = {"prompt": replay.pool_prefix and bool(replay.prefix), "output": bool(replay.output)}
    means: dict[tuple[int, Phase], NDArray[np.float32] | None] = {}
    lasts: dict[tuple[int, Phase], NDArray[np.float32] | None] = {}
    for layer, values in pooled.items():
        for place, phase in enumerate(PHASES):
            means[layer, phase] = values[position, place] if there[phase] else None
            lasts[layer, phase] = values[position, 2 + place] if there[phase] else None
    return Captured(means, lasts)


def _capture_batch(subject: Subject, replays: Sequence[Replay], *, layers: Sequence[int]) -> list[Captured]:
    """One batch; pooling is a product with [B, 4, T]: mean of prompt and output, last of prompt and output."""
    import torch

    lengths = [len(replay.prefix) + len(replay.output) for replay in replays]
    longest = max(1, *lengths)
    ids = torch.zeros(len(replays), longest, dtype=torch.long)
    pool = torch.zeros(len(replays), 4, longest)
    for row, replay in enumerate(replays):
        ids[row, : lengths[row]] = torch.tensor([*replay.prefix, *replay.output])
        pool[row, 0, : len(replay.prefix)] = 1 / max(1, len(replay.prefix))
        pool[row, 1, len(replay.prefix) : lengths[row]] = 1 / max(1, len(replay.output))
        pool[row, 2, len(replay.prefix) - 1] = 1
        pool[row, 3, lengths[row] - 1] = 1
    pool = pool.to(subject.device)
    hooks = residual_hooks(subject.model, layers, lambda residual: pool.to(residual.device) @ residual.float())
    with torch.inference_mode(), hooks as pooled, suppress(_Deepest):
        subject.model(input_ids=ids.to(subject.device), use_cache=False)
    found = {layer: values.cpu().numpy() for layer, values in pooled.items()}
    return [_one(found, position, replay) for position, replay in enumerate(replays)]


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
