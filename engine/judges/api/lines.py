"""What a judge and its receiver tell each other: a line of JSON each, requests one way, what became of them the other."""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from typing import Self

from engine.judges.api.endpoint import Endpoint
from engine.judges.api.reply_files import Vote

Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Start:
    """The first line: where replies are kept, for which endpoint, how long is waited, and what may have been lost before."""

    folder: str
    judge_id: str
    token: str
    """Names the file in which the judge holds what could be lost."""
    endpoint: Endpoint
    max_connections: int
    reply_s: float
    connect_s: float
    lost_usd: float = 0.0

    def line(self) -> bytes:
        """As it travels."""
        return _line(asdict(self))

    @classmethod
    def read(cls, line: bytes) -> Self:
        """From its line."""
        told = json.loads(line)
        return cls(**told | {"endpoint": Endpoint(**told["endpoint"])})


@dataclass(frozen=True, slots=True)
class Started:
    """The first line back: None, or why nothing can be sent."""

    refused: str | None = None
    hint: str | None = None

    def line(self) -> bytes:
        """As it travels."""
        return _line(asdict(self))

    @classmethod
    def read(cls, line: bytes) -> Self:
        """From its line."""
        return cls(**json.loads(line))


@dataclass(frozen=True, slots=True)
class Sent:
    """A request to send, which vote it asks for, and the most that it can cost."""

    number: int
    vote: Vote
    worst_usd: float
    method: str
    url: str
    headers: Headers
    content: bytes

    def line(self) -> bytes:
        """As it travels."""
        return _line(asdict(self) | {"content": b64encode(self.content).decode()})

    @classmethod
    def read(cls, line: bytes) -> Self:
        """From its line."""
        told = json.loads(line)
        return cls(**told | {"vote": Vote(**told["vote"]), "content": b64decode(told["content"])})


@dataclass(frozen=True, slots=True)
class Came:
    """What became of a request: a response, or an error of the HTTP library by its name and what it says."""

    number: int
    status: int = 0
    headers: Headers | None = None
    content: bytes = b""
    error: str | None = None
    told: str = ""

    def line(self) -> bytes:
        """As it travels."""
        return _line(asdict(self) | {"content": b64encode(self.content).decode()})

    @classmethod
    def read(cls, line: bytes) -> Self:
        """From its line."""
        told = json.loads(line)
        return cls(**told | {"content": b64decode(told["content"])})


@dataclass(frozen=True, slots=True)
class Stake:
    """What a request is for: a vote, and the most that it can cost."""

    vote: Vote
    worst_usd: float


STAKE: ContextVar[Stake] = ContextVar("stake")
"""Of the request that is sent in this context."""


def told_headers(raw: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Headers as they travel in JSON."""
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in raw]


def raw_headers(told: Headers) -> list[tuple[bytes, bytes]]:
    """Headers as they were."""
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in told]


def _line(told: dict[str, object]) -> bytes:
    return json.dumps(told).encode() + b"\n"
