"""Prompts that the model cannot read are refused before anything is generated."""

from dataclasses import replace
from pathlib import Path

import pytest

from db import connect
from engine.config import StudyConfig
from engine.errors import ModelError
from engine.pipeline import run
from engine.stages.generate import PendingPrompt, refuse_overlong
from engine.subject.encode import encode_prompt
from engine.subject.load import Subject
from tests.support.tiny_models import build_tiny_model


def prompt(text: str, concept: str = "gin") -> PendingPrompt:
    return PendingPrompt(0, f"s-{concept}", concept, "what-is", text, 0)


def test_prompt_fits_up_to_the_last_token_and_not_beyond(subject: Subject) -> None:
    text = "What is gin? " * 3
    n_tokens = len(encode_prompt(subject, text))
    for n_least in (1, 5):
        refuse_overlong([prompt(text)], replace(subject, context=n_tokens + n_least), n_least=n_least)
        with pytest.raises(
            ModelError, match=f"prompt of {n_tokens} tokens.*context of {n_tokens + n_least - 1} tokens"
        ):
            refuse_overlong([prompt(text)], replace(subject, context=n_tokens + n_least - 1), n_least=n_least)


def test_chat_template_counts_with_the_prompt(tmp_path: Path) -> None:
    from engine.subject.load import load_subject

    subject = load_subject(str(build_tiny_model(tmp_path / "chat", style="llama", chat=True)), device="cpu")
    n_tokens = len(encode_prompt(subject, "Gin?"))
    assert n_tokens > len(encode_prompt(replace(subject, chat=False), "Gin?"))
    refuse_overlong([prompt("Gin?")], replace(subject, context=n_tokens + 1), n_least=1)
    with pytest.raises(ModelError):
        refuse_overlong([prompt("Gin?")], replace(subject, context=n_tokens), n_least=1)


def test_all_overlong_prompts_are_counted_and_the_first_is_named(subject: Subject) -> None:
    long = "What is gin? " * 60
    prompts = [
        prompt("Gin", "rum"),
        prompt(long, "gin"),
        prompt("Rum", "ale"),
        prompt(long, "vodka"),
        prompt(long, "port"),
    ]
    with pytest.raises(ModelError) as raised:
        refuse_overlong(prompts, subject, n_least=1)
    said = str(raised.value)
    assert 'The template "what-is" makes a prompt of' in said
    assert 'about "gin", and 2 more prompts are too long' in said
    assert "--template-set" in said
    assert "vodka" not in said
    with pytest.raises(ModelError, match="and 1 more prompt is too long"):
        refuse_overlong(prompts[:-1], subject, n_least=1)


def test_overlong_prompts_end_a_run_before_it_generates_and_lose_nothing(llama_folder: Path, tmp_path: Path) -> None:
    templates = tmp_path / "long.toml"
    templates.write_text(f'[templates]\nshort = "What is {{term}}?"\nlong = "{"What is it? " * 40}{{term}}"\n')
    study = tmp_path / "study"
    config = StudyConfig(model=str(llama_folder), per_quadrant=1, n_positive=2, n_negative=2, max_new_tokens=4)
    run(study, config, only=("generate",), quiet=True)
    n_before = n_samples(study)
    with pytest.raises(ModelError, match='template "long"'):
        run(study, replace(config, template_set=str(templates)), only=("generate",), quiet=True)
    assert n_samples(study) == n_before > 0


def n_samples(study: Path) -> int:
    with connect(study) as cursor:
        return int(cursor.execute("select count(*) from samples").fetchall()[0][0])
