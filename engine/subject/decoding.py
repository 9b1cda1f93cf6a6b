"""A batch of texts being written: left-padded, with a key-value cache that rows leave when they have ended."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from engine.subject.load import Subject

if TYPE_CHECKING:
    import torch

# Copying the cache costs about as much as a step, so rows leave it when they are this share of the batch, or together.
LEAVING = 0.25


class Batch:
    """`rows` are the positions, in the order given, of the texts that are still written; ended ones may stay computed."""

    def __init__(self, subject: Subject, prompts: Sequence[Sequence[int]]) -> None:
        import torch

        from engine.subject.cache import roomy_cache

        self.subject, self.prompts = subject, prompts
        self.rows = list(range(len(prompts)))
        self._places = list(self.rows)
        self._tokens = [list(prompt) for prompt in prompts]
        longest = max(map(len, prompts))
        # What stands in the padding is masked; any token that exists will do, so no padding token is needed.
        self._ids = torch.zeros(len(prompts), longest, dtype=torch.long, device=subject.device)
        self._mask = torch.zeros_like(self._ids)
        for row, ids in enumerate(prompts):
            self._ids[row, longest - len(ids) :] = torch.tensor(ids, device=subject.device)
            self._mask[row, longest - len(ids) :] = 1
        self._positions = (self._mask.cumsum(1) - 1).clamp(min=0)
        self._cache = roomy_cache(subject.model)

    def logits(self) -> "torch.Tensor":
        """Logits [rows, V] of the token that follows, in the order of `rows`."""
        out = self.subject.model(
            input_ids=self._ids,
            attention_mask=self._mask,
            position_ids=self._positions,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        self._cache = out.past_key_values
        logits = _last(out)
        return logits if len(self._places) == len(logits) else logits[self._places]

    def logits_alone(self, place: int) -> "torch.Tensor":
        """The same [1, V] for one of the rows, from its tokens alone: no batch, no padding, no cache."""
        import torch

        ids = torch.tensor([self._tokens[self.rows[place]]], device=self.subject.device)
        out = self.subject.model(input_ids=ids, use_cache=False, logits_to_keep=1)
        return _last(out)

    def tokens(self, place: int) -> list[int]:
        """All tokens of one of the rows, its prompt first."""
        return self._tokens[self.rows[place]]

    def advance(self, tokens: Sequence[int], *, gone: set[int]) -> None:
        """Append a token to each row; rows that are gone are written no more, and leave the cache when that pays."""
        import torch

        for row, token in zip(self.rows, tokens, strict=True):
            self._tokens[row].append(token)
        n_computed = len(self._ids)
        following = torch.zeros(n_computed, 1, dtype=torch.long, device=self._ids.device)
        following[self._places, 0] = torch.tensor(list(tokens), device=self._ids.device)
        kept = [i for i, row in enumerate(self.rows) if row not in gone]
        self.rows, self._places = [self.rows[i] for i in kept], [self._places[i] for i in kept]
        # Ended rows may be computed on; their places must stay places that the model has.
        self._ids, self._positions = following, (self._positions[:, -1:] + 1).clamp(max=self.subject.context - 1)
        self._mask = torch.cat([self._mask, self._mask.new_ones(n_computed, 1)], dim=1)
        if self.rows and n_computed - len(self.rows) >= max(1, LEAVING * n_computed):
            self._leave()

    def _leave(self) -> None:
        """Drop the rows that have ended from everything that is computed."""
        import torch

        if not hasattr(self._cache, "batch_select_indices"):
            return  # a cache of the model's own kind; its ended rows stay and are not looked at
        places = torch.tensor(self._places, device=self._ids.device)
        self._cache.batch_select_indices(places)
        self._ids, self._positions, self._mask = self._ids[places], self._positions[places], self._mask[places]
        self._places = list(range(len(self.rows)))


def _last(out: Any) -> "torch.Tensor":
    """Logits [B, V] of the last position, where double precision exists."""
    logits: torch.Tensor = out.logits[:, -1]
    return logits.cpu() if logits.device.type == "mps" else logits
