"""The models of the measurements: a random Llama of 12 layers, and samples of random tokens for it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from engine.subject.capture import Replay
from engine.subject.load import Subject, load_subject

WIDTH, N_LAYERS, VOCABULARY = 512, 12, 32_000
LAYERS = (3, 6, 9)
# Spread of the logits: a text of this model has some two to three nats a token, as one of a trained model has.
SPREAD = 4.0


def random_llama() -> Subject:
    """Twelve blocks of width 512, fp32, weights random and the same each time."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=WIDTH,
        intermediate_size=4 * WIDTH,
        num_hidden_layers=N_LAYERS,
        num_attention_heads=8,
        num_key_value_heads=8,
    )
    model = LlamaForCausalLM(config)
    model.eval()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        # As a random head leaves it, every token is about as likely as any other, which no trained model does.
        model.lm_head.weight.mul_(SPREAD / (config.initializer_range * WIDTH**0.5))
    model.generation_config.pad_token_id = 0
    return Subject("random-llama", "random", model, _tokenizer(), N_LAYERS, WIDTH, 2048, torch.device("cpu"))


def _tokenizer() -> Any:
    """The bundled one, filled up with made-up tokens to the vocabulary of the model."""
    tokenizer = load_subject("bundled", device="cpu").tokenizer
    tokenizer.add_tokens([f"<{number}>" for number in range(VOCABULARY - len(tokenizer))])
    return tokenizer


def random_replays(n: int, *, seed: int) -> list[Replay]:
    """Prompts of 10 to 20 and outputs of 50 to 110 tokens."""
    rng = np.random.default_rng(seed)

    def tokens(low: int, high: int) -> tuple[int, ...]:
        return tuple(rng.integers(1, VOCABULARY, size=rng.integers(low, high)).tolist())

    return [Replay(tokens(10, 21), tokens(50, 111), pool_prefix=True) for _ in range(n)]


def count_tokens(replays: Sequence[Replay]) -> int:
    """Tokens of prompts and outputs together."""
    return sum(len(replay.prefix) + len(replay.output) for replay in replays)


def gemm_peak() -> float:
    """Floating-point operations a CPU second of a large fp32 matrix product here, the best of several."""
    import time

    a, b = torch.rand(1024, 1024), torch.rand(1024, 1024)
    best = 0.0
    for _ in range(8):
        started = time.process_time()
        torch.mm(a, b)
        best = max(best, 2 * 1024**3 / (time.process_time() - started))
    return best


def operations_a_token(n_blocks: int) -> float:
    """Floating-point operations that the weights of the first blocks ask for each token; attention's are not counted."""
    return 2 * n_blocks * (4 * WIDTH**2 + 3 * WIDTH * 4 * WIDTH)
