"""Keep every answer of a judge that is paid for on disk from the moment it comes until it is in the database.

The database is written every few seconds; a process that is killed in between would pay for those seconds again. So each row
is first appended to a file of the study, replies/<judge>-<number>.jsonl, which is deleted when its rows are in the database.
The next process that judges reads what is left; a line that is no answer, or that the database refuses, goes to <file>.bad.
Where another process receives the replies (engine.judges.api.receiver) and has put one on disk, that file is kept instead.

What calls under way may cost is not known before their answers come. The most that a kill could lose stands in
replies/<judge>-<token>.held, a line each time that it grows, and is deleted when all is accounted for. A receiver that outlived
the kill has added what was lost indeed.

Only one process at a time may ask a judge about a study, since two would both ask what is pending; a lock beside the files sees
to that.
"""

import json
import math
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import chain, groupby
from pathlib import Path
from typing import Any, Final, TextIO

from filelock import FileLock, Timeout

from db.rows import JudgmentRow, TopicRow
from engine.errors import JudgeBusy, StudyFull, StudyUnreadable
from engine.judges.api.endpoint import REPLY_S
from engine.judges.api.reply_files import (
    SETTLED,
    Vote,
    held_file,
    read_reply,
    receiver_lock,
    reply_file,
    reply_files,
)

VoteRow = TopicRow | JudgmentRow
_CLASSES: dict[str, type[VoteRow]] = {"topics": TopicRow, "judgments": JudgmentRow}
_MOST_DIGITS = 9
LONGEST_WAIT_S: Final = REPLY_S + 10.0
"""Longer than any call of a process that has ended can take."""


@dataclass(frozen=True, slots=True)
class Found:
    """A line that an earlier process left, and the answer that it is; number 0 is a file that cannot be read at all."""

    file: Path
    number: int
    line: bytes = b""
    row: VoteRow | None = None


