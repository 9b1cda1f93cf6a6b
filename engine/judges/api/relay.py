"""The judge's end of the way to its receiver: a transport of the HTTP library whose requests another process sends.

This module loads the HTTP library, so it is imported where a judge is asked.
"""

import asyncio
import subprocess
import sys
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from threading import Lock, Thread
from typing import IO, Final

import httpx2

from engine.errors import JudgeError
from engine.judges.api.faults import ReceiverGone, TooLarge, one_line
from engine.judges.api.lines import STAKE, Came, Sent, Stake, Start, Started, raw_headers, told_headers
from engine.judges.api.sizes import MOST_BYTES

COMMAND: Final = (sys.executable, "-P", "-m", "engine.judges.api.receiver")
GRACE_S: Final = 5.0
"""How much longer than its receiver a judge waits for a reply."""


class Relay(httpx2.AsyncBaseTransport):
    """Hands requests to a receiver of its own and brings back what became of them. JudgeError where none can be started."""

    def __init__(self, start: Start) -> None:
        self._calls: dict[int, Future[Came]] = {}
        self._lock = Lock()
        self._number, self._is_closing, self._is_gone = 0, False, False
        self._process, self._stdin, self._stdout = _started(start)
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """What the receiver got for a request; what it failed with is raised as if it had failed here."""
        came = await asyncio.wrap_future(self._begin(request, await request.aread(), STAKE.get()))
        if came.error is not None:
            raise _error(came.error, came.told)
        return httpx2.Response(came.status, headers=raw_headers(came.headers or []), content=came.content)

    def close(self) -> int:
        """Have no more sent; returns for how many calls the receiver goes on to wait. Where there are none, it has ended."""
        self._is_closing = True
        with suppress(OSError):
            self._stdin.close()
        # The receiver closes its end at once, whatever it still waits for.
        self._reader.join()
        self._stdout.close()
        if not self._calls:
            self._process.wait()
        return len(self._calls)

    def _begin(self, request: httpx2.Request, content: bytes, stake: Stake) -> "Future[Came]":
        call: Future[Came] = Future()
        with self._lock:
            if self._is_gone:
                raise ReceiverGone
            self._number += 1
            number = self._number
            self._calls[number] = call
        headers = told_headers(request.headers.raw)
        sent = Sent(number, stake.vote, stake.worst_usd, request.method, str(request.url), headers, content)
        # Where the receiver is gone, the reader notices too, and fails the call.
        with suppress(OSError):
            self._stdin.write(sent.line())
            self._stdin.flush()
        return call

    def _read(self) -> None:
        for line in self._stdout:
            came = Came.read(line)
            with self._lock:
                call = self._calls.pop(came.number)
            # Nobody waits any more for a call that was given up.
            with suppress(InvalidStateError):
                call.set_result(came)
        with self._lock:
            self._is_gone = True
            failed = [] if self._is_closing else [self._calls.popitem()[1] for _ in range(len(self._calls))]
        for call in failed:
            with suppress(InvalidStateError):
                call.set_exception(ReceiverGone())


def _started(start: Start) -> "tuple[subprocess.Popen[bytes], IO[bytes], IO[bytes]]":
    """A receiver that takes requests, and the ends of its input and output."""
    pipe = subprocess.PIPE
    # A session of its own: what is typed at the judge's terminal, or closes it, does not reach it.
    process = subprocess.Popen(COMMAND, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)
    try:
        if not (process.stdin and process.stdout and process.stderr):
            raise AssertionError("all three are pipes")
        with suppress(OSError):
            process.stdin.write(start.line())
            process.stdin.flush()
        _require_started(process.stdout.readline(), process.stderr)
    except BaseException:
        process.kill()
        process.communicate()
        raise
    process.stderr.close()
    return process, process.stdin, process.stdout


def _require_started(first: bytes, stderr: IO[bytes]) -> None:
    if not first:
        *_, last = stderr.read().decode(errors="replace").splitlines() or ["it said nothing"]
        raise JudgeError(f"The process that receives the judge's replies does not start ({one_line(last)}).")
    if (started := Started.read(first)).refused:
        raise JudgeError(started.refused, hint=started.hint)


def _error(name: str, told: str) -> Exception:
    """The error that a receiver told of."""
    if name == TooLarge.__name__:
        return TooLarge(MOST_BYTES)
    if name == TimeoutError.__name__:
        return httpx2.ReadTimeout(told)
    kind = getattr(httpx2, name, None)
    if isinstance(kind, type) and issubclass(kind, httpx2.RequestError):
        return kind(told)
    return httpx2.ReadError(told or name)
