"""Text of a study as HTML: everything is escaped, control characters are made visible."""

import html
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

Span = tuple[int, int]

# Controls but tab, line feed and carriage return, which a browser would drop or misread, and those that turn the order of
# the text around them, so that it could pass for another.
CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def text(value: str) -> str:
    """Text as HTML that shows exactly that text."""
    return CONTROLS.sub(lambda m: f'<span class="lg-control">{ord(m[0]):02X}</span>', html.escape(value))


def marked(value: str, *, loop: Span | None, search: str | None, repeats: Sequence[Span] = ()) -> str:
    """A text as HTML with its looping end, what it says again, and every hit of a search marked.

    Hits are marked inside the loop too; repeats are not, for all of a loop is one.
    """
    hits = [m.span() for m in re.finditer(re.escape(search), value, re.IGNORECASE)] if search else []
    ends = {end for span in (*hits, *repeats) for end in span if end < len(value)}
    cuts = sorted({0, len(value), *(loop or ()), *ends})
    parts = []
    for start, end in pairwise(cuts):
        part = text(value[start:end])
        if _within(start, hits):
            part = f'<mark class="lg-hit">{part}</mark>'
        if loop and loop[0] <= start < loop[1]:
            part = f'<span class="lg-loop">{part}</span>'
        elif _within(start, repeats):
            part = f'<span class="lg-repeat">{part}</span>'
        parts.append(part)
    return "".join(parts)


def _within(position: int, spans: Iterable[Span]) -> bool:
    return any(start <= position < end for start, end in spans)
