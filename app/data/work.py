"""Runs that the dashboard starts: processes of their own, which outlive it, and which it finds again by what they left.

Each has three files in the study's folder `work`: what was asked (with the process's id), what it said, and what it told on
stdout. While it lives it holds a lock on the second, which the system drops when it ends, however it ends; so a number of a
process that was given away again is never taken for ours.
"""

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from app.data.command import without_keys
from db.errors import ExpectedError

if sys.platform != "win32":
    import fcntl

_TAIL_BYTES: Final = 40_000
_TAIL_LINES: Final = 40
STOPPED: Final = "Stopped. Run the same command again to continue."
# A dashboard that a shell put into the background ignores Ctrl-C, and what it starts would too. Who stops a run at once stops it
# while it still loads its code.
_PROGRAM: Final = f"""
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    from engine.cli import main
    main()
except KeyboardInterrupt:
    sys.exit({STOPPED!r})
"""
_COMMAND: Final = (sys.executable, "-c", _PROGRAM)
_FLAGS: Final = (
    *("--model", "--pack", "--per-quadrant", "--n-positive", "--n-negative", "--max-new-tokens", "--seed"),
    *("--judge", "--budget", "--lenses"),
)
"""The options that the form gives."""


class WorkRefused(ExpectedError):
    """A run cannot be started or stopped."""

    title = "The run cannot be started"


@dataclass(frozen=True, slots=True)
class Work:
    """A run that was started here; `done_before` tells how far its stages were then."""

    work_id: str
    run_id: str
    arguments: tuple[str, ...]
    started_at: str
    by: str
    process_id: int = 0
    done_before: Mapping[str, int] = field(default_factory=dict)

    @property
    def begun(self) -> datetime:
        """When it was started."""
        return datetime.strptime(self.started_at, "%Y-%m-%dT%H-%M-%S").replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class State:
    """How a run that was started here stands: at work, done, or ended with a sentence; and the end of what it said."""

    work: Work
    is_alive: bool
    fault: str | None
    log: str


def continuing(folder: Path, arguments: Sequence[str]) -> tuple[str, ...]:
    """The command that continues a run with the same options of the form, in the folder where the study lies now.

    The study may come from somebody else, and no plan is shown: nothing is paid for without a budget, and WorkRefused is raised
    for what the form does not give.
    """
    flags = tuple(one for one in arguments[2:] if one != "--yes")
    if tuple(arguments[:1]) != ("run",) or not all("=" in flag and flag.partition("=")[0] in _FLAGS for flag in flags):
        raise WorkRefused(
            "This run cannot continue from here because the form did not start it.",
            hint="Plan it in the form below instead.",
        )
    return ("run", str(folder.resolve()), *flags)


def start(folder: Path, arguments: Sequence[str], *, run_id: str, by: str, done_before: Mapping[str, int]) -> Work:
    """Start a command that outlives this process; WorkRefused while another one of the study is at work."""
    place = folder / "work"
    try:
        place.mkdir(exist_ok=True)
        with _one_at_a_time(place):
            latest = load_state(folder)
            if latest is not None and latest.is_alive:
                raise WorkRefused("A run of this study is already in progress.", hint="Wait for it, or stop it first.")
            now = datetime.now(UTC)
            # The latest is the last by name, so names of one second are in order too.
            work_id = f"{now:%Y-%m-%dT%H-%M-%S-%f}-{uuid.uuid4().hex[:6]}"
            at = f"{now:%Y-%m-%dT%H-%M-%S}"
            work = Work(work_id, run_id, tuple(arguments), at, by, done_before=dict(done_before))
            work = replace(work, process_id=_spawn(place, work))
            scratch = place / f"{work.work_id}.tmp"
            scratch.write_text(json.dumps(asdict(work)), "utf-8")
            scratch.replace(place / f"{work.work_id}.json")
    except OSError as error:
        raise WorkRefused(f"The run cannot be started: {error.strerror or error}.") from error
    return work


@contextmanager
def _one_at_a_time(place: Path) -> Iterator[None]:
    """Within, nobody else looks for a run at work to start another. What is started does not inherit this lock."""
    with (place / "lock").open("ab") as lock:
        if sys.platform != "win32":
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _spawn(place: Path, work: Work) -> int:
    environment = os.environ | {"COLUMNS": "200", "NO_COLOR": "1"}
    with (place / f"{work.work_id}.out").open("wb") as output, (place / f"{work.work_id}.log").open("ab") as log:
        if sys.platform != "win32":
            # The process inherits the open file, and with it the lock.
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        process = subprocess.Popen(
            [*_COMMAND, *work.arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=log,
            env=environment,
            start_new_session=True,
        )
    return process.pid


def load_state(folder: Path) -> State | None:
    """How the latest run that was started here stands; None where there is none."""
    files = sorted((folder / "work").glob("*.json"))
    work = _read(files[-1]) if files else None
    if work is None:
        return None
    log_file = folder / "work" / f"{work.work_id}.log"
    is_alive, log = _is_locked(log_file), _tail(log_file)
    output = folder / "work" / f"{work.work_id}.out"
    # A command tells the run's id on stdout when it is done, and nothing before.
    is_done = output.exists() and output.stat().st_size > 0
    return State(work, is_alive, None if is_alive or is_done else _fault(log), log)


def seconds_since(found: Work) -> float:
    """For how long a run is at work."""
    return max(0.0, (datetime.now(UTC) - found.begun).total_seconds())


def stop(folder: Path, work_id: str, *, at_once: bool = False) -> None:
    """Ask the run of this id to stop, or end it at once; does nothing where it is not at work any more."""
    state = load_state(folder)
    if state is None or state.work.work_id != work_id or not state.is_alive:
        return
    try:
        os.kill(state.work.process_id, signal.SIGKILL if at_once else signal.SIGINT)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise WorkRefused("The run belongs to another user, so it cannot be stopped here.") from error


def _read(file: Path) -> Work | None:
    """What was asked; None for what cannot be read or was not written here, as a study of somebody else may hold it."""
    try:
        told: dict[str, Any] = json.loads(file.read_text("utf-8"))
        work = Work(**told | {"arguments": tuple(told["arguments"])})
        return work if work.work_id == file.stem and _is_sound(work) else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _is_sound(work: Work) -> bool:
    """Whether every value is of its kind; a text or time that is none raises ValueError, TypeError or AttributeError."""
    texts = (work.work_id, work.run_id, *work.arguments, work.started_at, work.by, *work.done_before)
    "".join(texts).encode("utf-8")
    work.begun.isoformat()
    # To end process 0 or -1 would end many.
    return all(type(n) is int for n in (work.process_id, *work.done_before.values())) and work.process_id > 0


def _is_locked(file: Path) -> bool:
    """Whether the process that was started with this log is alive."""
    if sys.platform == "win32":
        return False
    try:
        with file.open("rb") as log:
            # Shared, so that two who look at once do not take each other for the run.
            fcntl.flock(log, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _tail(file: Path) -> str:
    try:
        with file.open("rb") as log:
            log.seek(max(0, file.stat().st_size - _TAIL_BYTES))
            said = log.read().decode("utf-8", "replace")
    except OSError:
        return ""
    lines = [line.rstrip() for line in without_keys(said).splitlines() if line.strip()]
    return "\n".join(lines[-_TAIL_LINES:])


def _fault(log: str) -> str:
    lines = log.splitlines()
    return lines[-1].strip() if lines else "It was ended before it finished. Everything it has written is kept."
