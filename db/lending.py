"""One connection for all threads of a process, lent by the cursor and given up soon so that other processes get their turn.

DuckDB lets one process have a database file open. All processes are peers here: each opens the file when a thread asks for a
cursor and it is this process's turn (see `waiting`), retries at jittered intervals while another process has it, and closes
it when no cursor was out for `IDLE_S` (or as long as it was told to `keep_open`), or sooner where a peer waits or another file
has taken its place. A process under steady load stops lending after `TURN_S` when a peer waits, or after `LONGEST_S` in any
case; it then lets the cursors that are out finish, closes, and opens again only after `YIELD_S`; where a peer waits, not before
that has had its turn, for on a busy machine it may take longer to notice (`STEP_BACK_S` at most, and not again for `AGAIN_S`,
for it may stand still).

While a slow query keeps the database open beyond its turn, other threads go on borrowing, for nobody's turn would come sooner if
they waited too; once all cursors from before the turn's end are back, nobody gets another. A thread that has a cursor may always
borrow another one, for it would otherwise wait for itself.

All state is guarded by one condition, whose waits are what lets threads of one process take turns.
"""

import contextlib
import math
import os
import random
import threading
import time
from pathlib import Path
from typing import NamedTuple

import duckdb

from db import failures
from db.opening import file_number, file_state, open_database, require
from db.patience import Patience
from db.waiting import Turn, WaitingLine

IDLE_S = 0.15
IDLE_POLL_S = 0.02
GIVE_S = 0.005
TURN_S = 0.25
LONGEST_S = 10.0
YIELD_S = 0.02
STEP_BACK_S = 1.0
AGAIN_S = 5.0
RETRY_S = (0.004, 0.02)

_idle_s = IDLE_S


def keep_open(idle_s: float) -> None:
    """Let this process keep a database for so long though none of its threads asks, as long as no peer waits.

    For a process that asks now and then all the time: opening takes longer than most of what it asks (35 ms at a million pairs).
    """
    global _idle_s
    _idle_s = idle_s


class _Borrower(NamedTuple):
    """The thread that was lent a cursor, and when."""

    thread: int
    lent_at: float


