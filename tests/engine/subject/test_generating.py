"""Sampling: the nucleus against brute force, the whole loop against plain forward passes, and the edges of a text."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ModelError
from engine.subject.encode import encode_prompt, opening_tokens, stop_tokens
from engine.subject.generate import generate_batch
from engine.subject.load import Subject, load_subject
from engine.subject.sampling import Sampling, draw_tokens
from tests.support.tiny_models import build_tiny_model

PROMPTS = [
    "What is gin?",
    "Explain what a very long and winding word like sloe gin means.",
    "Gin",
    "Tell me about ships.",
]
SAMPLING = Sampling(temperature=0.7, top_p=0.9, max_new_tokens=12)


def brute_force_nucleus(logits: np.ndarray, u: float, temperature: float, top_p: float) -> int:
    """The token at u in the smallest set of likeliest tokens that holds top_p, by a plain loop."""
    scaled = [value / temperature for value in logits.tolist()]
    weights = [float(np.exp(value - max(scaled))) for value in scaled]
    total = sum(weights)
    likeliest = sorted(range(len(weights)), key=lambda token: (-weights[token], token))
    nucleus: list[int] = []
    mass = 0.0
    for token in likeliest:
        if mass >= top_p:
            break
        nucleus.append(token)
        mass += weights[token] / total
    reached = 0.0
    for token in nucleus:
        reached += weights[token] / total
        if reached > u * mass:
            return token
    return nucleus[-1]


def sample_tokens(logits: torch.Tensor, uniforms: torch.Tensor, *, temperature: float, top_p: float) -> torch.Tensor:
    return draw_tokens(logits, uniforms, Sampling(temperature, top_p, max_new_tokens=1)).tokens


rows = st.lists(st.integers(-40, 40).map(lambda value: value / 8), min_size=2, max_size=30)


@settings(max_examples=80, deadline=None)
@given(rows, st.integers(0, 996), st.sampled_from([0.3, 0.7, 1.0, 2.0]), st.sampled_from([0.05, 0.5, 0.9, 1.0]))
def test_sampled_token_is_that_of_brute_force(logits: list[float], u: int, temperature: float, top_p: float) -> None:
    values, uniform = torch.tensor([logits], dtype=torch.float64), u / 997 + 1e-5
    token = sample_tokens(values, torch.tensor([uniform]), temperature=temperature, top_p=top_p)
    assert token.item() == brute_force_nucleus(values[0].numpy(), uniform, temperature, top_p)


@settings(max_examples=100, deadline=None)
@given(rows, st.sampled_from([0.0, 0.5, 1 - 2**-53]), st.sampled_from([0.05, 0.9, 1.0]))
def test_forbidden_tokens_are_never_sampled(logits: list[float], u: float, top_p: float) -> None:
    values = torch.tensor([[*logits, -torch.inf, -torch.inf]], dtype=torch.float64)
    token = sample_tokens(values, torch.tensor([u], dtype=torch.float64), temperature=1.0, top_p=top_p)
    assert token.item() < len(logits)


def test_frequencies_are_those_of_the_cut_distribution() -> None:
    probability = np.array([0.5, 0.25, 0.15, 0.07, 0.03])
    u = torch.from_numpy(np.random.default_rng(5).random(40_000))
    logits = torch.from_numpy(np.log(probability)).expand(len(u), -1)
    tokens = sample_tokens(logits, u, temperature=1.0, top_p=0.8)
    counts = np.bincount(tokens.numpy(), minlength=5) / len(u)
    assert counts == pytest.approx(np.array([0.5, 0.25, 0.15, 0, 0]) / 0.9, abs=0.01)


def plain_text(subject: Subject, prompt: str, seed: int) -> list[int]:
    """Tokens by whole forward passes without batch, padding or cache."""
    ids = encode_prompt(subject, prompt)
    uniforms = np.random.Generator(np.random.Philox(seed)).random(SAMPLING.max_new_tokens)
    made: list[int] = []
    for u in uniforms:
        with torch.inference_mode():
            logits = subject.model(input_ids=torch.tensor([ids + made])).logits[0, -1].double().numpy().copy()
        logits[[0, 1]] = -np.inf
        token = brute_force_nucleus(logits, u, SAMPLING.temperature, SAMPLING.top_p)
        if token == 2:
            break
        made.append(token)
    return made


def test_batch_equals_plain_forward_passes_one_by_one(subject: Subject) -> None:
    seeds = [11, 12, 13, 14]
    batch = generate_batch(subject, PROMPTS, seeds=seeds, sampling=SAMPLING)
    assert [list(made.output_ids) for made in batch] == [
        plain_text(subject, prompt, seed) for prompt, seed in zip(PROMPTS, seeds, strict=True)
    ]
    for made, prompt in zip(batch, PROMPTS, strict=True):
        assert made.n_prompt_tokens == len(encode_prompt(subject, prompt))
        assert made.text == subject.tokenizer.decode(made.output_ids)


def test_same_seed_same_text_and_another_seed_another_one(subject: Subject) -> None:
    prompts = ["Gin"] * 3
    first = generate_batch(subject, prompts, seeds=[1, 1, 2], sampling=SAMPLING)
    assert first == generate_batch(subject, prompts, seeds=[1, 1, 2], sampling=SAMPLING)
    assert first[0] == first[1]
    assert first[0].output_ids != first[2].output_ids


def test_prompt_is_encoded_with_opening_tokens_and_without_closing_ones(load: Callable[[str], Subject]) -> None:
    llama, gpt2 = load("llama"), load("gpt2")
    assert encode_prompt(llama, "Gin")[0] == 1
    assert opening_tokens(llama) == [1]
    assert opening_tokens(gpt2) == []
    assert encode_prompt(llama, "Gin<|end|>") == encode_prompt(llama, "Gin")


def test_context_limit_is_kept_and_a_prompt_beyond_it_is_told(tmp_path: Path, llama_folder: Path) -> None:
    subject = load_subject(str(build_tiny_model(tmp_path / "short", style="gpt2", context=40)), device="cpu")
    prompt = "Gin" * 11
    n_prompt = len(encode_prompt(subject, prompt))
    [made] = generate_batch(subject, [prompt], seeds=[0], sampling=Sampling(1.0, 1.0, 200))
    assert len(made.output_ids) == 40 - n_prompt or made.finish_reason == "stop"
    with pytest.raises(ModelError, match="40"):
        generate_batch(subject, ["Gin" * 50], seeds=[0], sampling=Sampling(1.0, 1.0, 5))


def test_rows_without_a_token_are_never_sampled(tmp_path: Path) -> None:
    folder = build_tiny_model(tmp_path / "padded", style="llama", n_unused_rows=2000)
    subject = load_subject(str(folder), device="cpu")
    made = generate_batch(subject, PROMPTS, seeds=[1, 2, 3, 4], sampling=Sampling(10.0, 1.0, 40))
    assert {token for one in made for token in one.output_ids} <= set(range(3, len(subject.tokenizer)))


class Chain:
    """A model whose next token depends on the last one alone; a stand-in whose texts can be followed by hand."""

    def __init__(self, table: np.ndarray, *, stops: Any) -> None:
        self.table = torch.from_numpy(table)
        self.generation_config = SimpleNamespace(eos_token_id=stops)
        self.config = SimpleNamespace(get_text_config=lambda: SimpleNamespace(vocab_size=len(table)))

    def __call__(self, *, input_ids: torch.Tensor, **_: Any) -> SimpleNamespace:
        return SimpleNamespace(logits=self.table[input_ids], past_key_values=object())


def chain_subject(load: Callable[[str], Subject], probability: dict[int, float], *, stops: Any = 2) -> Subject:
    """A subject that draws each token from the same few."""
    n = len(load("llama").tokenizer)
    row = np.full(n, -np.inf)
    for token, share in probability.items():
        row[token] = np.log(share)
    return replace(load("llama"), model=Chain(np.tile(row, (n, 1)), stops=stops))


def test_texts_may_be_empty_and_end_where_the_closing_token_falls(load: Callable[[str], Subject]) -> None:
    subject = chain_subject(load, {2: 0.5, 50: 0.25, 60: 0.25})
    n = 4000
    made = generate_batch(subject, ["Gin"] * n, seeds=list(range(n)), sampling=Sampling(1.0, 1.0, 3))
    lengths = Counter(len(one.output_ids) for one in made)
    assert [lengths[i] / n for i in range(4)] == pytest.approx([1 / 2, 1 / 4, 1 / 8, 1 / 8], abs=0.03)
    assert all((one.finish_reason == "length") == (len(one.output_ids) == 3) for one in made)
    assert all(set(one.output_ids) <= {50, 60} for one in made)
    assert all((one.text == "") == (not one.output_ids) for one in made)


def test_special_tokens_that_do_not_end_a_text_are_never_sampled(load: Callable[[str], Subject]) -> None:
    subject = chain_subject(load, {0: 0.4, 1: 0.4, 50: 0.2})
    made = generate_batch(subject, ["Gin"] * 20, seeds=list(range(20)), sampling=Sampling(1.0, 1.0, 5))
    assert {one.output_ids for one in made} == {(50,) * 5}


def test_any_of_several_closing_tokens_ends_a_text(load: Callable[[str], Subject]) -> None:
    subject = chain_subject(load, {70: 0.5, 2: 0.5}, stops=[2, 70])
    assert stop_tokens(subject) == {2, 70}
    made = generate_batch(subject, ["Gin"] * 20, seeds=list(range(20)), sampling=Sampling(1.0, 1.0, 5))
    assert {one.output_ids for one in made} == {()}


def test_a_model_without_a_closing_token_writes_to_the_end(load: Callable[[str], Subject]) -> None:
    subject = chain_subject(load, {50: 0.5, 60: 0.5}, stops=[])
    [made] = generate_batch(subject, ["Gin"], seeds=[0], sampling=Sampling(1.0, 1.0, 5))
    assert (len(made.output_ids), made.finish_reason) == (5, "length")


def test_logits_that_are_not_finite_are_told(load: Callable[[str], Subject]) -> None:
    n = len(load("llama").tokenizer)
    subject = replace(load("llama"), model=Chain(np.full((n, n), np.nan), stops=2))
    with pytest.raises(ModelError, match="not finite"):
        generate_batch(subject, ["Gin"], seeds=[0], sampling=SAMPLING)
