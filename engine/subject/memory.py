"""Batches that fit: work that runs out of memory is cut in halves and goes on, and the size that fitted is remembered."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from engine.errors import ModelError

Item = TypeVar("Item")
Result = TypeVar("Result")
# What the allocators say that raise a plain RuntimeError.
_SAID = ("can't allocate memory", "not enough memory", "out of memory")


class FittingBatches:
    """Runs work over batches no larger than what has fitted so far; `limit` is None until something did not fit."""

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit

    def run(self, items: Sequence[Item], work: Callable[[Sequence[Item]], list[Result]]) -> list[Result]:
        """Results in the order of the items; ModelError when a single item does not fit."""
        results: list[Result] = []
        while len(results) < len(items):
            batch = items[len(results) : len(results) + (self.limit or len(items))]
            try:
                results.extend(work(batch))
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                self._halve(len(batch))
        return results

    def _halve(self, n: int) -> None:
        if n == 1:
            raise ModelError(
                "A single text does not fit into memory beside the subject model.",
                hint="Use fewer tokens (--max-new-tokens), half precision (--dtype bfloat16), or a larger device.",
            )
        self.limit = n // 2
        _free_cached_memory()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocator gave up, on whatever device."""
    import torch

    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _SAID)


def _free_cached_memory() -> None:
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
