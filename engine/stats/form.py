"""The form of an output: empty, short, repetitive or good, from measures that are stored beside the class.

Two rules share the lengths. ``study`` reproduces the published table by counting the first 30 characters. ``loop``
looks for what generation does when it degenerates: the text ends in a loop, or repeats its 4-grams. Measures cost time
linear in the text: periods are bounded, and a long loop ends the search for longer periods.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Form = Literal["empty", "short", "repetitive", "good"]
FormRule = Literal["study", "loop"]

EMPTY_BELOW_CHARS = 10
SHORT_BELOW_CHARS = 100
OPENING_CHARS = 30
REPETITIVE_FROM_OPENINGS = 3
REPETITIVE_FROM_LOOP_SHARE = 0.30
REPETITIVE_ABOVE_4GRAM_SHARE = 0.20

_LONGEST_PERIOD = 64
_FEWEST_TURNS = 3
# Ordinary text has five to eight characters a word; beyond this, words carry no rhythm to look for.
_SPACELESS_FROM_CHARS_PER_WORD = 20
_WORD = re.compile(r"\S+")
_CHARACTER = re.compile(r"\S")

Span = tuple[int, int]


@dataclass(frozen=True)
class FormMeasures:
    """What form rules look at. Lengths and counts are those of the stripped text."""

    n_chars: int
    """Characters."""
    n_tokens: int
    """Words, split at whitespace."""
    tail_loop_share: float
    """Share of the words (characters, in a text without spaces) that belong to the loop the text ends in."""
    repeated_4gram_share: float
    """1 - distinct / all runs of four words; 0 below four words, where nothing can repeat."""
    distinct_2: float | None
    """Distinct / all pairs of neighbouring words; None below two words."""
    zlib_ratio: float | None
    """Compressed / plain bytes, advisory; None for an empty text."""
    first30_count: int
    """Times that the first 30 characters occur without overlap; 0 for an empty text."""


def measure_form(text: str) -> FormMeasures:
    """Measure a text of any length and content, NUL, emoji and lone surrogates included."""
    stripped = text.strip()
    words = _WORD.findall(stripped)
    units = _CHARACTER.findall(stripped) if _is_spaceless(len(stripped), len(words)) else words
    distinct_4, n_4 = _distinct_ngrams(words, 4)
    distinct_2, n_2 = _distinct_ngrams(words, 2)
    return FormMeasures(
        n_chars=len(stripped),
        n_tokens=len(words),
        tail_loop_share=_tail_loop_length(units) / len(units) if units else 0.0,
        repeated_4gram_share=1.0 - distinct_4 / n_4 if n_4 else 0.0,
        distinct_2=distinct_2 / n_2 if n_2 else None,
        zlib_ratio=_zlib_ratio(stripped),
        first30_count=stripped.count(stripped[:OPENING_CHARS]) if stripped else 0,
    )


def classify_form(measures: FormMeasures, *, rule: FormRule) -> Form:
    """Return the form by the ``study`` rule of the published table or by the ``loop`` rule; ValueError for others."""
    if rule not in ("study", "loop"):
        raise ValueError(f"the form rule is 'study' or 'loop', got {rule!r}")
    if measures.n_chars < EMPTY_BELOW_CHARS:
        return "empty"
    if measures.n_chars < SHORT_BELOW_CHARS:
        return "short"
    repeats = _opens_again(measures) if rule == "study" else _loops(measures)
    return "repetitive" if repeats else "good"


def looping_span(text: str) -> Span | None:
    """Return the (start, end) characters of the loop that a text ends in, or None; end is exclusive."""
    spans = [match.span() for match in _WORD.finditer(text)]
    if _is_spaceless(len(text.strip()), len(spans)):
        spans = [match.span() for match in _CHARACTER.finditer(text)]
    length = _tail_loop_length([text[start:end] for start, end in spans])
    return (spans[-length][0], spans[-1][1]) if length else None


def _opens_again(measures: FormMeasures) -> bool:
    return measures.first30_count >= REPETITIVE_FROM_OPENINGS


def _loops(measures: FormMeasures) -> bool:
    return (
        measures.tail_loop_share >= REPETITIVE_FROM_LOOP_SHARE
        or measures.repeated_4gram_share > REPETITIVE_ABOVE_4GRAM_SHARE
    )


def _is_spaceless(n_chars: int, n_words: int) -> bool:
    return n_chars > _SPACELESS_FROM_CHARS_PER_WORD * n_words


def _tail_loop_length(units: Sequence[str]) -> int:
    """Return how many units at the end repeat with one period, at least three turns; 0 without a loop.

    The last unit may be cut short, as generation stops in mid-word. Once a loop is twice as long as the longest
    period, no other period can cover more (Fine and Wilf), so the search stops.
    """
    longest = 0
    for period in range(1, min(_LONGEST_PERIOD, len(units) // _FEWEST_TURNS) + 1):
        if not units[-1 - period].startswith(units[-1]):
            continue
        length = period + _matching_tail(units, period)
        if length >= _FEWEST_TURNS * period:
            longest = max(longest, length)
        if longest >= 2 * _LONGEST_PERIOD:
            break
    return longest


def _matching_tail(units: Sequence[str], period: int) -> int:
    """Count the units at the end that equal the unit one period before, the last taken as matching."""
    count = 1
    while count < len(units) - period and units[-1 - count] == units[-1 - count - period]:
        count += 1
    return count


def _distinct_ngrams(words: Sequence[str], size: int) -> tuple[int, int]:
    grams = list(zip(*(words[offset:] for offset in range(size)), strict=False))
    return len(set(grams)), len(grams)


def _zlib_ratio(stripped: str) -> float | None:
    if not stripped:
        return None
    plain = stripped.encode("utf-8", errors="surrogatepass")
    return len(zlib.compress(plain)) / len(plain)
