"""Checkpoints: each a loadable Hugging Face folder in fp16, and one state file to continue the training from."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from engine.bundled.training.recipe import Position, Recipe

STATE = "state.pt"
RECIPE = "recipe.json"


def checkpoints(work: Path) -> list[Path]:
    """Return the checkpoint folders of a training, oldest first."""
    return sorted(work.glob("tokens-*"))


def save_recipe(work: Path, recipe: Recipe) -> None:
    """Write the recipe beside the checkpoints."""
    (work / RECIPE).write_text(json.dumps(asdict(recipe), indent=1), encoding="utf-8")


def load_recipe(work: Path) -> Recipe:
    """Return the recipe that `work` was last trained with."""
    return Recipe(**json.loads((work / RECIPE).read_text(encoding="utf-8")))


def load_position(work: Path) -> Position:
    """Return how far the training in `work` had come at its latest save."""
    return Position(**torch.load(work / STATE, weights_only=True)["position"])


def restore(work: Path, model: Any, optimizer: torch.optim.Optimizer) -> Position:
    """Load the latest state into model and optimizer, if there is one, and return its position."""
    if not (work / STATE).is_file():
        return Position()
    state = torch.load(work / STATE, weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return Position(**state["position"])


def save(
    work: Path, model: Any, optimizer: torch.optim.Optimizer, tokenizer: PreTrainedTokenizerFast, position: Position
) -> None:
    """Write a checkpoint folder, and the state, which replaces the former one in one step."""
    position.saved = position.tokens
    export(model, tokenizer, work / f"tokens-{position.tokens:09d}")
    scratch = work / "state.tmp"
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "position": vars(position)}, scratch)
    scratch.replace(work / STATE)


def export(model: Any, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write model and tokenizer as a Hugging Face folder in fp16; its generation settings suppress special tokens."""
    copy: Any = LlamaForCausalLM(model.config)
    copy.load_state_dict(model.state_dict())
    settings: Any = GenerationConfig  # its constructor is untyped
    copy.generation_config = settings(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        suppress_tokens=[tokenizer.bos_token_id, tokenizer.pad_token_id],
        do_sample=True,
        temperature=0.7,
        top_p=0.9,
        max_new_tokens=48,
    )
    copy.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
