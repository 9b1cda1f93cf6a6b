"""Have the model write texts, so that a text depends on its prompt and its seed and on nothing else.

Each sample owns its random numbers (one uniform a token, from its own seed). Its logits come from a batch, and differ in their
last bits with the batch; so a token is taken from them only when it would be the same for all logits within a tolerance. Where
it would not, the row is computed once more by itself, and that decides: a text is what the model writes alone, whatever it
was batched with. In half precision nearly every token is uncertain, so there the batch decides; docs/design/002 says more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from engine.errors import ModelError
from engine.subject.decoding import Batch
from engine.subject.encode import encode_prompt, never_sampled, stop_tokens
from engine.subject.load import Subject
from engine.subject.sampling import Draw, Sampling, draw_tokens, penalise_repetition

if TYPE_CHECKING:
    import torch

# Of the largest logit. Batched and lone logits of fp32 models were never further apart than a sixth of it (docs/design/002).
RELATIVE_TOLERANCE = 2e-5


@dataclass(frozen=True, slots=True)
class Generation:
    """One output: its text, its tokens without the closing one, and why it ended."""

    text: str
    output_ids: tuple[int, ...]
    n_prompt_tokens: int
    finish_reason: Literal["stop", "length"]


def generate_batch(
    subject: Subject, prompts: Sequence[str], *, seeds: Sequence[int], sampling: Sampling
) -> list[Generation]:
    """Sample one output for each prompt; fewer tokens than asked for where the model's context ends."""
    return Writer(subject, sampling).write(prompts, seeds=seeds)


