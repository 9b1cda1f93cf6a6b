"""Mean residuals of prompt and output at three of twelve layers: ours against what one would write with known tools."""

import copy
import importlib.util
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.compare import Comparison, compare
from bench.models import LAYERS, count_tokens, gemm_peak, operations_a_token, random_llama, random_replays
from engine.subject.capture import PHASES, Replay, capture
from engine.subject.load import Subject

N_SAMPLES, BATCH = 32, 16
Vectors = NDArray[np.float32]
Residuals = Callable[[torch.Tensor, torch.Tensor], dict[int, torch.Tensor]]
PEERS = {"nnsight": "nnsight", "TransformerLens": "transformer_lens"}


def capture_against_peers() -> Comparison:
    """Every way pools the same means; peers pad batches as they come, ours sorts them by length and stops early."""
    subject, replays = random_llama(), random_replays(N_SAMPLES, seed=0)
    halved = replace(subject, model=copy.deepcopy(subject.model).to(torch.bfloat16))
    ours = _stack(subject, replays)
    there = {name for name, module in PEERS.items() if importlib.util.find_spec(module)}
    ways: dict[str, Callable[[], Vectors]] = {"engine.subject.capture": lambda: _stack(subject, replays)}
    for name, residuals, size in _peers(subject, there):
        ways[name] = partial(pool_batches, replays, residuals, size)
    distance = max(float(np.abs(ours - way()).max()) for way in ways.values())
    half = _stack(halved, replays)
    cosine = float((_unit(ours) * _unit(half)).sum(-1).min())
    ways[f"engine.subject.capture, bf16 (cosine ≥ {cosine:.5f})"] = lambda: _stack(halved, replays)
    found = compare(
        f"capture, {N_SAMPLES} samples, {count_tokens(replays):,} tokens, layers {LAYERS} of {subject.n_layers}",
        ways,
        agreement=f"largest difference {distance:.0e}",
        n_repeats=3,
        with_warm_up=False,  # the ways were shown to agree, and that warmed them
        absent=sorted(PEERS.keys() - there),
        with_memory=True,
    )
    rate = count_tokens(replays) / (found.timings[0].seconds or 1)
    share = rate * operations_a_token(max(LAYERS) + 1) / gemm_peak()
    return replace(found, agreement=f"{found.agreement}; ours {rate:,.0f} tokens/s, {share:.0%} of the GEMM peak")


def _unit(vectors: Vectors) -> Vectors:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def _stack(subject: Subject, replays: Sequence[Replay]) -> Vectors:
    captured = capture(subject, replays, layers=LAYERS, batch_size=BATCH)
    return np.array([[[one.vectors[layer, phase] for phase in PHASES] for layer in LAYERS] for one in captured])


def _peers(subject: Subject, there: set[str]) -> list[tuple[str, Residuals, int]]:
    plain = _hidden_states(subject.model)
    found = [(f"output_hidden_states, batch {BATCH}", plain, BATCH), ("output_hidden_states, batch 1", plain, 1)]
    if "nnsight" in there:
        found.append((f"nnsight, batch {BATCH}", _nnsight(subject.model, stops=False), BATCH))
        found.append((f"nnsight with stop, batch {BATCH}", _nnsight(subject.model, stops=True), BATCH))
    if "TransformerLens" in there:
        bridge = _bridge(subject)
        found.append((f"TransformerLens names_filter, batch {BATCH}", _lens(bridge, stops=False), BATCH))
        found.append((f"TransformerLens stop_at_layer, batch {BATCH}", _lens(bridge, stops=True), BATCH))
    return found


def pool_batches(replays: Sequence[Replay], residuals: Residuals, size: int) -> Vectors:
    """Means [n, layers, 2, d] of right-padded batches as they come."""
    found = []
    for start in range(0, len(replays), size):
        batch = replays[start : start + size]
        texts = [torch.tensor([*replay.prefix, *replay.output]) for replay in batch]
        ids = torch.nn.utils.rnn.pad_sequence(texts, batch_first=True)
        mask = torch.nn.utils.rnn.pad_sequence([torch.ones_like(text) for text in texts], batch_first=True)
        with torch.inference_mode():
            states = residuals(ids, mask)
        for row, replay in enumerate(batch):
            n, end = len(replay.prefix), len(texts[row])
            found.append([[states[k][row, :n].mean(0), states[k][row, n:end].mean(0)] for k in LAYERS])
    return np.asarray(torch.stack([torch.stack([torch.stack(pair) for pair in row]) for row in found]).numpy())


def _hidden_states(model: Any) -> Residuals:
    def residuals(ids: torch.Tensor, mask: torch.Tensor) -> dict[int, torch.Tensor]:
        states = model(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states
        return {layer: states[layer + 1] for layer in LAYERS}

    return residuals


def _nnsight(model: Any, *, stops: bool) -> Residuals:
    from nnsight import NNsight

    wrapped = NNsight(model)

    def residuals(ids: torch.Tensor, mask: torch.Tensor) -> dict[int, torch.Tensor]:
        low, middle, high = LAYERS
        # What is traced is read from the source, so the three layers stand one by one.
        if stops:
            with wrapped.trace(input_ids=ids, attention_mask=mask) as tracer:
                a = wrapped.model.layers[low].output.save()
                b = wrapped.model.layers[middle].output.save()
                c = wrapped.model.layers[high].output.save()
                tracer.stop()
        else:
            with wrapped.trace(input_ids=ids, attention_mask=mask):
                a = wrapped.model.layers[low].output.save()
                b = wrapped.model.layers[middle].output.save()
                c = wrapped.model.layers[high].output.save()
        return {low: a, middle: b, high: c}

    return residuals


def _bridge(subject: Subject) -> Any:
    """TransformerLens wraps the modules of the model that it is given, so it gets one of its own."""
    from transformer_lens.model_bridge import TransformerBridge
    from transformers import PreTrainedTokenizerFast

    from engine.subject.load import BUNDLED

    with tempfile.TemporaryDirectory() as folder:
        subject.model.save_pretrained(folder)
        tokenizer = PreTrainedTokenizerFast.from_pretrained(BUNDLED)
        tokenizer.save_pretrained(folder)
        return TransformerBridge.boot_transformers(
            folder, device="cpu", hf_model=copy.deepcopy(subject.model), tokenizer=tokenizer
        )


def _lens(bridge: Any, *, stops: bool) -> Residuals:
    names = {layer: f"blocks.{layer}.hook_out" for layer in LAYERS}
    options = {"stop_at_layer": max(LAYERS) + 1} if stops else {}

    def residuals(ids: torch.Tensor, _mask: torch.Tensor) -> dict[int, torch.Tensor]:
        _, cache = bridge.run_with_cache(ids, names_filter=list(names.values()), **options)
        return {layer: cache[name] for layer, name in names.items()}

    return residuals
