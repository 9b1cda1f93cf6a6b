"""Generation alone, and together with capture: ours against `generate`."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from bench.compare import Comparison, compare
from bench.models import LAYERS, random_llama
from engine.packs.folder import load_pack
from engine.prompts.templates import load_templates
from engine.subject.capture import Replay, capture
from engine.subject.encode import encode_prompt
from engine.subject.generate import Writer
from engine.subject.load import Subject, load_subject
from engine.subject.sampling import Sampling

N_PROMPTS, N_NEW = 32, 48
N_MANY, N_OF_PEERS = 64, 8
SAMPLING = Sampling(temperature=0.7, top_p=0.9, max_new_tokens=N_NEW, min_new_tokens=N_NEW)


def prompts(n: int) -> list[str]:
    """Prompts about concepts of the starter pack, in the order of their length, as a plan batches them."""
    templates = list(load_templates("standard").templates.values())
    concepts = load_pack("starter").concepts
    made = [templates[i % len(templates)].format(term=concepts[i % len(concepts)].term) for i in range(n)]
    return sorted(made, key=len)


def write(subject: Subject, asked: Sequence[str], *, size: int) -> list[Replay]:
    """Our texts, in batches of that size, ready to be captured."""
    writer, made = Writer(subject, SAMPLING), []
    for start in range(0, len(asked), size):
        batch = asked[start : start + size]
        for prompt, one in zip(batch, writer.write(batch, seeds=range(start, start + len(batch))), strict=True):
            made.append(Replay(tuple(encode_prompt(subject, prompt)), one.output_ids, pool_prefix=True))
    return made


def generate_against_transformers() -> Comparison:
    """All write the same number of tokens to the same prompts; texts differ, for `generate` draws otherwise."""
    subject, asked = load_subject("bundled", device="cpu"), prompts(N_PROMPTS)
    ways: dict[str, Callable[[], int]] = {
        f"engine.subject.generate, batch {N_PROMPTS}": lambda: _n_tokens(write(subject, asked, size=N_PROMPTS)),
        "engine.subject.generate, batch 16": lambda: _n_tokens(write(subject, asked, size=16)),
        "generate, batch 16": lambda: _generate(subject, asked, size=16),
        "generate, one by one": lambda: _generate(subject, asked, size=1),
    }
    return compare(
        f"generation, {N_PROMPTS} prompts, bundled model",
        ways,
        agreement=f"new tokens: {' '.join(sorted({str(way()) for way in ways.values()}))}",
        n_repeats=3,
        with_memory=True,
    )


def generate_and_capture_against_collection() -> Comparison:
    """Generate, then replay through the truncated model; against hidden states collected inside `generate`.

    The model is one of twelve layers with a vocabulary of 32,000. The peers write a share of the texts only.
    """
    full = random_llama()
    half = replace(full, model=copy.deepcopy(full.model).to(torch.bfloat16))
    asked = prompts(N_MANY)
    few = asked[:: N_MANY // N_OF_PEERS]
    made: list[int] = []
    ways: dict[str, Callable[[], object]] = {
        f"ours, batch {N_MANY}": lambda: made.append(_write_and_capture(full, asked, LAYERS)),
        f"ours, batch {N_MANY}, bf16": lambda: made.append(_write_and_capture(half, asked, LAYERS)),
    }
    shares = {}
    for model, dtype in ((full, ""), (half, ", bf16")):
        for size in (4, 1):
            way = f"hidden states inside generate, batch {size}{dtype}"
            ways[way] = partial(_generate, model, few, size=size, layers=LAYERS)
            shares[way] = len(few) / len(asked)
    found = compare(
        f"generation and capture, {N_MANY} texts of {N_NEW} tokens, layers {LAYERS} of {full.n_layers}, vocabulary 32,000",
        ways,
        agreement=f"peers write {len(few)} of the texts, and their time is multiplied",
        n_repeats=2,
        with_memory=True,
        with_warm_up=False,
        shares=shares,
    )
    rate = made[0] / (found.timings[0].seconds or 1)
    return replace(found, agreement=f"{found.agreement}; ours {rate:,.0f} new tokens/s")


def _write_and_capture(subject: Subject, asked: Sequence[str], layers: Sequence[int]) -> int:
    replays = write(subject, asked, size=len(asked))
    capture(subject, replays, layers=layers)
    return _n_tokens(replays)


def _n_tokens(replays: Sequence[Replay]) -> int:
    return sum(len(replay.output) for replay in replays)


def _generate(subject: Subject, asked: Sequence[str], *, size: int, layers: Sequence[int] = ()) -> int:
    """Tokens that plain `generate` makes; with layers it also pools what it saw of prompt and output."""
    subject.tokenizer.padding_side = "left"
    n_made = 0
    for start in range(0, len(asked), size):
        batch = subject.tokenizer(list(asked[start : start + size]), return_tensors="pt", padding=True)
        batch.pop("token_type_ids", None)
        made: Any = subject.model.generate(
            **batch,
            do_sample=True,
            temperature=0.7,
            top_p=0.9,
            top_k=0,
            max_new_tokens=N_NEW,
            min_new_tokens=N_NEW,
            output_hidden_states=bool(layers),
            return_dict_in_generate=True,
        )
        n_made += (made.sequences.shape[1] - batch["input_ids"].shape[1]) * len(made.sequences)
        for layer in layers:
            prompt = made.hidden_states[0][layer + 1] * batch["attention_mask"][..., None]
            torch.stack([step[layer + 1][:, -1] for step in made.hidden_states[1:]]).mean(0)
            prompt.sum(1) / batch["attention_mask"].sum(1, keepdim=True)
    return n_made
