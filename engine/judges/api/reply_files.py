"""A reply that is paid for, as a file of its own from the moment it comes until its vote is in the database.

The first line names the vote, the rest is the reply as it came, without the key. The file's name follows from the vote, so that
whoever has written the vote knows which file to delete, and a vote that is asked again has one file.
"""

import hashlib
import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from engine.judges.api.endpoint import Endpoint
from engine.judges.api.replies import message_in
from engine.judges.judge import KINDS, Kind

SUFFIX: Final = ".reply"
SETTLED: Final = b"settled "
"""Stands in the file of what is held before the amount that was lost indeed."""


@dataclass(frozen=True, slots=True)
class Vote:
    """Which vote a reply is for; `concept` is None where the topic was asked."""

    kind: Kind
    sample_id: str
    concept: str | None
    vote: int


def reply_file(folder: Path, judge_id: str, vote: Vote) -> Path:
    """Where the reply for a vote is kept."""
    name = hashlib.blake2b(_line(vote), digest_size=12).hexdigest()
    return folder / f"{judge_id}-{name}{SUFFIX}"


def reply_files(folder: Path, judge_id: str) -> list[Path]:
    """All files of replies of a judge."""
    return sorted(folder.glob(f"{judge_id}-*{SUFFIX}"))


def receiver_lock(folder: Path, judge_id: str) -> Path:
    """The file that a process has locked while replies of a judge may still come to it."""
    return folder / f"{judge_id}.receiver.lock"


def held_file(folder: Path, judge_id: str, token: str) -> Path:
    """Where a process that asks a judge holds what could be lost."""
    return folder / f"{judge_id}-{token}.held"


def write_reply(file: Path, vote: Vote, body: bytes, endpoint: Endpoint) -> None:
    """Keep a reply; OSError where there is no room, and then nothing remains."""
    text = endpoint.redact(body.decode("utf-8", errors="surrogateescape"))
    try:
        file.write_bytes(_line(vote) + text.encode("utf-8", errors="surrogateescape"))
    except OSError:
        with suppress(OSError):
            file.unlink()
        raise


def read_reply(file: Path) -> tuple[Vote, dict[str, Any]] | None:
    """The vote and the message that a file holds; None where it is damaged."""
    try:
        first, _, body = file.read_bytes().partition(b"\n")
        vote = Vote(**json.loads(first))
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    message = message_in(body)
    return (vote, message) if message is not None and _is_vote(vote) else None


def _is_vote(vote: Vote) -> bool:
    return (
        vote.kind in KINDS
        and isinstance(vote.sample_id, str)
        and (vote.concept is None if vote.kind == "topic" else isinstance(vote.concept, str))
        and type(vote.vote) is int
    )


def _line(vote: Vote) -> bytes:
    return json.dumps(asdict(vote)).encode() + b"\n"
