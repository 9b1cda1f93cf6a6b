"""What decides a training (the recipe) and how far it has come (the position); both are kept beside the checkpoints."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what the training does.

    Three stages: all nouns until `broad_until` tokens, mostly the pack and the words around it until `focus_until`, then
    mostly all nouns again, so that the model gains fluency and breadth without learning the pack by heart. `focus_` and
    `wide_` fields are parts of the documents; what they leave is drawn from all nouns.
    """

    tokens: int = 28_000_000
    minutes: float = 87.0
    broad_until: int = 2_000_000
    focus_until: int = 6_000_000
    checkpoint_tokens: int = 1_500_000
    learning_rate: float = 2.5e-3
    warmup_tokens: int = 200_000
    weight_decay: float = 0.02
    rows: int = 8
    prompt_loss: float = 0.1
    focus_pack: float = 0.30
    focus_around: float = 0.60
    wide_pack: float = 0.08
    wide_around: float = 0.22
    n_focus_terms: int = 1000
    tokenizer_blocks: int = 160
    n_layers: int = 4
    width: int = 256
    n_heads: int = 4
    feed_forward: int = 672
    seed: int = 1


@dataclass
class Position:
    """How far a training is: blocks done, tokens seen, seconds spent, tokens at the latest save."""

    block: int = 0
    tokens: int = 0
    seconds: float = 0.0
    saved: int = 0

    def share(self, recipe: Recipe) -> float:
        """Return the part of the training that is done, 0 to 1 and beyond."""
        return max(self.tokens / recipe.tokens, self.seconds / (60 * recipe.minutes))

    def is_due(self, recipe: Recipe) -> bool:
        """Tell whether a multiple of `checkpoint_tokens` was passed since the latest save."""
        return self.tokens // recipe.checkpoint_tokens > self.saved // recipe.checkpoint_tokens


def learning_rate(position: Position, recipe: Recipe) -> float:
    """Return the rate at a position: linear warm-up, then half a cosine down to a fiftieth."""
    warm = min(1.0, (position.tokens + 1) / recipe.warmup_tokens)
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, position.share(recipe))))
    return recipe.learning_rate * warm * (0.02 + 0.98 * cosine)
