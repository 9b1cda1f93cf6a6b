"""Ctrl-C ends the statement that the main thread waits for, as it ends everything else.

While DuckDB is at work, Python cannot look whether a signal has come, and DuckDB does not look either. So the signal wakes a
thread, which asks DuckDB to stop. Statements of other threads are left to end: nobody who presses Ctrl-C waits for those, and
what they write may have been paid for.
"""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import duckdb

from db import failures

_AGAIN_S = 0.05

_at_work: dict[int, duckdb.DuckDBPyConnection] = {}  # cursors of the main thread, by their id


@contextmanager
def heed_ctrl_c() -> Iterator[None]:
    """Within, Ctrl-C ends statements of the main thread, in which this is to be called; in another it does nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    told, tells = socket.socketpair()
    with told, tells:
        tells.setblocking(False)
        before = signal.set_wakeup_fd(tells.fileno(), warn_on_full_buffer=False)
        watcher = threading.Thread(target=_watch, args=(told,), name="lensgap-ctrl-c", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)
            _at_work.clear()
            tells.shutdown(socket.SHUT_RDWR)
            watcher.join()


@contextmanager
def stoppable(connection: duckdb.DuckDBPyConnection | None = None) -> Iterator[None]:
    """Around statements on this connection: raises KeyboardInterrupt for Ctrl-C, of which DuckDB makes other errors."""
    if connection is not None and threading.current_thread() is threading.main_thread():
        _at_work[id(connection)] = connection
    try:
        yield
    except (RuntimeError, duckdb.InterruptException) as error:
        if failures.is_interrupt(error):
            raise KeyboardInterrupt from error
        raise
    finally:
        _at_work.pop(id(connection), None)


def _watch(told: socket.socket) -> None:
    while numbers := told.recv(64):
        if signal.SIGINT in numbers:
            _interrupt()


def _interrupt() -> None:
    """Ask all statements that are at work to stop, again and again until they have.

    One that is just about to begin would forget that it was asked before. What begins later is what cleans up.
    """
    asked = dict(_at_work)
    while left := [cursor for key, cursor in asked.items() if _at_work.get(key) is cursor]:
        for cursor in left:
            with suppress(duckdb.Error):
                cursor.interrupt()
        threading.Event().wait(_AGAIN_S)


def _forget() -> None:
    """After a fork: the child has neither the thread nor the statements."""
    _at_work.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
