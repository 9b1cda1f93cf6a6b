"""What is remembered of message batches, so that no process that ends somewhere in between lets anything be paid for twice.

A batch is written down with its questions before it is submitted, and its id at the server afterwards. A batch that has no id
when a process starts was perhaps submitted, and is looked for at the server.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from engine.judges.judge import Kind, Question


class Key(NamedTuple):
    """What tells one vote that is asked for from all others of its kind."""

    concept: str | None
    sample_id: str
    vote: int


def key_of(question: Question) -> Key:
    """The key of a question."""
    return Key(question.concept, question.sample_id, question.vote)


@dataclass(frozen=True, slots=True)
class Intent:
    """A batch that was, or is to be, submitted: the questions by their position in it.

    Of a batch read from a ledger only the questions whose votes are not kept yet are listed; `n_requests` counts all.
    `created_at` is in UTC and has no zone; `worst_usd` is the most that all its requests can cost.
    """

    name: str
    kind: Kind
    keys: Mapping[int, Key]
    n_requests: int
    created_at: datetime
    batch_id: str | None = None
    worst_usd: float = 0.0


class Ledger(Protocol):
    """Keeps the batches of one judge about one run; each call is on disk when it returns."""

    def open_batches(self, kind: Kind) -> list[Intent]:
        """Batches that are neither done nor lost, oldest first."""
        ...

    def intend(self, intent: Intent) -> None:
        """A batch is about to be submitted."""
        ...

    def submitted(self, name: str, batch_id: str) -> None:
        """The server has the batch under this id."""
        ...

    def done(self, name: str) -> None:
        """All that came of the batch is kept."""
        ...

    def lost(self, name: str) -> None:
        """The server never had the batch, so its questions are asked anew."""
        ...