class Writer:
    """Samples batches with one model; it learns how far batched logits are off, and counts what it decided by itself."""

    def __init__(self, subject: Subject, sampling: Sampling) -> None:
        import torch

        self.subject, self.sampling = subject, sampling
        self.stops = stop_tokens(subject)
        self.n_tokens = self.n_alone = 0
        self.largest_deviation = 0.0
        self._tolerance = RELATIVE_TOLERANCE
        never = never_sampled(subject, self.stops)
        self._forbidden = {
            False: torch.tensor(never, dtype=torch.long),
            True: torch.tensor([*never, *self.stops], dtype=torch.long),
        }

    def write(self, prompts: Sequence[str], *, seeds: Sequence[int]) -> list[Generation]:
        """One output for each prompt, run as one batch."""
        import torch

        ids = [encode_prompt(self.subject, prompt) for prompt in prompts]
        for prompt, tokens in zip(prompts, ids, strict=True):
            self._check_length(prompt, len(tokens))
        budgets = [min(self.sampling.max_new_tokens, self.subject.context - len(tokens)) for tokens in ids]
        uniforms = [np.random.Generator(np.random.Philox(seed)).random(self.sampling.max_new_tokens) for seed in seeds]
        made: list[list[int]] = [[] for _ in ids]
        with torch.inference_mode():
            batch = Batch(self.subject, ids)
            while batch.rows:
                step = len(made[batch.rows[0]])
                tokens = self._next(batch, np.array([uniforms[row][step] for row in batch.rows]), step)
                for row, token in zip(batch.rows, tokens, strict=True):
                    made[row].append(token)
                batch.advance(tokens, gone={row for row in batch.rows if self._has_ended(made[row], budgets[row])})
        return [self._finish(tokens, len(prompt)) for tokens, prompt in zip(made, ids, strict=True)]

    def _check_length(self, prompt: str, n_tokens: int) -> None:
        if not n_tokens:
            raise ModelError(f'The prompt "{prompt}" has no tokens, and {self.subject.name} cannot begin without one.')
        if n_tokens >= self.subject.context:
            raise ModelError(
                f"A prompt of {n_tokens} tokens leaves no room in the model's context of {self.subject.context}."
            )

    def _next(self, batch: Batch, uniforms: "np.ndarray[Any, Any]", step: int) -> list[int]:
        """The next token of each row in the batch."""
        import torch

        logits = batch.logits()
        self._check_finite(logits)
        u = torch.from_numpy(uniforms).to(logits.device)
        is_exact = logits.dtype in (torch.float32, torch.float64)
        penalty = self.sampling.repetition_penalty
        scale = _largest(logits).double() * max(penalty, 1 / penalty)
        found = self._draw(logits, batch, range(len(batch.rows)), u, step, scale * self._tolerance if is_exact else 0.0)
        tokens: list[int] = found.tokens.tolist()
        self.n_tokens += len(tokens)
        if is_exact:
            for place in (~found.is_certain).nonzero().flatten().tolist():
                tokens[place] = self._decide_alone(batch, place, logits[place], u, step)
        return tokens

    def _decide_alone(self, batch: Batch, place: int, batched: "torch.Tensor", u: "torch.Tensor", step: int) -> int:
        """The token by logits of the row alone, which depend on its tokens only; the tolerance learns from them."""
        alone = batch.logits_alone(place)
        self._check_finite(alone)
        self.n_alone += 1
        off = _largest((alone - batched).nan_to_num(nan=0.0)) / _largest(batched[None])
        self.largest_deviation = max(self.largest_deviation, float(off))
        # A wider tolerance decides more tokens alone and none otherwise, so that it may grow with what is seen.
        self._tolerance = max(self._tolerance, 2 * self.largest_deviation)
        return int(self._draw(alone, batch, [place], u[place : place + 1], step, 0.0).tokens[0])

    def _draw(
        self,
        logits: "torch.Tensor",
        batch: Batch,
        places: Sequence[int],
        u: "torch.Tensor",
        step: int,
        tolerance: "torch.Tensor | float",
    ) -> Draw:
        import torch

        z = logits.to(torch.promote_types(logits.dtype, torch.float32), copy=True)
        if self.sampling.repetition_penalty != 1:
            seen = torch.zeros_like(z, dtype=torch.bool)
            for row, place in enumerate(places):
                seen[row, batch.tokens(place)] = True
            z = penalise_repetition(z, seen, self.sampling.repetition_penalty)
        z[:, self._forbidden[step < self.sampling.min_new_tokens].to(z.device)] = -torch.inf
        return draw_tokens(z, u, self.sampling, tolerance=tolerance)

    def _check_finite(self, logits: "torch.Tensor") -> None:
        import torch

        # The largest of a row is not a number when any is not.
        if not bool((logits.amax(-1) < torch.inf).all()):
            raise ModelError(f"{self.subject.name} gives logits that are not finite, so nothing can be sampled.")

    def _has_ended(self, tokens: list[int], budget: int) -> bool:
        if tokens[-1] in self.stops or len(tokens) >= budget:
            return True
        return self._stopped_at(tokens) is not None

    def _stopped_at(self, tokens: list[int]) -> int | None:
        """How many tokens stand before the first stop string, or None; only the last tokens can have completed one."""
        if not self.sampling.stop_strings:
            return None
        longest = max(len(stop.encode()) for stop in self.sampling.stop_strings)
        start = max(self.sampling.min_new_tokens, len(tokens) - longest - 4)
        text = self._decode(tokens[start:])
        found = [at for stop in self.sampling.stop_strings if (at := text.find(stop)) >= 0]
        if not found:
            return None
        kept = start
        while kept < len(tokens) and len(self._decode(tokens[start : kept + 1])) <= min(found):
            kept += 1
        return kept

    def _decode(self, tokens: Sequence[int]) -> str:
        return str(self.subject.tokenizer.decode(tokens, skip_special_tokens=True))

    def _finish(self, row: list[int], n_prompt_tokens: int) -> Generation:
        end = next((i for i, token in enumerate(row) if token in self.stops), None)
        ids = row if end is None else row[:end]
        cut = self._stopped_at(ids)
        has_stopped = end is not None or cut is not None
        ids = ids if cut is None else ids[:cut]
        return Generation(self._decode(ids), tuple(ids), n_prompt_tokens, "stop" if has_stopped else "length")


def _largest(logits: "torch.Tensor") -> "torch.Tensor":
    """The largest magnitude of each row [B]; tokens that the model itself rules out are left aside."""
    lowest = logits.amin(-1)
    if bool(lowest.isneginf().any()):
        lowest = logits.nan_to_num(neginf=0).amin(-1)
    return logits.amax(-1).maximum(-lowest)
