"""Work that the dashboard has the command line do: a process beside it, whose end a screen looks for whenever it is drawn.

The process has the dashboard's environment, keys included; what it says is searched for them before it is shown.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Final

from engine.terminal import NOTE

COMMAND: Final = (sys.executable, "-m", "engine.cli")
KEYS: Final = ("ANTHROPIC_API_KEY", "LENSGAP_JUDGE_KEY")
_END_S: Final = 10.0
_ANSI: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_LEAKS: Final = re.compile(r"^(nanobind: .*| - (leaked|\.\.\. skipped).*|See https://nanobind\.\S*)$\n?", re.MULTILINE)
"""What the database's library may say of its own memory as a process ends, after the sentence that matters."""
_LONGEST: Final = 500
_NOTED_BYTES: Final = 8192
"""How much of the end of what a process said is searched for a note."""
_AGAIN: Final = (
    ("run the same command again", "press the button again"),
    ("Run the same command again", "Press the button again"),
)
"""What a command advises, and what that is where a button started it."""


@dataclass(frozen=True, slots=True)
class Started:
    """A process at work, with the files that it writes to."""

    process: subprocess.Popen[bytes]
    output: IO[bytes]
    errors: IO[bytes]
    started: float

    @property
    def seconds(self) -> float:
        """For how long it is at work."""
        return time.monotonic() - self.started


@dataclass(frozen=True, slots=True)
class Ended:
    """What a process put out, and the sentence in which it told why it failed, None if it did not."""

    output: str
    fault: str | None


def start(arguments: Sequence[str]) -> Started:
    """Start a command of `lensgap`; nobody is there to answer its questions."""
    output, errors = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 -- the process writes on
    # Wide, so that no sentence is broken.
    environment = os.environ | {"COLUMNS": "5000", "NO_COLOR": "1"}
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdin=subprocess.DEVNULL, stdout=output, stderr=errors, env=environment
    )
    return Started(process, output, errors, time.monotonic())


def ended(work: Started) -> Ended | None:
    """What became of a process, None while it is at work."""
    status = work.process.poll()
    if status is None:
        return None
    output, errors = _read(work.output), _read(work.errors)
    return Ended(output, None if status == 0 else _fault(errors, status))


def noted(work: Started) -> str | None:
    """The last note that a process at work has made, None before the first."""
    # Where a file is read by seeking, the process would write on from there.
    size = os.fstat(work.errors.fileno()).st_size
    end = os.pread(work.errors.fileno(), _NOTED_BYTES, max(0, size - _NOTED_BYTES)).decode("utf-8", "replace")
    notes = [line.removeprefix(NOTE) for line in without_keys(end).splitlines() if line.startswith(NOTE)]
    return _cut(notes[-1].strip()) if notes else None


def stop(work: Started) -> None:
    """End a process that we started."""
    work.process.terminate()
    try:
        work.process.wait(_END_S)
    except subprocess.TimeoutExpired:
        work.process.kill()
        work.process.wait()


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")


def _fault(errors: str, status: int) -> str:
    """The last line that was said, in which the command tells an expected error; who reads it here pressed a button."""
    lines = [line.strip() for line in without_keys(errors).splitlines() if line.strip()]
    said = lines[-1] if lines else f"The command ended with status {status} and gave no message."
    for again, pressed in _AGAIN:
        said = said.replace(again, pressed)
    return _cut(said)


def _cut(said: str) -> str:
    return said if len(said) <= _LONGEST else said[: _LONGEST - 1] + "…"


def without_keys(said: str) -> str:
    """What a command said, without keys, what colours a terminal, and a library's last words on its memory."""
    for key in filter(None, map(os.environ.get, KEYS)):
        said = said.replace(key, "…")
    return _LEAKS.sub("", _ANSI.sub("", said))
