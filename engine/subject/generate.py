"""Sample texts so that the same seed gives the same text, whatever else the study asks for.

Each sample owns its random numbers (one uniform a token, from its own seed), and the nucleus is cut and inverted here. A
row's logits still depend on its batch in the last bits, so the batches themselves are part of the plan and always run whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from engine.errors import ModelError
from engine.subject.load import Subject

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Generation:
    """One output: its text, its tokens without the closing one, and why it ended."""

    text: str
    output_ids: tuple[int, ...]
    n_prompt_tokens: int
    finish_reason: Literal["stop", "length"]


def generate_batch(
    subject: Subject,
    prompts: Sequence[str],
    *,
    seeds: Sequence[int],
    temperature: float,
    top_p: float,
    max_new_tokens: int,
) -> list[Generation]:
    """Sample one output for each prompt; fewer tokens than asked for where the model's context ends."""
    import torch

    prompt_ids = [encode_prompt(subject, prompt) for prompt in prompts]
    longest = max(map(len, prompt_ids))
    n_new = min(max_new_tokens, subject.context - longest)
    if n_new < 1:
        raise ModelError(f"A prompt of {longest} tokens leaves no room in the model's context of {subject.context}.")
    uniforms = torch.from_numpy(np.stack([np.random.Generator(np.random.Philox(seed)).random(n_new) for seed in seeds]))
    stops = stop_tokens(subject)
    with torch.inference_mode():
        tokens = _decode(subject, prompt_ids, uniforms.to(subject.device), temperature, top_p, stops)
    return [_finish(subject, row, len(ids), stops) for row, ids in zip(tokens.tolist(), prompt_ids, strict=True)]


def encode_prompt(subject: Subject, prompt: str) -> list[int]:
    """Token ids of the prompt, with the special tokens that the tokenizer puts before a text."""
    ids: list[int] = subject.tokenizer(prompt)["input_ids"]
    stops = stop_tokens(subject)
    return ids[:-1] if ids and ids[-1] in stops else ids


def stop_tokens(subject: Subject) -> frozenset[int]:
    """Ids that end a text."""
    configured = subject.model.generation_config.eos_token_id
    ids = configured if isinstance(configured, list) else [configured, subject.tokenizer.eos_token_id]
    return frozenset(token for token in ids if token is not None)


def _decode(
    subject: Subject,
    prompt_ids: Sequence[Sequence[int]],
    uniforms: "torch.Tensor",
    temperature: float,
    top_p: float,
    stops: frozenset[int],
) -> "torch.Tensor":
    """Left-padded batch, key-value cache; returns [B, T] with a stop token wherever a row has ended."""
    import torch

    device, stop = subject.device, next(iter(stops), -1)
    longest = max(map(len, prompt_ids))
    input_ids = torch.full((len(prompt_ids), longest), max(stop, 0), device=device)
    mask = torch.zeros(len(prompt_ids), longest, dtype=torch.long, device=device)
    for row, ids in enumerate(prompt_ids):
        input_ids[row, longest - len(ids) :] = torch.tensor(ids, device=device)
        mask[row, longest - len(ids) :] = 1
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    suppressed = torch.tensor(_never_sampled(subject, stops), dtype=torch.long, device=device)
    stop_ids = torch.tensor(sorted(stops), dtype=torch.long, device=device)
    ended = torch.zeros(len(prompt_ids), dtype=torch.bool, device=device)
    cache, tokens = None, []
    for step in range(uniforms.shape[1]):
        out = subject.model(
            input_ids=input_ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
        )
        cache, logits = out.past_key_values, out.logits[:, -1].double()
        if bool((logits.isnan() | logits.isposinf()).any()):
            raise ModelError(f"{subject.name} gives logits that are not finite, so nothing can be sampled.")
        logits[:, suppressed] = -torch.inf
        chosen = sample_tokens(logits, uniforms[:, step], temperature=temperature, top_p=top_p)
        chosen = torch.where(ended, stop, chosen)
        tokens.append(chosen)
        ended |= torch.isin(chosen, stop_ids)
        if bool(ended.all()):
            break
        input_ids, positions = chosen[:, None].clamp(min=0), positions[:, -1:] + 1
        mask = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=1)
    return torch.stack(tokens, dim=1)


def _never_sampled(subject: Subject, stops: frozenset[int]) -> list[int]:
    """Special tokens that do not end a text, and rows of the output matrix that the tokenizer has no token for."""
    n_rows = int(subject.model.config.get_text_config().vocab_size)
    special = {token for token in subject.tokenizer.all_special_ids if token < n_rows}
    return sorted((special | set(range(len(subject.tokenizer), n_rows))) - stops)


def sample_tokens(
    logits: "torch.Tensor", uniforms: "torch.Tensor", *, temperature: float, top_p: float
) -> "torch.Tensor":
    """Invert each row's nucleus at its uniform number; [B, V] logits, [B] numbers in [0, 1) -> [B] token ids."""
    probability, order = (logits / temperature).softmax(-1).sort(dim=-1, descending=True, stable=True)
    cumulative = probability.cumsum(-1)
    in_nucleus = (cumulative - probability < top_p) & (probability > 0)
    mass = (probability * in_nucleus).cumsum(-1)
    place = (mass <= uniforms[:, None] * mass[:, -1:]).sum(-1, keepdim=True)
    last = in_nucleus.sum(-1, keepdim=True) - 1
    return order.gather(-1, place.minimum(last)).squeeze(-1)


def _finish(subject: Subject, row: list[int], n_prompt_tokens: int, stops: frozenset[int]) -> Generation:
    end = next((i for i, token in enumerate(row) if token in stops), None)
    ids = row if end is None else row[:end]
    text: str = subject.tokenizer.decode(ids, skip_special_tokens=True)
    return Generation(text, tuple(ids), n_prompt_tokens, "length" if end is None else "stop")
