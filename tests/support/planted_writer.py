"""A writer in the model's place whose texts are about their concept, or about another one, as a test says."""

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from engine.packs.pack import Pack
from engine.prompts.templates import load_templates
from engine.stages import generate
from engine.subject.encode import encode_prompt
from engine.subject.generate import Generation
from engine.subject.load import Subject


def plant_writer(patch: pytest.MonkeyPatch, pack: Pack, is_about: Callable[[str], bool]) -> list[str]:
    """Have texts written that are about their concept where `is_about(prompt)`; returns all prompts, as they are asked."""
    templates = load_templates("standard")
    concepts = {templates.fill(name, entry): entry.term for entry in pack.concepts for name in templates.templates}
    said = {entry.term: f"{entry.term} {entry.definition}" for entry in pack.concepts}
    asked: list[str] = []

    class Planted:
        def __init__(self, subject: Subject, sampling: Any) -> None:
            self.subject = subject

        def write(self, prompts: Sequence[str], *, seeds: Sequence[int]) -> list[Generation]:
            asked.extend(prompts)
            return [self._write(prompt, random.Random(seed)) for prompt, seed in zip(prompts, seeds, strict=True)]

        def _write(self, prompt: str, rng: random.Random) -> Generation:
            term, others = concepts[prompt], [one for one in said if one != concepts[prompt]]
            about = said[term if is_about(prompt) else rng.choice(others)]
            # A number tells texts of one concept apart, as duplicates would be held out together.
            text = f"{about}, {about} {rng.randint(0, 9_999)}"
            ids = self.subject.tokenizer(text, add_special_tokens=False)["input_ids"][:60]
            return Generation(text, tuple(ids), len(encode_prompt(self.subject, prompt)), "stop")

    patch.setattr(generate, "Writer", Planted)
    return asked