class ReplyLog:
    """The answers that are not in the database yet, in numbered files; one file is open, the others wait to be written."""

    def __init__(self, folder: Path, judge_id: str) -> None:
        self.folder, self._judge_id = folder, judge_id
        self.token = secrets.token_hex(8)
        """Names what this process holds."""
        self._file: TextIO | None = None
        self._found = max((_number(path) for path in self._left()), default=0)
        self._number = self._found + 1
        self._received: defaultdict[int, list[Path]] = defaultdict(list)
        """Files of replies whose rows are not in the database, by the number of the file that would hold those rows."""

    def find(self) -> list[Found]:
        """All lines that an earlier process left behind."""
        return [line for path in self._left() for line in _lines(path, self._judge_id)]

    def read(self) -> list[VoteRow]:
        """All answers that an earlier process left behind."""
        return [found.row for found in self.find() if found.row is not None]

    def find_replies(self) -> list[tuple[Path, tuple[Vote, dict[str, Any]] | None]]:
        """All replies that another process received and nobody made a row of, None where a file is damaged."""
        return [(file, read_reply(file)) for file in reply_files(self.folder, self._judge_id)]

    def append(self, row: VoteRow) -> None:
        """Put a row on disk, unless its reply is there already. StudyFull when there is no room."""
        reply = reply_file(self.folder, self._judge_id, _vote(row))
        if reply.exists():
            self._received[self._number].append(reply)
            return
        try:
            if self._file is None:
                self._file = self._path(self._number).open("a", encoding="utf-8")
            self._file.write(_line(row))
            self._file.flush()
        except OSError as error:
            raise self._full("An answer of the judge", error) from error

    def hold(self, could_be_lost_usd: float) -> None:
        """Put on disk what a kill could lose at most from now on. StudyFull when there is no room."""
        try:
            with self._held(self.token).open("a", encoding="utf-8") as file:
                file.write(f"{json.dumps(could_be_lost_usd)}\n")
        except OSError as error:
            raise self._full("What the next calls may cost", error) from error

    def found_holds(self) -> dict[str, float]:
        """What processes that were killed may have lost at most, by their tokens."""
        files = self.folder.glob(f"{self._judge_id}-*.held")
        held = {path.stem.rpartition("-")[2]: _most_held(path) for path in files if path.is_file()}
        return {token: amount for token, amount in held.items() if token != self.token}

    def release(self, token: str) -> None:
        """What was held is accounted for."""
        with suppress(OSError):
            self._held(token).unlink()

    def set_aside(self, bad: Sequence[Found]) -> list[str]:
        """Put lines into <file>.bad; returns a sentence a file that names them."""
        said = []
        for file, lines in groupby(
            sorted(bad, key=lambda one: (_number(one.file), one.file, one.number)), key=lambda one: one.file
        ):
            aside, found = file.with_name(f"{file.name}.bad"), list(lines)
            try:
                if found[0].number:
                    with aside.open("ab") as kept:
                        kept.writelines(one.line + b"\n" for one in found)
                else:
                    file.rename(aside)
            except OSError as error:
                raise self._full(f"What is damaged in {file.name}", error) from error
            said.append(
                f"{_named(found)} of {file} {_are(found)} no answer of this judge, and set aside in {aside.name}."
            )
        return said

    def close_file(self) -> int:
        """Let later rows go to a new file; returns the number up to which files may be forgotten once they are written."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            self._file = None
        self._number += 1
        return self._number - 1

    def forget(self, number: int) -> None:
        """Delete the files of this process up to a number, and those of the replies that came with them."""
        received = [self._received.pop(each) for each in list(self._received) if each <= number]
        written = [path for path in self._left() if self._found < _number(path) <= number]
        for path in chain(written, *received):
            path.unlink(missing_ok=True)

    def forget_found(self, replies: Iterable[Path] = ()) -> None:
        """Delete the files that an earlier process left behind, and these replies: all is in the database or set aside."""
        for path in (*replies, *(path for path in self._left() if _number(path) <= self._found)):
            path.unlink(missing_ok=True)

    def await_receiver(self, tell: Callable[[str], None]) -> None:
        """Wait until a process that received replies for an earlier one has ended; JudgeBusy where that takes too long."""
        lock = FileLock(receiver_lock(self.folder, self._judge_id))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            tell(
                f"Replies to an earlier call may still come; they are waited for, at most {LONGEST_WAIT_S:.0f} seconds."
            )
            try:
                lock.acquire(timeout=LONGEST_WAIT_S)
            except Timeout as error:
                raise JudgeBusy(
                    "Another process is still receiving replies from this judge.", hint="Run the command again."
                ) from error
        lock.release()

    def _left(self) -> list[Path]:
        return sorted(self.folder.glob(f"{self._judge_id}-*.jsonl"), key=_number)

    def _path(self, number: int) -> Path:
        return self.folder / f"{self._judge_id}-{number}.jsonl"

    def _held(self, token: str) -> Path:
        return held_file(self.folder, self._judge_id, token)

    def _full(self, what: str, error: OSError) -> StudyFull:
        return StudyFull(
            f"{what} could not be kept in {self.folder}: {error.strerror or error}.",
            hint="Free some space and run it again.",
        )


@contextmanager
def reply_log(study: Path, judge_id: str) -> Iterator[ReplyLog]:
    """The judge's log in a study, for this process alone; JudgeBusy when another process asks the same judge.

    Raises StudyUnreadable where no file can be made.
    """
    folder = study / "replies"
    lock = FileLock(folder / f"{judge_id}.lock")
    try:
        folder.mkdir(exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise JudgeBusy(
            "Another process is asking this judge about the study.", hint="Wait until it is done, or stop it."
        ) from error
    except OSError as error:
        raise StudyUnreadable(
            f"The answers of a judge cannot be kept in {folder}: {error.strerror or error}.",
            hint="Choose a writable folder.",
        ) from error
    log = ReplyLog(folder, judge_id)
    try:
        yield log
    finally:
        log.close_file()
        lock.release()


def _vote(row: VoteRow) -> Vote:
    if isinstance(row, TopicRow):
        return Vote("topic", row.sample_id, None, row.vote)
    return Vote("relevance", row.sample_id, row.concept, row.vote)


def _line(row: VoteRow) -> str:
    return json.dumps({"table": row.table} | asdict(row), default=datetime.isoformat) + "\n"


def _lines(path: Path, judge_id: str) -> list[Found]:
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError:
        return [Found(path, 0)]
    return [
        Found(path, number, line, _row(line, judge_id)) for number, line in enumerate(lines, start=1) if line.strip()
    ]


def _row(line: bytes, judge_id: str) -> VoteRow | None:
    """The answer of a judge that a line is; what the database makes of it is its own affair."""
    try:
        values = json.loads(line.decode("utf-8", errors="replace"))
        kind = _CLASSES[values.pop("table")]
        values["judged_at"] = datetime.fromisoformat(values["judged_at"])
        if values.get("probabilities") is not None:
            values["probabilities"] = tuple(values["probabilities"])
        row = kind(**values)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return row if row.judge_id == judge_id and _is_finite(values) else None


def _is_finite(values: dict[str, object]) -> bool:
    return all(math.isfinite(value) for value in values.values() if isinstance(value, float))


def _most_held(path: Path) -> float:
    """The amount that was lost, as a receiver told it; else the largest amount that was held.

    A line that its process did not finish was followed by no call.
    """
    lines = path.read_bytes().split(b"\n")
    settled = [line.removeprefix(SETTLED) for line in lines[:-1] if line.startswith(SETTLED)]
    return max(filter(math.isfinite, map(_amount, settled or lines)), default=0.0)


def _amount(line: bytes) -> float:
    try:
        return max(float(line), 0.0)
    except ValueError:
        return 0.0


def _named(found: Sequence[Found]) -> str:
    """The lines of a file in words."""
    numbers = [f"{one.number}" for one in found if one.number]
    if not numbers:
        return "The whole"
    if len(numbers) == 1:
        return f"Line {numbers[0]}"
    shown = f"{', '.join(numbers[:3])} and {len(numbers) - 3:,} more" if len(numbers) > 4 else ", ".join(numbers)
    return f"Lines {shown}"


def _are(found: Sequence[Found]) -> str:
    return "are" if len(found) > 1 else "is"


def _number(path: Path) -> int:
    tail = path.stem.rpartition("-")[2]
    return int(tail) if tail.isascii() and tail.isdigit() and len(tail) <= _MOST_DIGITS else 0
