"""A text depends on its prompt and its seed alone: not on its batch, the size of it, or what else was in it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ModelError
from engine.packs.folder import load_pack
from engine.prompts.templates import load_templates
from engine.subject import generate as generating
from engine.subject.decoding import Batch
from engine.subject.generate import Generation, Writer
from engine.subject.load import Subject, load_subject
from engine.subject.memory import FittingBatches, is_out_of_memory
from engine.subject.sampling import Sampling, draw_tokens

SAMPLING = Sampling(temperature=1.0, top_p=0.95, max_new_tokens=12)
OTHER = Sampling(
    temperature=0.8,
    top_p=0.9,
    top_k=30,
    repetition_penalty=1.2,
    min_new_tokens=3,
    max_new_tokens=10,
    stop_strings=("e ", "."),
)


@pytest.fixture(scope="module")
def bundled() -> Subject:
    return load_subject("bundled", device="cpu")


@pytest.fixture(scope="module")
def prompts() -> list[str]:
    """Prompts of very different lengths, in no order."""
    terms = [concept.term for concept in load_pack("starter").concepts]
    made = [t.format(term=term) for t in load_templates("standard").templates.values() for term in terms]
    return [made[i] for i in np.random.default_rng(0).permutation(len(made))]


def write(subject: Subject, prompts: list[str], *, size: int, sampling: Sampling, seed: int = 0) -> list[Generation]:
    """All texts, written in batches of that size."""
    writer, made = Writer(subject, sampling), []
    for start in range(0, len(prompts), size):
        batch = prompts[start : start + size]
        made += writer.write(batch, seeds=[seed + start + i for i in range(len(batch))])
    return made


@pytest.fixture(scope="module")
def alone(prompts: list[str]) -> Callable[[Subject, Sampling], list[Generation]]:
    """The first 16 texts of a model, each written alone, once."""
    written: dict[tuple[int, Sampling], list[Generation]] = {}

    def texts(subject: Subject, sampling: Sampling) -> list[Generation]:
        key = id(subject), sampling
        if key not in written:
            written[key] = write(subject, prompts[:16], size=1, sampling=sampling)
        return written[key]

    return texts


@pytest.mark.parametrize("sampling", [SAMPLING, OTHER])
def test_texts_are_the_same_alone_and_in_any_batch(
    subject: Subject,
    prompts: list[str],
    alone: Callable[[Subject, Sampling], list[Generation]],
    sampling: Sampling,
) -> None:
    few, expected = prompts[:16], alone(subject, sampling)
    for size in (3, 16):
        assert write(subject, few, size=size, sampling=sampling) == expected
    assert len({made.output_ids for made in expected}) > 8


def test_the_batch_decides_no_text_of_the_bundled_model(bundled: Subject, prompts: list[str]) -> None:
    some = prompts[:60]
    assert write(bundled, some, size=60, sampling=SAMPLING) == write(bundled, some, size=9, sampling=SAMPLING)


def disturb(monkeypatch: pytest.MonkeyPatch, share: float) -> None:
    """Make batched logits as wrong as that share of the tolerance, each time in another way."""
    plain, rng = Batch.logits, torch.Generator().manual_seed(5)

    def logits(batch: Batch) -> torch.Tensor:
        found = plain(batch)
        off = torch.rand(found.shape, generator=rng) * 2 - 1
        return found + off * share * generating.RELATIVE_TOLERANCE * found.abs().amax(-1, keepdim=True)

    monkeypatch.setattr(Batch, "logits", logits)


def test_logits_that_are_off_within_the_tolerance_decide_nothing(
    bundled: Subject, prompts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted effect: a hundred times the usual error changes texts, unless uncertain tokens are decided alone."""
    some = prompts[:16]
    monkeypatch.setattr(generating, "RELATIVE_TOLERANCE", 2e-4)
    expected = write(bundled, some, size=1, sampling=SAMPLING)
    disturb(monkeypatch, 0.9)
    assert write(bundled, some, size=16, sampling=SAMPLING) == expected

    def trust(writer: Writer, batch: Batch, place: int, batched: torch.Tensor, u: torch.Tensor, step: int) -> int:
        return int(writer._draw(batched[None], batch, [place], u[place : place + 1], step, 0.0).tokens[0])

    monkeypatch.setattr(Writer, "_decide_alone", trust)
    assert write(bundled, some, size=16, sampling=SAMPLING) != expected


