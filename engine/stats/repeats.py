"""Where a text says again what it said before: the spans behind the share of repeated 4-grams."""

import re
from itertools import pairwise
from typing import Final

from engine.stats.form import Span

SIZE: Final = 4
_WORD: Final = re.compile(r"\S+")


def repeated_spans(text: str) -> tuple[Span, ...]:
    """The (start, end) characters of runs of four words and more that occurred earlier in the text; end is exclusive.

    The first time something is said is not in it. Words are split at whitespace, as the stored share counts them.
    """
    words = [match.span() for match in _WORD.finditer(text)]
    spoken = [text[start:end] for start, end in words]
    seen: set[tuple[str, ...]] = set()
    again = [False] * len(words)
    for first in range(len(words) - SIZE + 1):
        gram = tuple(spoken[first : first + SIZE])
        if gram in seen:
            again[first : first + SIZE] = [True] * SIZE
        seen.add(gram)
    return tuple((words[first][0], words[last][1]) for first, last in _runs(again))


def _runs(flags: list[bool]) -> list[tuple[int, int]]:
    """First and last position of each unbroken run of true flags."""
    edges = [i for i, (before, after) in enumerate(pairwise([False, *flags, False])) if before != after]
    return [(start, end - 1) for start, end in zip(edges[::2], edges[1::2], strict=True)]
