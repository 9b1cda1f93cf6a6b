"""The five ratings in a model's own tokens, and a rating from how likely each of them is.

The digit is looked for where the answer has it: tokenizers differ in whether a space belongs to it, so the five answers are
written out, and where they part is where they are read. A digit of several tokens is as likely as its tokens one after another.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from engine.errors import JudgeError
from engine.judges.judge import RATINGS, Rating, Unscored
from engine.judges.local.likelihood import Reading
from engine.judges.local.turns import Turns, common_start

RATING_OPENING = '{"rating": '
LEAST_MASS = 0.01
"""Share of the five digits among all tokens, under which the model does not answer with a rating."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The five digits in a model's tokens: what an answer opens with, and how it goes on for each rating."""

    opening: tuple[int, ...]
    digits: tuple[tuple[int, ...], ...]

    @property
    def is_single(self) -> bool:
        """Whether each digit is one token, so that one position holds all five."""
        return all(len(digit) == 1 for digit in self.digits)

    @property
    def n_tokens(self) -> int:
        """Tokens of the longest answer."""
        return len(self.opening) + max(map(len, self.digits))


def read_scale(turns: Turns) -> Scale:
    """How the model's tokenizer writes the five answers; JudgeError when it cannot tell them apart."""
    answers = [tuple(turns.begin(f"{RATING_OPENING}{rating}")) for rating in RATINGS]
    opening = common_start(*answers)
    digits = tuple(answer[len(opening) :] for answer in answers)
    if any(a == b[: len(a)] for i, a in enumerate(digits) for j, b in enumerate(digits) if i != j):
        raise JudgeError(f"The tokenizer of {turns.name} cannot tell the digits 1 to 5 apart.")
    return Scale(opening, digits)


def digit_readings(ids: tuple[int, ...], scale: Scale) -> list[Reading]:
    """One text to read all five digits from, or one for each digit where a digit takes several tokens."""
    if scale.is_single:
        return [Reading(ids, (tuple(digit[0] for digit in scale.digits),))]
    return [Reading((*ids, *digit[:-1]), tuple((token,) for token in digit)) for digit in scale.digits]


def digit_log_probabilities(parts: Sequence[Sequence[Sequence[float]]], scale: Scale) -> list[float]:
    """Log-probability of each of the five ratings, from what was read of one question's texts."""
    if scale.is_single:
        return list(parts[0][0])
    return [math.fsum(token for place in part for token in place) for part in parts]


def read_rating(log_probabilities: Sequence[float]) -> tuple[Rating | Unscored, str]:
    """The rating nearest to the mean of the five, half a step to the even one; the raw reply is the distribution and its mass."""
    weights = [math.exp(value) for value in log_probabilities]
    mass = math.fsum(weights)
    probabilities = tuple(weight / mass for weight in weights) if mass else None
    shown = None if probabilities is None else [round(p, 6) for p in probabilities]
    raw_reply = json.dumps({"probabilities": shown, "mass": float(f"{mass:.6g}")})
    if probabilities is None or mass < LEAST_MASS:
        share = f"the five digits have {mass:.2g} of its probability"
        return Unscored(f"the model does not answer with a rating: {share}"), raw_reply
    # Summed as a rating's `expected`, so that both round alike.
    mean = sum(rating * p for rating, p in zip(RATINGS, probabilities, strict=True))
    rating = min(max(round(mean), RATINGS[0]), RATINGS[-1])
    return Rating(rating, f"The mean of the distribution is {mean:.2f}.", probabilities), raw_reply
