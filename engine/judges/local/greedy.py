"""Have a local model write its likeliest words, the same words whatever it is batched with.

Logits of a batch differ in their last bits with the batch, so a token that is not clearly ahead is decided by logits of the
row alone. In half precision nearly every token would be; there the batch decides.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from engine.errors import JudgeError
from engine.judges.local.likelihood import Start
from engine.subject.decoding import Batch
from engine.subject.encode import never_sampled, stop_tokens
from engine.subject.generate import RELATIVE_TOLERANCE
from engine.subject.load import Subject
from engine.subject.shared import has_plain_cache

if TYPE_CHECKING:
    import torch


class ContinuedBatch(Batch):
    """A batch whose texts begin alike: what they share is run once. The padding stands behind it, masked."""

    def __init__(self, subject: Subject, prompts: Sequence[Sequence[int]], start: Start) -> None:
        import torch

        n = len(start.ids)
        super().__init__(subject, [prompt[n:] for prompt in prompts])
        self.prompts, self._tokens = prompts, [list(prompt) for prompt in prompts]
        self._mask = torch.cat([self._mask.new_ones(len(prompts), n), self._mask], dim=1)
        self._positions = self._positions + n
        self._cache = start.cache(len(prompts))


def attends_to_all(config: Any) -> bool:
    """Whether every layer sees the whole text: a window would count the padding that stands in a text's middle."""
    kinds = set(getattr(config, "layer_types", None) or ())
    has_window = getattr(config, "sliding_window", None) is not None and kinds != {"full_attention"}
    return has_plain_cache(config) and kinds <= {"full_attention"} and not has_window


def write_likeliest(
    subject: Subject,
    prompts: Sequence[Sequence[int]],
    *,
    n_tokens: int,
    is_done: Callable[[list[int]], bool],
    start: Start | None = None,
) -> list[list[int]]:
    """Up to `n_tokens` tokens after each prompt, until `is_done` or the end of the turn; a closing token is kept.

    Every prompt begins with `start`, if it is given.
    """
    import torch

    stops = stop_tokens(subject)
    forbidden = torch.tensor(never_sampled(subject, stops), dtype=torch.long, device=subject.device)
    made: list[list[int]] = [[] for _ in prompts]

    def has_ended(row: int) -> bool:
        return made[row][-1] in stops or len(made[row]) >= n_tokens or is_done(made[row])

    with torch.inference_mode():
        batch = ContinuedBatch(subject, prompts, start) if start else Batch(subject, prompts)
        while batch.rows:
            tokens = _likeliest(subject, batch, forbidden)
            for row, token in zip(batch.rows, tokens, strict=True):
                made[row].append(token)
            batch.advance(tokens, gone={row for row in batch.rows if has_ended(row)})
    return made


def _likeliest(subject: Subject, batch: Batch, forbidden: "torch.Tensor") -> list[int]:
    import torch

    logits = _permitted(subject, batch.logits(), forbidden)
    best = logits.topk(2)
    tokens: list[int] = best.indices[:, 0].tolist()
    if logits.dtype in (torch.float32, torch.float64):
        scale = logits.abs().nan_to_num(posinf=0).amax(-1)
        is_close = best.values[:, 0] - best.values[:, 1] <= 2 * RELATIVE_TOLERANCE * scale
        for place in is_close.nonzero().flatten().tolist():
            tokens[place] = int(_permitted(subject, batch.logits_alone(place), forbidden).argmax())
    return tokens


def _permitted(subject: Subject, logits: "torch.Tensor", forbidden: "torch.Tensor") -> "torch.Tensor":
    import torch

    if bool((logits.isnan() | logits.isposinf()).any()):
        raise JudgeError(
            f"{subject.name} gives logits that are not finite, so no topic can be written.",
            hint="Load it in float32 or bfloat16.",
        )
    return logits.index_fill(-1, forbidden.to(logits.device), -torch.inf)
