"""Keep every answer of a judge that is paid for on disk from the moment it comes until it is in the database.

The database is written every few seconds; a process that is killed in between would pay for those seconds again. So each row
is first appended to a file of the study, replies/<judge>-<number>.jsonl, which is deleted when its rows are in the database.
The next process that judges reads what is left. Only one process at a time may ask a judge about a study, since two would
both ask what is pending; a lock beside the files sees to that.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TextIO

from filelock import FileLock, Timeout

from db.rows import JudgmentRow, TopicRow
from engine.errors import JudgeError, StudyFull, StudyUnreadable

VoteRow = TopicRow | JudgmentRow
_CLASSES: dict[str, type[VoteRow]] = {"topics": TopicRow, "judgments": JudgmentRow}


class ReplyLog:
    """The answers that are not in the database yet, in numbered files; one file is open, the others wait to be written."""

    def __init__(self, folder: Path, judge_id: str) -> None:
        self._folder, self._judge_id = folder, judge_id
        self._file: TextIO | None = None
        self._number = max((_number(path) for path in self._left()), default=0)
        self._found = self._number

    def read(self) -> list[VoteRow]:
        """All rows that an earlier process left behind; a line that was cut short by its end is left out."""
        lines = (line for path in self._left() for line in path.read_text("utf-8", errors="replace").splitlines())
        return [row for line in lines if (row := _row(line))]

    def append(self, row: VoteRow) -> None:
        """Put a row on disk, safe from the end of this process. StudyFull when there is no room."""
        try:
            if self._file is None:
                self._number += 1
                self._file = self._path(self._number).open("a", encoding="utf-8")
            self._file.write(_line(row))
            self._file.flush()
        except OSError as error:
            raise StudyFull(
                f"An answer of the judge could not be kept in {self._folder}: {error.strerror or error}.",
                hint="Free some space and run it again.",
            ) from error

    def close_file(self) -> int:
        """Let later rows go to a new file; returns the number up to which files may be forgotten once they are written."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            self._file = None
        return self._number

    def forget(self, number: int) -> None:
        """Delete the files of this process up to a number, for their rows are in the database."""
        for path in self._left():
            if self._found < _number(path) <= number:
                path.unlink(missing_ok=True)

    def forget_found(self) -> None:
        """Delete the files that an earlier process left behind, for their rows are in the database."""
        for path in self._left():
            if _number(path) <= self._found:
                path.unlink(missing_ok=True)

    def _left(self) -> list[Path]:
        return sorted(self._folder.glob(f"{self._judge_id}-*.jsonl"), key=_number)

    def _path(self, number: int) -> Path:
        return self._folder / f"{self._judge_id}-{number}.jsonl"


@contextmanager
def reply_log(study: Path, judge_id: str) -> Iterator[ReplyLog]:
    """The judge's log in a study, for this process alone; JudgeError when another process asks the same judge.

    Raises StudyUnreadable where no file can be made.
    """
    folder = study / "replies"
    lock = FileLock(folder / f"{judge_id}.lock")
    try:
        folder.mkdir(exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise JudgeError(
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


def _line(row: VoteRow) -> str:
    return json.dumps({"table": row.table} | asdict(row), default=datetime.isoformat) + "\n"


def _row(line: str) -> VoteRow | None:
    try:
        values = json.loads(line)
        kind = _CLASSES[values.pop("table")]
        values["judged_at"] = datetime.fromisoformat(values["judged_at"])
        if values.get("probabilities") is not None:
            values["probabilities"] = tuple(values["probabilities"])
        return kind(**values)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _number(path: Path) -> int:
    tail = path.stem.rpartition("-")[2]
    return int(tail) if tail.isdigit() else 0
