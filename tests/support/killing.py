"""Commands in processes of their own that end where a test wants them to: killed, interrupted, or with a full disk.

A forkserver imports the engine once, so that a process costs a fork instead of seconds. What a test does to a process it
does inside it, at a place that does not depend on how fast the machine is.
"""

import importlib
import multiprocessing
import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

Moment = Literal["before the rows", "after the rows"]


@dataclass(frozen=True, slots=True)
class Ending:
    """Signal the process as it adds rows of a stage for the `nth` time."""

    stage: str
    nth: int = 1
    moment: Moment = "before the rows"
    signal: int = signal.SIGKILL


@dataclass(frozen=True, slots=True)
class FullDisk:
    """From its `nth` call on, a function of a module finds no room on the disk: no file may grow beyond a kilobyte."""

    module: str
    function: str
    nth: int = 1


@dataclass(frozen=True, slots=True)
class Struck:
    """Signal the process as it calls a function of a module for the `nth` time."""

    module: str
    function: str
    nth: int = 1
    signal: int = signal.SIGKILL


@dataclass(frozen=True, slots=True)
class Impatient:
    """Wait for a database that another process holds for these seconds only."""

    wait_s: float


@dataclass(frozen=True, slots=True)
class Ended:
    """Exit status of a process, negative for a signal, and what it wrote."""

    status: int
    stdout: str
    stderr: str


Event = Ending | FullDisk | Impatient | Struck


def run_command(folder: Path, arguments: Sequence[object], event: Event | None = None) -> Ended:
    """Run `lensgap` with these arguments in another process; small batches, and rows written after each of them."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.support.preload"])
    folder.mkdir(parents=True, exist_ok=True)
    out, err = folder / "stdout", folder / "stderr"
    process = context.Process(target=_command, args=(list(map(str, arguments)), event, out, err))
    process.start()
    process.join(120)
    if process.is_alive():
        process.kill()
        process.join()
    return Ended(process.exitcode or 0, out.read_text(), err.read_text())


def _command(arguments: list[str], event: Event | None, out: Path, err: Path) -> None:
    for stream, file in ((sys.stdout, out), (sys.stderr, err)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream.fileno())
    # multiprocessing children of a shell without job control may ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    from db import connect, transaction
    from engine import cli, escalation
    from engine.stages import capture, judge, stage

    capture.SHARD_SAMPLES, stage.WRITE_EVERY_S = 12, 0.0
    if isinstance(event, Ending):
        ending = _ending(stage.write_rows, event)
        stage.write_rows = judge.write_rows = escalation.write_rows = ending  # type: ignore[assignment]
    elif isinstance(event, Impatient):
        for lend in (connect, transaction):
            lend.__wrapped__.__kwdefaults__["wait_s"] = event.wait_s  # type: ignore[attr-defined]
    elif event:
        module = importlib.import_module(event.module)
        begin = partial(os.kill, os.getpid(), event.signal) if isinstance(event, Struck) else _fill_disk
        setattr(module, event.function, _beginning(getattr(module, event.function), event.nth, begin))
    sys.argv = ["lensgap", *arguments]
    cli.main()


def _ending(write_rows: Callable[..., None], event: Ending) -> Callable[..., None]:
    n_calls = 0

    def ending(study: Path, rows: Sequence[Any], progress: Any = None) -> None:
        nonlocal n_calls
        n_calls += progress is not None and progress._stage == event.stage
        due = n_calls == event.nth and progress is not None and progress._stage == event.stage
        if due and event.moment == "before the rows":
            os.kill(os.getpid(), event.signal)
        write_rows(study, rows, progress)
        if due and event.moment == "after the rows":
            os.kill(os.getpid(), event.signal)

    return ending


def _fill_disk() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY))


def _beginning(function: Callable[..., Any], nth: int, begin: Callable[[], None]) -> Callable[..., Any]:
    """The function, which does something else first when it is called for the `nth` time."""
    n_calls = 0

    def beginning(*arguments: Any, **options: Any) -> Any:
        nonlocal n_calls
        n_calls += 1
        if n_calls == nth:
            begin()
        return function(*arguments, **options)

    return beginning
