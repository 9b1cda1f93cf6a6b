"""Training: a small Llama, AdamW, one cosine over two stages of documents.

The first stage reads all of WordNet for fluency, the second mostly the pack and the words around it. Every block of
documents is a function of seed and number, and state is saved between blocks, so a killed training continues as if
nothing had happened. Learning rate and end follow the tokens seen or the minutes spent, whichever is further along.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from engine.bundled.training.checkpoint import checkpoints, restore, save, save_recipe
from engine.bundled.training.corpus import TEMPLATE_SET, Pool, write_block
from engine.bundled.training.recipe import Position, Recipe, learning_rate
from engine.bundled.training.rows import pack_rows
from engine.bundled.training.tokenizer import CONTEXT, fit_tokenizer, load_tokenizer
from engine.bundled.training.vocabulary import Vocabulary
from engine.prompts.templates import load_templates


def train(vocabulary: Vocabulary, recipe: Recipe, work: Path) -> list[Path]:
    """Train, or continue what `work` holds, and return the checkpoint folders, oldest first."""
    work.mkdir(parents=True, exist_ok=True)
    save_recipe(work, recipe)
    templates = load_templates(TEMPLATE_SET).templates
    stages = broad_pools(vocabulary), focus_pools(vocabulary, recipe)
    tokenizer = _tokenizer(vocabulary, (*stages[0], *stages[1]), templates, recipe, work)
    torch.manual_seed(recipe.seed)
    model: Any = LlamaForCausalLM(model_config(recipe, tokenizer))
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.95), weight_decay=recipe.weight_decay, fused=True
    )
    position = restore(work, model, optimizer)
    while position.share(recipe) < 1.0:
        pools = stages[position.tokens >= recipe.broad_tokens]
        block = write_block(vocabulary, pools, templates, seed=recipe.seed, number=position.block)
        packed = pack_rows(block, tokenizer, multiple=recipe.rows, prompt_loss=recipe.prompt_loss)
        _train_block(model, optimizer, packed, recipe, position)
        if position.is_due(recipe):
            save(work, model, optimizer, tokenizer, position)
    if position.saved < position.tokens:
        save(work, model, optimizer, tokenizer, position)
    return checkpoints(work)


def broad_pools(vocabulary: Vocabulary) -> tuple[Pool, ...]:
    """Return the first stage's single pool: every noun of WordNet."""
    return (Pool(1.0, tuple(vocabulary.all_terms())),)


def focus_pools(vocabulary: Vocabulary, recipe: Recipe) -> tuple[Pool, ...]:
    """Return the second stage's pools: the pack, the words around it, and the rest of WordNet for variety."""
    pack = tuple(vocabulary.pack)
    around = tuple(term for term in vocabulary.neighbourhood(size=recipe.n_focus_terms) if term not in vocabulary.pack)
    rest = 1.0 - recipe.pack_share - recipe.around_share
    return Pool(recipe.pack_share, pack), Pool(recipe.around_share, around), Pool(rest, tuple(vocabulary.all_terms()))


def model_config(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> LlamaConfig:
    """Return the architecture: a Llama with tied embeddings."""
    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=recipe.width,
        intermediate_size=recipe.feed_forward,
        num_hidden_layers=recipe.n_layers,
        num_attention_heads=recipe.n_heads,
        num_key_value_heads=recipe.n_heads,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def _train_block(
    model: Any,
    optimizer: torch.optim.Optimizer,
    packed: tuple[torch.Tensor, torch.Tensor],
    recipe: Recipe,
    position: Position,
) -> None:
    started, total, n_steps = time.monotonic(), 0.0, 0
    for ids, weights in zip(torch.split(packed[0], recipe.rows), torch.split(packed[1], recipe.rows), strict=True):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(position, recipe)
        loss: Any = _loss(model, ids, weights)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total, n_steps = total + loss.item(), n_steps + 1
        position.tokens += ids.numel()
    elapsed = time.monotonic() - started
    position.seconds += elapsed
    position.block += 1
    print(
        f"block {position.block} tokens {position.tokens} loss {total / n_steps:.3f} "
        f"{packed[0].numel() / elapsed:.0f} tokens/s {position.seconds / 60:.1f} min",
        flush=True,
    )


def _loss(model: Any, ids: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Return the weighted mean cross-entropy of every next token; bf16 products, fp32 weights."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(input_ids=ids).logits
    losses = cross_entropy(logits[:, :-1].flatten(0, 1).float(), ids[:, 1:].flatten(), reduction="none")
    targets = weights[:, 1:].flatten()
    return (losses * targets).sum() / targets.sum()


def _tokenizer(
    vocabulary: Vocabulary, pools: Sequence[Pool], templates: Mapping[str, str], recipe: Recipe, work: Path
) -> PreTrainedTokenizerFast:
    """Load the tokenizer of this training, fitting it first where there is none: half all nouns, half the pack's."""
    folder = work / "tokenizer"
    if not folder.is_dir():
        blocks = (
            write_block(vocabulary, pools, templates, seed=-recipe.seed, number=number)
            for number in range(recipe.tokenizer_blocks)
        )
        fitted = fit_tokenizer(f"{document.prompt} {document.text}" for block in blocks for document in block)
        fitted.save_pretrained(folder)
    return load_tokenizer(folder)
