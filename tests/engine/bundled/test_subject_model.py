"""The subject model that ships is an ordinary, small Hugging Face folder, and its card is complete."""

from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "engine" / "bundled" / "subject-model"


def test_folder_is_small_and_complete() -> None:
    names = {path.name for path in FOLDER.iterdir()}
    assert names >= {
        "README.md",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert (FOLDER / "model.safetensors").stat().st_size <= 12_000_000


def test_card_is_filled_in_and_carries_the_licence_notice() -> None:
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert "$" not in card
    assert "WordNet 3.0 Copyright 2006 by Princeton University" in card
    assert "Permission to use, copy, modify and distribute this software and database" in card


def test_model_writes_texts_without_special_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(FOLDER, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    prompts = tokenizer(["What is sword?", "Give examples of weapon."] * 8, return_tensors="pt", padding=True)
    with torch.random.fork_rng(), torch.inference_mode():
        torch.manual_seed(0)
        # Without the suppression that generation_config.json asks for: the weights alone must know better.
        rows = model.generate(**prompts, do_sample=True, temperature=1.0, suppress_tokens=None, max_new_tokens=48)
    new = rows[:, prompts["input_ids"].shape[1] :]
    assert not (new == tokenizer.bos_token_id).any()
    for row in new.tolist():
        ended = row.index(tokenizer.eos_token_id) if tokenizer.eos_token_id in row else len(row)
        assert tokenizer.pad_token_id not in row[:ended]
        assert set(row[ended + 1 :]) <= {tokenizer.pad_token_id}
    texts = tokenizer.batch_decode(new, skip_special_tokens=True)
    assert sum(len(text) for text in texts) / len(texts) > 100
