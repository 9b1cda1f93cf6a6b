"""Capture against the hidden states of plain, unpadded forward passes."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigError, ModelError
from engine.subject import capture as capturing
from engine.subject import hooks
from engine.subject.capture import Replay, capture
from engine.subject.hooks import decoder_blocks, residual_hooks
from engine.subject.layers import choose_layers, resolve_layers
from engine.subject.load import Subject
from engine.subject.shared import group_by_prompt

TEXTS = [(5, 9), (1, 1), (30, 2), (3, 40), (8, 0), (2, 17), (7, 7)]
"""Tokens of prompt and output of each sample: very different lengths, so that most rows are padded."""


def replays(*, pool_prefix: bool = True, opening: bool = True) -> list[Replay]:
    rng = np.random.default_rng(3)
    found = []
    for n_prefix, n_output in TEXTS:
        prefix = rng.integers(3, 400, n_prefix).tolist() if opening else []
        found.append(Replay(tuple(prefix), tuple(rng.integers(3, 400, n_output).tolist()), pool_prefix))
    return found


def plain_residuals(subject: Subject, replay: Replay) -> list[np.ndarray]:
    """The output of each block [T, d] for one sample alone, from `hidden_states`; the last one with its norm undone.

    transformers returns the last hidden state after the final norm, so the last block's output is taken from the norm's input.
    """
    final_norm = getattr(subject.model.base_model, "norm", None) or subject.model.base_model.ln_f
    before_norm: list[torch.Tensor] = []
    handle = final_norm.register_forward_pre_hook(lambda _module, args: before_norm.append(args[0]))
    ids = torch.tensor([[*replay.prefix, *replay.output]])
    with torch.inference_mode():
        states = subject.model(input_ids=ids, output_hidden_states=True).hidden_states
        normed = final_norm(before_norm[0])
    handle.remove()
    assert torch.allclose(normed, states[-1], atol=1e-5)
    return [state[0].numpy() for state in (*states[1:-1], before_norm[0])]


def close(found: np.ndarray | None, expected: np.ndarray) -> bool:
    return found is not None and found.dtype == np.float32 and bool(np.abs(found - expected).max() <= 1e-4)


def test_means_equal_hidden_states_at_every_layer_in_padded_batches(subject: Subject) -> None:
    samples = replays()
    found = capture(subject, samples, layers=[0, 1, 2], batch_size=4)
    for replay, one in zip(samples, found, strict=True):
        n = len(replay.prefix)
        for layer, residual in enumerate(plain_residuals(subject, replay)):
            assert close(one.vectors[layer, "prompt"], residual[:n].mean(axis=0))
            if replay.output:
                assert close(one.vectors[layer, "output"], residual[n:].mean(axis=0))
                assert close(one.last[layer, "output"], residual[-1])
            else:
                assert one.vectors[layer, "output"] is None
                assert one.last[layer, "output"] is None
            assert close(one.last[layer, "prompt"], residual[n - 1])


@pytest.mark.parametrize("prefix", [(1,), ()])
def test_output_alone_is_captured_after_opening_tokens_only(subject: Subject, prefix: tuple[int, ...]) -> None:
    samples = [Replay(prefix, replay.output, pool_prefix=False) for replay in replays()]
    for replay, one in zip(samples, capture(subject, samples, layers=[0, 2]), strict=True):
        assert one.vectors[0, "prompt"] is None
        assert one.vectors[2, "prompt"] is None
        if replay.output:
            residual = plain_residuals(subject, replay)[2]
            assert close(one.vectors[2, "output"], residual[len(prefix) :].mean(axis=0))
        else:
            assert one.vectors[2, "output"] is None


def test_the_batch_decides_nothing(subject: Subject) -> None:
    samples = replays()
    together = capture(subject, samples, layers=[2], batch_size=len(samples))
    alone = [capture(subject, [replay], layers=[2])[0] for replay in samples]
    for one, other in zip(together, alone, strict=True):
        for place, vector in one.vectors.items():
            expected = other.vectors[place]
            assert (vector is None) == (expected is None)
            assert vector is None or close(vector, expected)  # type: ignore[arg-type]


def n_hooks(subject: Subject) -> int:
    return sum(len(module._forward_hooks) for module in subject.model.modules())


def test_hooks_are_removed_after_the_pass_and_after_errors(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    before = n_hooks(subject)
    capture(subject, replays()[:2], layers=[0, 1])
    assert n_hooks(subject) == before
    with pytest.raises(IndexError):
        capture(subject, [Replay((10**6,), (3,), pool_prefix=True)], layers=[0, 1])
    assert n_hooks(subject) == before
    with pytest.raises(IndexError), residual_hooks(subject.model, [0, 99], lambda residual: residual):
        pass
    assert n_hooks(subject) == before


def test_the_pass_stops_after_the_deepest_layer(subject: Subject) -> None:
    ran: list[int] = []
    blocks = decoder_blocks(subject.model)
    handles = [
        block.register_forward_hook(lambda *_, layer=layer: ran.append(layer)) for layer, block in enumerate(blocks)
    ]
    capture(subject, replays()[:1], layers=[1])
    for handle in handles:
        handle.remove()
    assert 2 not in ran


def test_layers_default_to_a_spread_with_the_last(load: Callable[[str], Subject]) -> None:
    chosen = choose_layers(load("llama"), None)
    assert chosen[-1] == 2
    assert list(chosen) == sorted(set(chosen))
    assert choose_layers(load("llama"), (2, 0, 2)) == (0, 2)
    with pytest.raises(ConfigError, match="Layer 3 does not exist"):
        choose_layers(load("llama"), (0, 3))


@given(st.integers(1, 200), st.floats(0, 1))
def test_layers_count_from_either_end_or_by_depth(n_layers: int, share: float) -> None:
    def resolve(*layers: int | float) -> tuple[int, ...]:
        return resolve_layers(layers, n_layers=n_layers, model="model")

    assert resolve(-1) == resolve(n_layers - 1) == resolve(1.0) == (n_layers - 1,)
    assert resolve(-n_layers) == resolve(0) == resolve(0.0) == (0,)
    [found] = resolve(share)
    assert 0 <= found < n_layers
    assert abs((found + 1) - max(1, share * n_layers)) <= 0.5
    for beyond in (n_layers, -n_layers - 1):
        with pytest.raises(ConfigError, match=f"layers 0 to {n_layers - 1}, or -{n_layers} to -1"):
            resolve(beyond)


def test_share_of_the_depth_beyond_it_is_told() -> None:
    with pytest.raises(ConfigError, match=r"Layer 1\.5 is no share"):
        resolve_layers([1.5], n_layers=4, model="model")


def test_capture_goes_on_in_smaller_batches_when_memory_ends(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    samples, seen = replays(), []
    expected = capture(subject, samples, layers=[1])
    run = capturing._capture_batch

    def scarce(subject: Subject, batch: Sequence[Replay], **more: Any) -> Any:
        seen.append(len(batch))
        if len(batch) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return run(subject, batch, **more)

    monkeypatch.setattr(capturing, "_capture_batch", scarce)
    for one, other in zip(capture(subject, samples, layers=[1]), expected, strict=True):
        assert close(one.vectors[1, "prompt"], other.vectors[1, "prompt"])  # type: ignore[arg-type]
    assert max(seen[2:]) <= 3


def test_a_model_without_blocks_is_told(load: Callable[[str], Subject], monkeypatch: pytest.MonkeyPatch) -> None:
    model: Any = load("llama").model
    monkeypatch.setattr(model.config, "num_hidden_layers", 7)
    with pytest.raises(ModelError, match="decoder blocks"):
        decoder_blocks(model)


def shared_replays() -> list[Replay]:
    """Twenty samples of two long prompts and some of their own, all mixed, some without an output."""
    rng = np.random.default_rng(4)
    prompts = [tuple(rng.integers(3, 400, n).tolist()) for n in (25, 18)]
    made = [
        Replay(prompts[i % 2], tuple(rng.integers(3, 400, i * 2 % 31).tolist()), pool_prefix=True) for i in range(20)
    ]
    made += replays()
    return [made[i] for i in rng.permutation(len(made))]


def test_a_shared_prompt_is_run_once_and_changes_nothing(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    samples, widths = shared_replays(), []
    run = hooks.pooled_residuals

    def watched(subject: Subject, ids: torch.Tensor, *more: Any, **options: Any) -> Any:
        widths.append(ids.numel())
        return run(subject, ids, *more, **options)

    monkeypatch.setattr(capturing, "pooled_residuals", watched)
    found = capture(subject, samples, layers=[0, 2], batch_size=16)
    n_shared, widths[:] = sum(widths), []
    monkeypatch.setattr(capturing, "has_plain_cache", lambda _config: False)
    capture(subject, samples, layers=[0, 2], batch_size=16)
    assert n_shared < 0.85 * sum(widths)
    for replay, one in zip(samples, found, strict=True):
        plain, n = plain_residuals(subject, replay), len(replay.prefix)
        for layer in (0, 2):
            assert close(one.vectors[layer, "prompt"], plain[layer][:n].mean(axis=0))
            assert close(one.last[layer, "prompt"], plain[layer][n - 1])
            if replay.output:
                assert close(one.vectors[layer, "output"], plain[layer][n:].mean(axis=0))
                assert close(one.last[layer, "output"], plain[layer][-1])
            else:
                assert one.vectors[layer, "output"] is None


def test_prompts_are_shared_only_where_that_saves_much() -> None:
    long, short = (1,) * 40, (2,) * 4
    prompts = [long] * 6 + [short] * 6 + [(3,) * 90]
    assert group_by_prompt(prompts, [30] * 13) == ([[0, 1, 2, 3, 4, 5]], [*range(6, 13)])
    assert group_by_prompt([long] * 3, [30] * 3) == ([], [0, 1, 2])
    assert group_by_prompt([()] * 9, [0] * 9) == ([], [*range(9)])
