"""`lensgap judge` in processes of their own that a test may kill; a forkserver imports the engine once for all of them."""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from tests.support.messages_server import MessagesServer

KEY = "sk-planted-0123456789"
PRELOADED = ["engine.cli", "engine.pipeline", "anthropic", "engine.judges.api.relay"]


@contextmanager
def judging(study: Path, server: MessagesServer, *options: str) -> Iterator[ForkServerProcess]:
    """A process that judges; what it says is added to a file beside the study."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    arguments = ["judge", str(study), "--judge", "anthropic", "--base-url", server.url, "--yes", *options]
    process = context.Process(target=_judge, args=(arguments, study.with_suffix(".said")))
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


def status_of(process: ForkServerProcess) -> int | None:
    """The exit status of a process that ends by itself."""
    process.join(120)
    return process.exitcode


def wait_until(condition: Callable[[], bool], process: ForkServerProcess | None = None) -> None:
    """Wait for something to happen at the server, as long as the process lives that makes it happen."""
    while not condition():
        assert process is None or process.is_alive(), "the process ended"
        time.sleep(0.02)


def _judge(arguments: list[str], said: Path) -> None:
    descriptor = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(descriptor, stream.fileno())
    # A forkserver's children ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ["LENSGAP_JUDGE_KEY"] = KEY
    sys.argv = ["lensgap", *arguments]
    from engine.cli import main

    main()
