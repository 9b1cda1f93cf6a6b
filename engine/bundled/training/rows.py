"""Documents as training rows: token ids of the context length and the weight of every token in the loss.

Every row begins with a whole document, as a prompt does in use; the following ones fill it up and the last is cut.
A begin token is never a target (weight 0), so the model learns to end a text and never to start another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from transformers import PreTrainedTokenizerFast

from engine.bundled.training.corpus import Document
from engine.bundled.training.tokenizer import CONTEXT


def pack_rows(
    documents: Sequence[Document], tokenizer: PreTrainedTokenizerFast, *, multiple: int, prompt_loss: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return token ids and loss weights, both [n, CONTEXT], n a multiple of `multiple`; what is over is left out."""
    rows = list(_rows(documents, tokenizer, prompt_loss))
    rows = rows[: len(rows) - len(rows) % multiple]
    return torch.tensor([ids for ids, _ in rows]), torch.tensor([weights for _, weights in rows])


def _rows(
    documents: Sequence[Document], tokenizer: PreTrainedTokenizerFast, prompt_loss: float
) -> Iterator[tuple[list[int], list[float]]]:
    prompts = tokenizer([document.prompt for document in documents])["input_ids"]
    texts = tokenizer([f" {document.text}" for document in documents], add_special_tokens=False, verbose=False)
    ids: list[int] = []
    weights: list[float] = []
    for prompt, text in zip(prompts, texts["input_ids"], strict=True):
        ids += [*prompt, *text, tokenizer.eos_token_id]
        weights += [0.0, *[prompt_loss] * (len(prompt) - 1), *[1.0] * (len(text) + 1)]
        if len(ids) >= CONTEXT:
            yield ids[:CONTEXT], weights[:CONTEXT]
            ids, weights = [], []
