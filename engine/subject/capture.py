"""Read the residual stream while the model runs over texts that it wrote, pooled to a mean and a last vector a phase.

The tokens are replayed exactly as they were sampled, right-padded (a causal model needs no mask for that), sorted by length.
Hooks multiply each layer's output by a pooling matrix on the spot, and the pass stops after the deepest layer asked for.
Layer i is the output of block i, before any final norm; the last sampled token is included, padding and stop tokens are not.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from engine.subject.hooks import pooled_residuals
from engine.subject.load import Subject
from engine.subject.memory import FittingBatches
from engine.subject.shared import group_by_prompt, has_plain_cache

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


def capture(
    subject: Subject, replays: Sequence[Replay], *, layers: Sequence[int], batch_size: int = 16
) -> list[Captured]:
    """Prompt and output residuals of each sample, in the order given; fp32 pooling whatever the model's dtype.

    What does not fit into memory is run in smaller batches.
    """
    fitting = FittingBatches(limit=batch_size)
    found: dict[int, Captured] = {}
    for rows, work in _passes(subject, replays, layers):
        found |= dict(zip(rows, fitting.run([replays[i] for i in rows], work), strict=True))
    return [found[i] for i in range(len(replays))]


def _passes(
    subject: Subject, replays: Sequence[Replay], layers: Sequence[int]
) -> "Iterator[tuple[list[int], Callable[[Sequence[Replay]], list[Captured]]]]":
    """Which samples run together, and how: those that share a prompt after it, the others by length."""

    def by_length(rows: Sequence[int]) -> list[int]:
        return sorted(rows, key=lambda i: len(replays[i].prefix) + len(replays[i].output))

    groups: list[list[int]] = []
    others = list(range(len(replays)))
    if has_plain_cache(subject.model.config.get_text_config()):
        groups, others = group_by_prompt([r.prefix for r in replays], [len(r.output) for r in replays])
    yield by_length(others), partial(_capture_batch, subject, layers=layers)
    for group in groups:
        yield by_length(group), partial(_capture_after_prompt, subject, layers=layers)


def _capture_batch(subject: Subject, replays: Sequence[Replay], *, layers: Sequence[int]) -> list[Captured]:
    """One batch of whole texts."""
    spans = [(len(replay.prefix), len(replay.output)) for replay in replays]
    ids = _pad([(*replay.prefix, *replay.output) for replay in replays])
    pool = [_weights([(0, n), (n, n + m)], ids.shape[1]) for n, m in spans]
    found = pooled_residuals(subject, ids, pool, layers)
    return [_captured(replay, found, row) for row, replay in enumerate(replays)]


def _capture_after_prompt(subject: Subject, replays: Sequence[Replay], *, layers: Sequence[int]) -> list[Captured]:
    """One batch of outputs to the same prompt, which is run once, before them."""
    import torch
    from transformers import DynamicCache

    prefix, cache = replays[0].prefix, DynamicCache(config=subject.model.config)
    prompt = pooled_residuals(subject, _pad([prefix]), [_weights([(0, len(prefix))], len(prefix))], layers, cache=cache)
    ids = _pad([replay.output for replay in replays])
    cache.batch_repeat_interleave(len(replays))
    pool = [_weights([(0, len(replay.output))], ids.shape[1]) for replay in replays]
    output = pooled_residuals(subject, ids, pool, layers, cache=cache)
    found = {
        layer: torch.cat([prompt[layer].expand(len(replays), -1, -1), values], dim=1)
        for layer, values in output.items()
    }
    return [_captured(replay, found, row) for row, replay in enumerate(replays)]


def _pad(texts: Sequence[Sequence[int]]) -> "torch.Tensor":
    """Token ids [B, T], right-padded; at least one column."""
    import torch

    ids = torch.zeros(len(texts), max(1, *map(len, texts)), dtype=torch.long)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = torch.tensor(text)
    return ids


def _weights(spans: Sequence[tuple[int, int]], length: int) -> "torch.Tensor":
    """Pooling weights [2 · spans, T]: of each span of positions its mean, then its last; zeros where it is empty."""
    import torch

    weights = torch.zeros(2 * len(spans), length)
    for place, (start, end) in enumerate(spans):
        if end > start:
            weights[2 * place, start:end] = 1 / (end - start)
            weights[2 * place + 1, end - 1] = 1
    return weights


def _captured(replay: Replay, found: "Mapping[int, torch.Tensor]", row: int) -> Captured:
    there = {"prompt": replay.pool_prefix and bool(replay.prefix), "output": bool(replay.output)}
    means: dict[tuple[int, Phase], NDArray[np.float32] | None] = {}
    lasts: dict[tuple[int, Phase], NDArray[np.float32] | None] = {}
    for layer, values in found.items():
        for place, phase in enumerate(PHASES):
            vectors = values[row, 2 * place : 2 * place + 2].numpy()
            means[layer, phase], lasts[layer, phase] = (vectors[0], vectors[1]) if there[phase] else (None, None)
    return Captured(means, lasts)
