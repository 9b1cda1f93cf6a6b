"""The models of the measurements: a random Llama of 12 layers, and samples of random tokens for it."""

from collections.abc import Sequence

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from engine.subject.capture import Replay
from engine.subject.load import Subject

WIDTH, N_LAYERS, VOCABULARY = 512, 12, 8_000
LAYERS = (3, 6, 9)


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
    return Subject("random-llama", "random", model, None, N_LAYERS, WIDTH, 2048, torch.device("cpu"))


def random_replays(n: int, *, seed: int) -> list[Replay]:
    """Prompts of 5 to 12 and outputs of 20 to 120 tokens."""
    rng = np.random.default_rng(seed)

    def tokens(low: int, high: int) -> tuple[int, ...]:
        return tuple(rng.integers(1, VOCABULARY, size=rng.integers(low, high)).tolist())

    return [Replay(tokens(5, 13), tokens(20, 121), pool_prefix=True) for _ in range(n)]


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
