"""Training: a small Llama, AdamW, one cosine over three stages of documents (see `Recipe`).

Every block of documents is a function of seed and number, and state is saved between blocks, so a killed training continues as if
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
    broad, focus, wide = stage_pools(vocabulary, recipe)
    tokenizer = _tokenizer(vocabulary, (*broad, *focus), templates, recipe, work)
    torch.manual_seed(recipe.seed)
    model: Any = LlamaForCausalLM(model_config(recipe, tokenizer))
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.95), weight_decay=recipe.weight_decay, fused=True
    )
    position = restore(work, model, optimizer)
    while position.share(recipe) < 1.0:
        pools = (
            broad if position.tokens < recipe.broad_until else focus if position.tokens < recipe.focus_until else wide
        )
        block = write_block(vocabulary, pools, templates, seed=recipe.seed, number=position.block)
        packed = pack_rows(block, tokenizer, multiple=recipe.rows, prompt_loss=recipe.prompt_loss)
        _train_block(model, optimizer, packed, recipe, position)
        if position.is_due(recipe):
            save(work, model, optimizer, tokenizer, position)
    if position.saved < position.tokens:
        save(work, model, optimizer, tokenizer, position)
    return checkpoints(work)


def stage_pools(vocabulary: Vocabulary, recipe: Recipe) -> tuple[tuple[Pool, ...], ...]:
    """Return the pools of the three stages: the pack, the words around it, and every noun of WordNet, as shared out."""
    pack = tuple(vocabulary.pack)
    around = tuple(term for term in vocabulary.neighbourhood(size=recipe.n_focus_terms) if term not in vocabulary.pack)
    nouns = tuple(vocabulary.all_terms())
    shares = ((recipe.focus_pack, recipe.focus_around), (recipe.wide_pack, recipe.wide_around))
    mixed = (
        (Pool(of_pack, pack), Pool(of_around, around), Pool(1.0 - of_pack - of_around, nouns))
        for of_pack, of_around in shares
    )
    return (Pool(1.0, nouns),), *mixed


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
