"""The process that makes a judge's calls, and outlives the judge: `python -m engine.judges.api.receiver`, started by a relay.

A judge that is killed cannot keep the replies that are on their way to it, and they are paid. So another process sends its
requests and keeps every reply in a file before it hands it over. It decides nothing: pace, budget and retries are the judge's.
When its input ends, the judge has ended; then it sends nothing new, waits for the calls under way, keeps their replies, writes
down what may have been paid for nothing, and ends. It holds a lock for as long, so that the next judge knows when to look.

The key comes through the input and is neither among the arguments nor in any file.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Final

from filelock import FileLock, Timeout
from httpx2 import AsyncClient, Response

from engine.errors import JudgeError
from engine.judges.api.endpoint import open_http
from engine.judges.api.faults import is_html, was_sent
from engine.judges.api.lines import Came, Sent, Start, Started, raw_headers, told_headers
from engine.judges.api.replies import message_in, usage_of
from engine.judges.api.reply_files import SETTLED, held_file, receiver_lock, reply_file, write_reply

LOCK_S: Final = 2.0
"""How long another receiver may take to end that has nothing more to receive."""
PACKED: Final = {b"content-length", b"content-encoding", b"transfer-encoding"}
"""Headers that speak of a body as it travelled."""


class Receiver:
    """Sends requests in one event loop and keeps their replies."""

    def __init__(self, start: Start, http: AsyncClient, out: "SimpleQueue[bytes | None]") -> None:
        self._start, self._http, self._out = start, http, out
        self._folder = Path(start.folder)
        self._lost_usd = start.lost_usd
        self._calls: set[asyncio.Task[Came]] = set()
        self._input_ended = asyncio.Event()

    async def run(self) -> None:
        """Send what comes until the input ends, and wait for all that was sent."""
        loop = asyncio.get_running_loop()
        Thread(target=_read, args=(loop, self._send, self._no_more), daemon=True).start()
        await self._input_ended.wait()
        if self._calls:
            await asyncio.wait(self._calls)
        self._settle()

    def _send(self, line: bytes) -> None:
        sent = Sent.read(line)
        call = asyncio.get_running_loop().create_task(self._call(sent))
        self._calls.add(call)
        call.add_done_callback(partial(self._ended, sent))

    def _no_more(self) -> None:
        self._out.put(None)
        self._input_ended.set()

    async def _call(self, sent: Sent) -> Came:
        headers = raw_headers(sent.headers)
        request = self._http.build_request(sent.method, sent.url, headers=headers, content=sent.content)
        async with asyncio.timeout(self._start.reply_s):
            response = await self._http.send(request)
        if response.status_code == 200 and not self._keep(sent, response):
            self._lost_usd += sent.worst_usd
        told = told_headers(each for each in response.headers.raw if each[0].lower() not in PACKED)
        return Came(sent.number, response.status_code, told, response.content)

    def _keep(self, sent: Sent, response: Response) -> bool:
        """Keep what was paid; whether the study will know from it what the call has cost."""
        message = message_in(response.content)
        if message is None:
            return is_html(response)
        try:
            file = reply_file(self._folder, self._start.judge_id, sent.vote)
            write_reply(file, sent.vote, response.content, self._start.endpoint)
        except OSError:
            # The judge gets the reply all the same, finds no file, and says why none can be made.
            return False
        return usage_of(message) is not None

    def _ended(self, sent: Sent, call: "asyncio.Task[Came]") -> None:
        error = call.exception()
        if error is not None and was_sent(error):
            self._lost_usd += sent.worst_usd
        came = Came(sent.number, error=type(error).__name__, told=str(error)) if error else call.result()
        self._out.put(came.line())
        self._calls.discard(call)

    def _settle(self) -> None:
        """Say what of all that was held is lost: all else is in files, or was never paid."""
        held = held_file(self._folder, self._start.judge_id, self._start.token)
        if held.exists():
            with held.open("ab") as file:
                file.write(b"\n%b%r\n" % (SETTLED, self._lost_usd))


async def receive(start: Start, out: "SimpleQueue[bytes | None]") -> None:
    """Say that the first request may come, and receive; JudgeError where the environment allows no calls."""
    async with open_http(
        max_connections=start.max_connections, reply_s=start.reply_s, connect_s=start.connect_s
    ) as http:
        receiver = Receiver(start, http, out)
        out.put(Started().line())
        # Nobody reads what is said there once the judge has ended.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        await receiver.run()


def main() -> None:
    """Receive for one judge, from the first line of the input to its end."""
    # Ctrl-C is for the judge.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if not (line := sys.stdin.buffer.readline()).endswith(b"\n"):
        return
    start = Start.read(line)
    out: SimpleQueue[bytes | None] = SimpleQueue()
    writer = Thread(target=_write, args=(out,))
    writer.start()
    try:
        with FileLock(receiver_lock(Path(start.folder), start.judge_id), timeout=LOCK_S):
            asyncio.run(receive(start, out))
    except JudgeError as error:
        out.put(Started(refused=str(error.args[0]), hint=error.hint).line())
    except Timeout:
        out.put(Started(refused="Another process receives replies of this judge.", hint="Run it again later.").line())
    finally:
        out.put(None)
        writer.join()


def _read(loop: asyncio.AbstractEventLoop, send: Callable[[bytes], None], no_more: Callable[[], None]) -> None:
    """Pass on whole lines of the input; the judge was killed in the midst of one that is cut."""
    for line in sys.stdin.buffer:
        if line.endswith(b"\n"):
            loop.call_soon_threadsafe(send, line)
    loop.call_soon_threadsafe(no_more)


def _write(lines: "SimpleQueue[bytes | None]") -> None:
    """Write lines up to None, and close the output; the judge may be gone."""
    with suppress(OSError), open(sys.stdout.fileno(), "wb") as out:
        for line in iter(lines.get, None):
            out.write(line)
            out.flush()


if __name__ == "__main__":
    main()
