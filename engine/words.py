"""How numbers are written, and what our words mean to someone who reads them for the first time."""

from typing import Final

from engine.stats.estimate import Estimate

MINUS: Final = "\u2212"
UNKNOWN: Final = "–"

PROFILES: Final = {
    "A": "few senses · few siblings",
    "B": "few senses · many siblings",
    "C": "many senses · many siblings",
    "D": "many senses · few siblings",
}
RATINGS: Final = {1: "Off topic", 2: "Tangential", 3: "Same area", 4: "On topic", 5: "Focused"}
RUBRIC: Final = {
    5: "The concept is the subject of the whole text, or of all but a small part.",
    4: "The main subject, but much of the text drifts away; or only one narrow kind or part of it is covered.",
    3: (
        "One of several subjects; or the text is about something else but says something of substance about "
        "the concept."
    ),
    2: "A nearby subject with nothing of substance about the concept; or the concept is only named.",
    1: "Nothing to do with the concept in this sense, or the text makes no sense.",
}
KINDS: Final = {"sibling": "sibling", "unrelated": "unrelated", "opposite": "opposite"}
CEILINGS: Final = {
    "label_noise": "Label noise",
    "propagation": "Propagation",
    "published": "Published",
    "gap_linear": "Gap, linear",
    "empirical": "Empirical",
}
TIERS: Final = {
    "asked": "as asked",
    "primary": "first fallback",
    "falloff": "second fallback",
    "minimum": "lowest tier",
    "none": "no tier supported",
}

GAP: Final = (
    "Relevance gap: mean rating of the positives minus mean rating of the negatives, on the 1–5 scale. 0 means that "
    "the two arms cannot be told apart. Brackets hold 95 % intervals."
)
CEILING: Final = (
    "The highest F1 that a lens can reach against these labels if off-topic positives look like negatives. A lens "
    "above it relies on something else. For several concepts, this is their mean. The ceiling models disagree; one "
    "of them sets the targets."
)
TARGET: Final = (
    "The F1 to ask of a lens, of several concepts' lenses on average: the one you want if the lower bound of the ceiling "
    "(of several, of their mean) supports it, otherwise the highest tier below it that is supported."
)
ARM: Final = "Positives are texts that should be about the concept. Negatives are texts that should not."
QUADRANT: Final = (
    "Concepts sorted by how many senses their word has and how many siblings share their parent. Concepts with "
    "in-between counts belong to no quadrant."
)
FORM: Final = (
    "Form describes how a text is written, not what it is about: empty (under 10 characters), short (under 100), "
    "repetitive (it loops), otherwise good."
)
LENS_FORM: Final = "Measures of lenses call texts degenerate by the study rule, whichever rule the sidebar names."
LENS: Final = (
    "A lens is a small classifier on the model's activations. Its F1 is measured on held-out samples. Compare it "
    "with two baselines: always answering yes, and a classifier that sees only the words."
)
PAIR: Final = "A pair is a sample together with a concept that it is rated for. One sample may belong to several pairs."
GOOD: Final = "Share of positives whose form is good: not empty, short or repetitive."


def number(value: float | None, *, digits: int = 2) -> str:
    """A number with a true minus sign; a dash when unknown."""
    if value is None:
        return UNKNOWN
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.removeprefix("-")
    return text.replace("-", MINUS)


def signed(value: float | None, *, digits: int = 2) -> str:
    """A difference, with its sign; ±0.00 when it is none."""
    if value is None:
        return UNKNOWN
    text = number(value, digits=digits)
    if float(f"{value:.{digits}f}") == 0:
        return f"±{text}"
    return text if text.startswith(MINUS) else f"+{text}"


def interval(estimate: Estimate) -> str:
    """The interval as [low, high]; empty when there is none."""
    if estimate.low is None or estimate.high is None:
        return ""
    return f"[{number(estimate.low)}, {number(estimate.high)}]"


def with_interval(estimate: Estimate) -> str:
    """Value and interval, or the reason why there is no value."""
    if estimate.value is None:
        return f"unknown: {estimate.reason}"
    return f"{number(estimate.value)} {interval(estimate) or '(no interval)'}"


def percent(share: float | None) -> str:
    """A share as whole percent, rounded as the same share is with two digits here and in the terminal."""
    return UNKNOWN if share is None else f"{round(100 * float(f'{share:.2f}'))}\u202f%"


def dollars(amount: float | None) -> str:
    """US dollars with two places, and up to four below one dollar, as the terminal shows them."""
    if amount is None:
        return UNKNOWN
    if 0 < amount < 0.00005:
        return "under $0.0001"
    whole, _, places = f"{amount:,.2f}".partition(".") if amount >= 1 else f"{amount:.4f}".partition(".")
    return f"${whole}.{places[:2]}{places[2:].rstrip('0')}"


def integer(n: int | None) -> str:
    """A whole number, its thousands apart."""
    return UNKNOWN if n is None else f"{n:,}".replace(",", "\u202f")


def count(n: int, one: str, many: str | None = None) -> str:
    """A count with its noun."""
    return f"{integer(n)} {one if n == 1 else many or one + 's'}"
