"""What a judge is: it names what a text is about, and rates how relevant a text is to a concept. Both blind.

A judge is asked questions that hold a text and, for relevance, a concept; never arm, quadrant or prompt. What it cannot score it
returns unscored, with the reason. A question that got no answer at all (a server that is down, money that is spent) is not
answered: it stays pending, for a fault of the way is no word of the judge.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

Kind = Literal["topic", "relevance"]
KINDS: tuple[Kind, ...] = ("topic", "relevance")
RATINGS = (1, 2, 3, 4, 5)


@dataclass(frozen=True, slots=True)
class JudgeIdentity:
    """Everything that decides a judge's answers; `is_baseline` marks a stand-in that is no language model."""

    backend: str
    model: str
    rubric: str
    rubric_hash: str
    parameters: Mapping[str, object]
    is_baseline: bool


@dataclass(frozen=True, slots=True)
class Question:
    """One vote that is asked for; `concept` is the pack's term, None where the topic is asked."""

    kind: Kind
    sample_id: str
    text: str
    concept: str | None = None
    vote: int = 0


@dataclass(frozen=True, slots=True)
class Topic:
    """What a text is about, in the judge's words; `similarity` in 0–1 where the judge measures one."""

    topic: str
    similarity: float | None = None


@dataclass(frozen=True, slots=True)
class Rating:
    """A rating 1–5 with its explanation; `probabilities` of the five ratings where the judge knows them."""

    rating: int
    explanation: str | None = None
    probabilities: tuple[float, ...] | None = None

    @property
    def expected(self) -> float | None:
        """Mean of the distribution, None where there is none."""
        if self.probabilities is None:
            return None
        return sum(rating * p for rating, p in zip(RATINGS, self.probabilities, strict=True))


@dataclass(frozen=True, slots=True)
class Unscored:
    """Why an answer is no topic and no rating."""

    reason: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer took; `n_input_tokens` are those neither read from nor written to a cache.

    The cost is in US dollars; None where nobody told the model's price.
    """

    n_input_tokens: int = 0
    n_output_tokens: int = 0
    n_cache_read_tokens: int = 0
    n_cache_write_tokens: int = 0
    cost_usd: float | None = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A judge's word on a question, with the reply as it came and the characters of the text that it was not shown."""

    question: Question
    said: Topic | Rating | Unscored
    raw_reply: str
    n_chars_cut: int = 0
    usage: Usage = field(default_factory=Usage)


class Judge(Protocol):
    """Answers questions."""

    @property
    def identity(self) -> JudgeIdentity:
        """Everything that decides the answers."""
        ...

    def answer(self, questions: Iterable[Question]) -> Iterator[Answer]:
        """Answers as they come, in any order, at most one a question; questions are taken as they are needed.

        Raises JudgeError when it cannot go on, after it has yielded all that came.
        """
        ...
