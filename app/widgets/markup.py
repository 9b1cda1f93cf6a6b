"""HTML and Markdown of small things; text of a study comes in through `text`, `marked` and `markdown` alone, which escape it."""

import re
from collections.abc import Iterable
from typing import Final

from engine.markup import CONTROLS, Span, marked, text
from engine.stats.estimate import Estimate
from engine.stats.quadrants import QUADRANTS
from engine.words import RATINGS, UNKNOWN

__all__ = [
    "CONTROLS",
    "SHOWN_CHARS",
    "Span",
    "badge",
    "heads",
    "interval_bar",
    "letter",
    "markdown",
    "marked",
    "named",
    "rating_dots",
]
__all__ += ["term_beside", "text"]

SHOWN_CHARS: Final = 20_000

_CLASS: Final = re.compile(r"[a-z-]+")
_PUNCTUATION: Final = re.compile(r"([!-/:-@\[-`{-~])")


def markdown(value: str) -> str:
    """Text as Markdown that shows exactly that text, on one line; for labels of buttons and links."""
    return _PUNCTUATION.sub(r"\\\1", " ".join(CONTROLS.sub("\N{REPLACEMENT CHARACTER}", value).split()))


def badge(label: str, *, kind: str = "plain", title: str = "") -> str:
    """A small label; `kind` is a CSS class of ours, and what is no single word is plain."""
    hint = f' title="{text(title)}"' if title else ""
    name = kind if _CLASS.fullmatch(kind) else "plain"
    return f'<span class="lg-badge lg-{name}"{hint}>{text(label)}</span>'


def heads(columns: Iterable[tuple[str, str]]) -> str:
    """Heads of a table's columns, our own names, each with what it means on hover."""
    return "".join(f'<th title="{text(hint)}">{name}</th>' for name, hint in columns)


def named(name: str, term: str, *, tag: str = "b") -> str:
    """A concept by its readable name, its term in the tooltip where it is another."""
    hint = f' title="{text(term)}"' if name != term else ""
    return f"<{tag}{hint}>{text(name)}</{tag}>"


def term_beside(name: str, term: str) -> str:
    """The term as a muted word beside the name; empty where they are spelled alike."""
    return f'<span class="lg-muted">{text(term)}</span>' if name.casefold() != term.casefold() else ""


def letter(quadrant: str | None) -> str:
    """A quadrant's letter in its hue; that of no quadrant for what is none."""
    known = quadrant if quadrant in QUADRANTS else None
    return f'<span class="lg-letter lg-q-{(known or "none").lower()}">{known or UNKNOWN}</span>'


def rating_dots(rating: float | None, *, edited: bool = False) -> str:
    """A rating as five dots and its number; `edited` marks one that a person gave."""
    if rating is None:
        return '<span class="lg-rating lg-muted">unrated</span>'
    dots = "".join(f'<i class="{"on" if n <= round(rating) else ""}"></i>' for n in RATINGS)
    shown = f"{rating:.0f}" if rating == round(rating) else f"{rating:.1f}"
    title = RATINGS[min(5, max(1, round(rating)))] + (", by a person" if edited else "")
    kind = "lg-rating lg-edited" if edited else "lg-rating"
    return f'<span class="{kind}" title="{text(title)}">{dots}<b>{shown}</b></span>'


def interval_bar(estimate: Estimate, *, low: float, high: float, colour: str) -> str:
    """A value with its interval on a track from `low` to `high`, with a tick at zero; empty when unknown."""
    if estimate.value is None:
        return '<div class="lg-track lg-unknown"></div>'

    def at(value: float) -> float:
        return 100 * (min(max(value, low), high) - low) / (high - low)

    span = ""
    if estimate.low is not None and estimate.high is not None:
        left, right = at(estimate.low), at(estimate.high)
        span = f'<u style="left:{left:.1f}%;width:{right - left:.1f}%;background:{colour}"></u>'
    zero = f'<s style="left:{at(0):.1f}%"></s>' if low < 0 < high else ""
    dot = f'<b style="left:{at(estimate.value):.1f}%;background:{colour}"></b>'
    return f'<div class="lg-track">{zero}{span}{dot}</div>'
