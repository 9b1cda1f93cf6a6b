"""What a judge is: it names what a text is about, and rates how relevant a text is to a concept. Both blind.

A judge is given texts and concepts, never arm, quadrant or prompt. What it cannot score it returns unscored, with the reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


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
class TopicVote:
    """What a text is about, or why that cannot be said."""

    topic: str | None
    similarity: float | None
    unscored_reason: str | None
    raw_reply: str


@dataclass(frozen=True, slots=True)
class RelevanceVote:
    """A rating 1–5 with its explanation, or why there is none."""

    rating: int | None
    explanation: str | None
    unscored_reason: str | None
    raw_reply: str


class Judge(Protocol):
    """Rates texts."""

    identity: JudgeIdentity

    def infer_topics(self, texts: Sequence[str]) -> list[TopicVote]:
        """One vote a text, from the text alone."""
        ...

    def rate(self, items: Sequence[tuple[str, str]]) -> list[RelevanceVote]:
        """One vote for each (text, concept)."""
        ...