def test_the_tolerance_grows_with_what_is_seen(
    bundled: Subject, prompts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    disturb(monkeypatch, 20.0)
    writer = Writer(bundled, SAMPLING)
    writer.write(prompts[:32], seeds=list(range(32)))
    assert writer.largest_deviation > 10 * generating.RELATIVE_TOLERANCE
    assert writer._tolerance == 2 * writer.largest_deviation


def test_few_tokens_are_decided_alone(bundled: Subject, prompts: list[str]) -> None:
    writer = Writer(bundled, Sampling(temperature=0.7, top_p=0.9, max_new_tokens=30))
    writer.write(prompts[:64], seeds=list(range(64)))
    assert writer.n_alone < 0.03 * writer.n_tokens
    assert writer.largest_deviation < generating.RELATIVE_TOLERANCE / 2


logit_rows = st.lists(st.floats(-6, 6), min_size=3, max_size=12)


@settings(max_examples=100, deadline=None)
@given(
    logit_rows,
    st.floats(0, 1, exclude_max=True),
    st.sampled_from([0.3, 0.9, 1.0]),
    st.sampled_from([0, 2, 5]),
    st.sampled_from([1e-3, 0.05, 0.3]),
    st.integers(0, 2**32 - 1),
)
def test_a_certain_token_is_that_of_all_logits_within_the_tolerance(
    logits: list[float], u: float, top_p: float, top_k: int, tolerance: float, seed: int
) -> None:
    values, uniform = torch.tensor([logits], dtype=torch.float64), torch.tensor([u], dtype=torch.float64)
    sampling = Sampling(temperature=0.7, top_p=top_p, top_k=top_k, max_new_tokens=1)
    found = draw_tokens(values, uniform, sampling, tolerance=tolerance)
    if found.is_certain[0]:
        rng = np.random.default_rng(seed)
        for _ in range(20):
            # The corners of the cube are its worst points.
            off = torch.from_numpy(rng.choice([-tolerance, tolerance], values.shape))
            assert draw_tokens(values + off, uniform, sampling).tokens == found.tokens


def test_most_tokens_are_certain_within_a_small_tolerance() -> None:
    rng = np.random.default_rng(0)
    logits, u = torch.from_numpy(rng.normal(0, 3, (4000, 50))), torch.from_numpy(rng.random(4000))
    found = draw_tokens(logits, u, SAMPLING, tolerance=1e-4)
    assert 0.97 < found.is_certain.double().mean() < 1.0


def test_a_large_vocabulary_gives_the_token_of_a_full_sort(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    logits, u = torch.from_numpy(rng.normal(0, 4, (500, 3000))), torch.from_numpy(rng.random(500))
    for sampling in (SAMPLING, replace(SAMPLING, top_k=40), replace(SAMPLING, top_p=1.0), replace(OTHER, top_k=0)):
        few = draw_tokens(logits, u, sampling, tolerance=1e-4)
        with monkeypatch.context() as patch:
            patch.setattr("engine.subject.sampling.FEW", 3000)
            full = draw_tokens(logits, u, sampling, tolerance=1e-4)
        assert torch.equal(few.tokens, full.tokens)
        assert torch.equal(few.is_certain, full.is_certain)


def test_a_token_that_is_certain_in_single_precision_is_that_of_double() -> None:
    """The planted near-misses: uniforms that lie as near to the end of a token as single precision rounds."""
    rng = np.random.default_rng(3)
    logits = torch.from_numpy(rng.normal(0, 4, (2000, 3000)).astype(np.float32))
    weights = torch.sort((logits.double() / SAMPLING.temperature).softmax(-1), descending=True).values
    ends = weights.cumsum(-1)
    n = ((ends - weights) < SAMPLING.top_p).sum(-1, keepdim=True)
    ends = ends / ends.gather(-1, n - 1)
    u = (ends[:, 0] + torch.from_numpy(rng.choice([-1e-7, 1e-7, -1e-3, 1e-3], 2000))).clamp(0, 1 - 1e-9)
    single, double = draw_tokens(logits, u, SAMPLING), draw_tokens(logits.double(), u, SAMPLING)
    assert torch.equal(single.tokens[single.is_certain], double.tokens[single.is_certain])
    assert 0.3 < single.is_certain.double().mean() < 0.7
    assert double.is_certain.all()


def test_top_k_leaves_k_tokens_with_their_shares() -> None:
    logits = torch.log(torch.tensor([0.1, 0.4, 0.2, 0.3], dtype=torch.float64)).expand(20_000, -1)
    u = torch.from_numpy(np.random.default_rng(2).random(20_000))
    tokens = draw_tokens(logits, u, Sampling(1.0, 1.0, 1, top_k=2)).tokens
    assert np.bincount(tokens.numpy(), minlength=4) / 20_000 == pytest.approx([0, 4 / 7, 0, 3 / 7], abs=0.015)


def test_repetition_penalty_is_that_of_transformers() -> None:
    from transformers import RepetitionPenaltyLogitsProcessor

    from engine.subject.sampling import penalise_repetition

    rng = np.random.default_rng(1)
    logits, ids = torch.from_numpy(rng.normal(0, 3, (5, 40))), torch.from_numpy(rng.integers(0, 40, (5, 9)))
    seen = torch.zeros(5, 40, dtype=torch.bool).scatter(1, ids, value=True)
    expected = RepetitionPenaltyLogitsProcessor(1.3)(ids, logits.clone())
    assert torch.allclose(penalise_repetition(logits, seen, 1.3), expected)


def test_no_text_is_shorter_than_asked_for(bundled: Subject, prompts: list[str]) -> None:
    sampling = replace(SAMPLING, max_new_tokens=40, stop_strings=("e",))
    free = write(bundled, prompts[:40], size=40, sampling=sampling)
    held = write(bundled, prompts[:40], size=40, sampling=replace(sampling, min_new_tokens=20))
    assert min(len(made.output_ids) for made in free) < 5
    assert min(len(made.output_ids) for made in held) == 20


def test_text_ends_before_its_stop_string_and_is_that_of_its_tokens(bundled: Subject, prompts: list[str]) -> None:
    stops = ("an ", ";")
    free = write(bundled, prompts[:30], size=30, sampling=replace(SAMPLING, max_new_tokens=40))
    cut = write(bundled, prompts[:30], size=30, sampling=replace(SAMPLING, max_new_tokens=40, stop_strings=stops))
    assert sum(len(short.output_ids) < len(long.output_ids) for short, long in zip(cut, free, strict=True)) > 5
    for short, long in zip(cut, free, strict=True):
        assert long.output_ids[: len(short.output_ids)] == short.output_ids
        assert short.text == bundled.tokenizer.decode(short.output_ids, skip_special_tokens=True)
        assert not any(stop in short.text for stop in stops)
        if short != long:
            assert short.finish_reason == "stop"
            following = bundled.tokenizer.decode(long.output_ids[: len(short.output_ids) + 4])
            assert any(stop in following for stop in stops)


class Scarce:
    """A model that runs out of memory on more rows than it can hold."""

    def __init__(self, model: Any, n_rows: int) -> None:
        self.model, self.n_rows, self.seen = model, n_rows, []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def __call__(self, *, input_ids: torch.Tensor, **more: Any) -> Any:
        self.seen.append(len(input_ids))
        if len(input_ids) > self.n_rows:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return self.model(input_ids=input_ids, **more)


def test_out_of_memory_halves_the_batch_and_changes_no_text(
    subject: Subject, prompts: list[str], alone: Callable[[Subject, Sampling], list[Generation]]
) -> None:
    scarce = Scarce(subject.model, 5)
    writer, fitting = Writer(replace(subject, model=scarce), SAMPLING), FittingBatches()

    def work(items: Any) -> list[Generation]:
        return writer.write([prompts[i] for i in items], seeds=list(items))

    made = fitting.run(range(8), work) + fitting.run(range(8, 16), work)
    assert made == alone(subject, SAMPLING)
    assert fitting.limit == 4
    assert scarce.seen.count(8) == 1  # what did not fit once is not tried again


def test_a_single_text_that_does_not_fit_is_told(subject: Subject, prompts: list[str]) -> None:
    writer = Writer(replace(subject, model=Scarce(subject.model, 0)), SAMPLING)
    with pytest.raises(ModelError, match="memory"):
        FittingBatches().run([0, 1], lambda items: writer.write([prompts[i] for i in items], seeds=list(items)))


def test_other_errors_are_not_taken_for_a_lack_of_memory() -> None:
    assert is_out_of_memory(RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"))
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(RuntimeError("shapes cannot be multiplied"))

    def fail(_items: Any) -> list[int]:
        raise RuntimeError("shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="shapes"):
        FittingBatches().run([1, 2], fail)


def test_a_context_that_ends_cuts_each_text_by_its_own_length(load: Callable[[str], Subject]) -> None:
    subject = load("gpt2")
    few = ["Gin", "Explain what a very long and winding word like sloe gin means to people. " * 2]
    sampling = replace(SAMPLING, max_new_tokens=200, min_new_tokens=200)
    together = write(subject, few, size=2, sampling=sampling)
    assert together == write(subject, few, size=1, sampling=sampling)
    for made in together:
        assert made.n_prompt_tokens + len(made.output_ids) == subject.context
