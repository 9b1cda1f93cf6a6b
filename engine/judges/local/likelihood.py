"""How likely a model finds given tokens, read from one forward pass over a batch.

Texts are padded on the right, which a causal model needs no mask for, and logits are computed at the positions asked for
only. What all texts begin with is run once: its keys and values serve every batch. In float32 neither changes a probability by
more than the last bits; in half precision a batch shows in the second or third digit.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.errors import JudgeError
from engine.subject.load import Subject
from engine.subject.shared import has_plain_cache

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Reading:
    """A text in tokens, and for each of its last positions the tokens that may follow there."""

    ids: tuple[int, ...]
    following: tuple[tuple[int, ...], ...]


class Start:
    """Tokens that many texts begin with, and what the model keeps of them; no tokens where it keeps more than keys and values."""

    def __init__(self, subject: Subject, ids: tuple[int, ...]) -> None:
        self.ids = ids if has_plain_cache(subject.model.config.get_text_config()) else ()
        self._subject = subject
        self._cache: Any = None

    def begins(self, ids: Sequence[int]) -> bool:
        """Whether the text begins so and goes on."""
        n = len(self.ids)
        return 0 < n < len(ids) and tuple(ids[:n]) == self.ids

    def cache(self, n_rows: int) -> Any:
        """Keys and values for a batch of so many rows; the batch may write to it."""
        import torch
        from transformers import DynamicCache

        if self._cache is None:
            cache = DynamicCache(config=self._subject.model.config)
            ids = torch.tensor([self.ids], device=self._subject.device)
            self._subject.model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
            self._cache = cache
        found = deepcopy(self._cache)
        found.batch_repeat_interleave(n_rows)
        return found


def log_probabilities(
    subject: Subject, readings: Sequence[Reading], start: Start | None = None
) -> list[list[list[float]]]:
    """For each text and position the log-probability of each token asked for, among all tokens of the model.

    Every text begins with `start`, if it is given.
    """
    import torch

    n_shared = len(start.ids) if start else 0
    ids, positions = _padded([reading.ids[n_shared:] for reading in readings], readings, subject.device)
    with torch.inference_mode():
        logits = subject.model(
            input_ids=ids,
            past_key_values=start.cache(len(readings)) if start else None,
            use_cache=start is not None,
            logits_to_keep=positions,
        ).logits.float()
        _check_finite(subject, logits)
        rows = logits.log_softmax(-1).cpu()
    return [
        [rows[row, place, list(tokens)].tolist() for place, tokens in enumerate(reading.following)]
        for row, reading in enumerate(readings)
    ]


def _padded(
    texts: Sequence[tuple[int, ...]], readings: Sequence[Reading], device: "torch.device"
) -> "tuple[torch.Tensor, torch.Tensor]":
    """Token ids [B, T] and the positions asked for [B, k]; where a text asks for fewer, its last position stands again."""
    import torch

    n_places = max(len(reading.following) for reading in readings)
    ids = torch.zeros(len(texts), max(map(len, texts)), dtype=torch.long)
    positions = torch.zeros(len(texts), n_places, dtype=torch.long)
    for row, (text, reading) in enumerate(zip(texts, readings, strict=True)):
        ids[row, : len(text)] = torch.tensor(text)
        first = len(text) - len(reading.following)
        positions[row] = torch.arange(first, first + n_places).clamp(max=len(text) - 1)
    return ids.to(device), positions.to(device)


def _check_finite(subject: Subject, logits: "torch.Tensor") -> None:
    if bool((logits.isnan() | logits.isposinf()).any()):
        raise JudgeError(
            f"{subject.name} gives logits that are not finite, so no rating can be read from them.",
            hint="Load it in float32 or bfloat16.",
        )
