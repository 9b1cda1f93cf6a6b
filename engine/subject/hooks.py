"""Hooks on a model's decoder blocks that reduce the residual stream on the spot, and stop the pass after the deepest one."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from engine.errors import ModelError
from engine.subject.load import Subject

if TYPE_CHECKING:
    import torch


class _Deepest(Exception):
    """Raised by the deepest hook: nothing above it is needed."""


def pooled_residuals(
    subject: Subject,
    ids: "torch.Tensor",
    weights: "Sequence[torch.Tensor]",
    layers: Sequence[int],
    *,
    cache: Any = None,
) -> "dict[int, torch.Tensor]":
    """Run tokens [B, T], after those in the cache, and pool each layer by weights [k, T] a row: [B, k, d] fp32 on the CPU."""
    import torch

    pool = torch.stack(list(weights)).to(subject.device)
    hooks = residual_hooks(subject.model, layers, lambda residual: pool.to(residual.device) @ residual.float())
    with torch.inference_mode(), hooks as pooled, suppress(_Deepest):
        subject.model(input_ids=ids.to(subject.device), past_key_values=cache, use_cache=cache is not None)
    return {layer: values.cpu() for layer, values in pooled.items()}


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