class Lender:
    """Lends cursors on one database file to the threads of this process."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._line = WaitingLine(file.with_name(file.name + ".queue"))
        self._turn = Turn(file.with_name(file.name + ".turn"))
        self._changed = threading.Condition()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._watcher: threading.Thread | None = None
        self._broken = False
        self._borrowers: dict[int, _Borrower] = {}  # by id of the cursor
        self._n_waiting = 0
        self._opened_at = self._returned_at = self._retry_at = self._back_at = 0.0
        self._number: int | None = None  # of the file that is open
        self._due_at = math.inf  # when this process was first seen to have had its turn
        self._holder: str | None = None  # of the database when it was last refused
        self._is_peers = False  # whether that takes turns
        # The files after this process closed them last, and before.
        self._closed: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
        self.write_lock = threading.RLock()
        self.n_written = 0
        """Transactions of this process that were committed."""

    def borrow(self, patience: Patience) -> duckdb.DuckDBPyConnection:
        """A cursor of the calling thread's own, to be given back with `give_back`.

        Raises StudyMissing, StudyUnreadable, StudyFull, or StudyLocked when the patience is over.
        """
        with self._changed:
            self._n_waiting += 1
            try:
                connection = self._wait_for_connection(patience)
            finally:
                self._n_waiting -= 1
                if not self._n_waiting:
                    self._line.leave()
            cursor = connection.cursor()
            self._borrowers[id(cursor)] = _Borrower(threading.get_ident(), time.monotonic())
            return cursor

    def give_back(self, cursor: duckdb.DuckDBPyConnection, *, broken: bool = False) -> None:
        """Take a cursor back; `broken` means that the connection must be reopened before anything more is lent."""
        with self._changed:
            # A cursor of a broken connection may refuse even to be closed.
            with contextlib.suppress(duckdb.Error):
                cursor.close()
            self._broken |= broken
            del self._borrowers[id(cursor)]
            self._returned_at = time.monotonic()
            if not self._borrowers:
                self._changed.notify_all()

    def is_at_hand(self) -> bool:
        """Whether a cursor is to be had without waiting for another process."""
        with self._changed:
            if self._connection is not None:
                return self._lendable() is not None or not self._line.someone_waits()
            return self._turn.holder() in (None, os.getpid()) and not self._steps_back(time.monotonic())

    def files(self) -> tuple[int, ...]:
        """The state of the files (`file_state`), which changes when somebody commits, not when this process closes them.

        Takes no lock: whoever looks in the middle of closing sees a change that is none.
        """
        state, (after, before) = file_state(self.file), self._closed
        return before if state == after else state

    @property
    def is_open(self) -> bool:
        """Whether this process has the database open; takes no lock, so that a forked child may ask."""
        return self._connection is not None

    def close(self) -> None:
        """Close the connection now, whoever uses it, and end its thread; for the end of the process."""
        with self._changed:
            if self._connection is not None:
                self._close()
        if self._watcher is not None:
            self._watcher.join(timeout=1.0)

    def forget(self) -> None:
        """After a fork, in the child: leave everything to the parent."""
        self._turn.forget()
        self._line.forget()

    def _wait_for_connection(self, patience: Patience) -> duckdb.DuckDBPyConnection:
        started = time.monotonic()
        deadline = started + patience.wait_s
        while (connection := self._lendable(gives_way=patience.gives_way)) is None:
            self._advance(deadline)
            if self._lendable(gives_way=patience.gives_way) is None and time.monotonic() >= deadline:
                self._wait_on(patience, deadline - started)
                deadline += patience.wait_s
        return connection

    def _wait_on(self, patience: Patience, waited_s: float) -> None:
        """Say for whom this process goes on waiting; StudyLocked where it does not."""
        is_own = self._connection is not None
        if patience.tell is None or is_own or not self._is_peers or waited_s >= patience.peer_s:
            holder = failures.this_process() if is_own else self._holder
            raise failures.locked(holder, file=self.file, wait_s=waited_s)
        patience.tell(failures.waiting(self._holder, file=self.file, waited_s=waited_s, longest_s=patience.peer_s))

    def _lendable(self, *, gives_way: bool = False) -> duckdb.DuckDBPyConnection | None:
        if self._broken or (self._is_due() and not self._stays_open(gives_way=gives_way)):
            return None
        return self._connection

    def _is_due(self) -> bool:
        """Whether this process has had its turn, or another file has taken the place of the one that it has open."""
        if self._connection is None:
            return False
        now = time.monotonic()
        held_s = now - self._opened_at
        is_gone = file_number(self.file) != self._number
        if is_gone or held_s > LONGEST_S or (held_s > TURN_S and self._line.someone_waits()):
            self._due_at = min(self._due_at, now)
            return True
        return False

    def _stays_open(self, *, gives_way: bool) -> bool:
        """Whether one cursor more delays nobody: the thread has one already, or some are out since before the turn was over."""
        thread = threading.get_ident()
        return any(
            other.thread == thread or (other.lent_at < self._due_at and not gives_way)
            for other in self._borrowers.values()
        )

    def _advance(self, deadline: float) -> None:
        """Take one step towards a connection that can be lent: close, wait, or try to open."""
        now = time.monotonic()
        if self._connection is not None:
            if self._borrowers:
                self._changed.wait(max(0.0, deadline - now))
            else:
                self._close()
        elif now < self._retry_at:
            self._changed.wait(max(0.0, min(self._retry_at, deadline) - now))
        elif self._steps_back(now):
            self._retry_at = now + random.uniform(*RETRY_S)
        else:
            self._open()

    def _steps_back(self, now: float) -> bool:
        """Whether a peer that waited when this process gave the database up has yet to take it."""
        if now < self._back_at and (self._turn.holder() is not None or not self._line.someone_waits()):
            self._back_at = 0.0
        return now < self._back_at

    def _open(self) -> None:
        require(self.file)
        connection = self._try_to_open()
        if connection is None:
            self._retry_at = time.monotonic() + random.uniform(*RETRY_S)
            self._line.join()
            return
        self._line.leave()
        self._connection, self._broken, self._number = connection, False, file_number(self.file)
        self._opened_at = self._returned_at = time.monotonic()
        self._due_at = math.inf
        self._watcher = threading.Thread(target=self._close_when_idle, name="lensgap-db-idle", daemon=True)
        self._watcher.start()
        self._changed.notify_all()

    def _try_to_open(self) -> duckdb.DuckDBPyConnection | None:
        """A connection, or None while another process has the database."""
        if not self._turn.take():
            self._holder = failures.process(self._turn.holder()) or self._holder
            self._is_peers = True
            self._back_at = 0.0
            return None
        connection = None
        try:
            connection = open_database(self.file)
            self._turn.sign()
        except duckdb.Error as error:
            if not failures.is_lock(error):
                raise failures.at_opening(error, file=self.file) from error
            # A program that takes no turns, such as DuckDB's own shell.
            self._holder = failures.holder(error)
            self._is_peers = False
        finally:
            if connection is None:
                self._turn.end()
        return connection

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        self._broken = False
        if connection is not None:
            before = self.files()
            # After a full disk or a fatal error there is nothing left to close properly.
            with contextlib.suppress(duckdb.Error):
                connection.close()
            self._closed = file_state(self.file), before
        if not self._borrowers:
            # At the end of the process a cursor may be out, and DuckDB closes the file after it: then the turn ends with both.
            self._turn.end()
        self._step_back()
        self._changed.notify_all()

    def _step_back(self) -> None:
        """Leave the database to a peer that waits, reckoned from now: on a busy machine closing takes a while."""
        now = time.monotonic()
        self._retry_at = now + YIELD_S
        if not self._line.someone_waits():
            self._back_at = 0.0
        elif now >= self._back_at + AGAIN_S or not self._back_at:
            self._back_at = now + STEP_BACK_S

    def _close_when_idle(self) -> None:
        """Body of the thread that every opened connection has; ends when the connection is closed."""
        with self._changed:
            mine = self._connection
            while mine is not None and self._connection is mine:
                if self._borrowers:
                    self._changed.wait()
                elif self._broken or self._is_idle() or self._is_due():
                    self._close()
                else:
                    # A thread that has just given its cursor back may want another at once, but not much later.
                    is_new = time.monotonic() - self._returned_at < GIVE_S
                    self._changed.wait(GIVE_S if is_new else IDLE_POLL_S)

    def _is_idle(self) -> bool:
        idle_s = time.monotonic() - self._returned_at
        return idle_s > _idle_s or (idle_s > GIVE_S and self._line.someone_waits())
