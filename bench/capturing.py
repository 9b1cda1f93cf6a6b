"""Capture of mean residuals: our hooks against `output_hidden_states`, on a random Llama of 4 layers."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import LlamaConfig, LlamaForCausalLM

from bench.compare import Comparison, compare
from engine.subject.capture import Phase, Replay, capture
from engine.subject.layers import choose_layers
from engine.subject.load import Subject

N_SAMPLES, WIDTH, VOCABULARY, BATCH = 96, 256, 8_000, 16
Vectors = NDArray[np.float32]


def capture_against_hidden_states() -> Comparison:
    """Prompt and output means at three layers, fp32; the peer runs the model as it is and pools what it returns."""
    subject, replays = _subject(), _replays(seed=0)
    layers = choose_layers(subject, None)
    ours = _stack(subject, replays, layers)
    distance = float(np.abs(ours - hidden_states(subject, replays, layers, batch_size=BATCH)).max())
    return compare(
        f"capture, {N_SAMPLES} samples, layers {', '.join(map(str, layers))} of {subject.n_layers}",
        {
            "engine.subject.capture": lambda: capture(subject, replays, layers=layers, batch_size=BATCH),
            f"output_hidden_states, batch {BATCH}": lambda: hidden_states(subject, replays, layers, batch_size=BATCH),
            "output_hidden_states, batch 1": lambda: hidden_states(subject, replays, layers, batch_size=1),
        },
        agreement=f"largest difference {distance:.0e}",
        n_repeats=5,
    )


def hidden_states(subject: Subject, replays: Sequence[Replay], layers: Sequence[int], *, batch_size: int) -> Vectors:
    """Means [n, layers, 2, d] by the plain way: right-padded batches as they come, all hidden states, then the means."""
    # The last entry of hidden_states is after the final norm; a norm that does nothing keeps the residual itself.
    norm, subject.model.model.norm = subject.model.model.norm, torch.nn.Identity()
    try:
        found = [
            _hidden_batch(subject, replays[start : start + batch_size], layers)
            for start in range(0, len(replays), batch_size)
        ]
    finally:
        subject.model.model.norm = norm
    return np.concatenate(found)


def _hidden_batch(subject: Subject, replays: Sequence[Replay], layers: Sequence[int]) -> Vectors:
    texts = [torch.tensor([*replay.prefix, *replay.output]) for replay in replays]
    ids = torch.nn.utils.rnn.pad_sequence(texts, batch_first=True)
    mask = torch.nn.utils.rnn.pad_sequence([torch.ones_like(text) for text in texts], batch_first=True)
    with torch.inference_mode():
        states = subject.model(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states
    means = [
        [
            torch.stack(
                [
                    states[layer + 1][row, : len(replay.prefix)].mean(0),
                    states[layer + 1][row, len(replay.prefix) : len(texts[row])].mean(0),
                ]
            )
            for layer in layers
        ]
        for row, replay in enumerate(replays)
    ]
    return np.asarray(torch.stack([torch.stack(row) for row in means]).numpy())


def _stack(subject: Subject, replays: Sequence[Replay], layers: Sequence[int]) -> Vectors:
    captured = capture(subject, replays, layers=layers, batch_size=BATCH)
    phases: tuple[Phase, ...] = ("prompt", "output")
    return np.array([[[one.vectors[layer, phase] for phase in phases] for layer in layers] for one in captured])


def _subject() -> Subject:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=WIDTH,
        intermediate_size=4 * WIDTH,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
    )
    model = LlamaForCausalLM(config)
    model.eval()  # type: ignore[no-untyped-call]
    return Subject("random-llama", "random", model, None, 4, WIDTH, 2048, torch.device("cpu"))


def _replays(*, seed: int) -> list[Replay]:
    """Prompts of 5 to 12 and outputs of 20 to 120 tokens."""
    rng = np.random.default_rng(seed)

    def tokens(low: int, high: int) -> tuple[int, ...]:
        return tuple(rng.integers(1, VOCABULARY, size=rng.integers(low, high)).tolist())

    return [Replay(tokens(5, 13), tokens(20, 121), pool_prefix=True) for _ in range(N_SAMPLES)]
