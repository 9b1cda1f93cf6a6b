"""How long a process waits for whoever has the database.

A screen that does not come is an error after some seconds. But a run must not lose what it is about to write because people look
at the study: it waits on while a peer has the database, for peers give it up by their rules, and says so meanwhile. Of a program
that takes no turns nobody knows when it ends, so nobody waits longer for it.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

WAIT_S = 15.0
PEER_S = 600.0


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds to wait for any process, and for a peer; `tell` hears a sentence whenever the former are over.

    Who gives way borrows nothing after its process has had its turn, though others still may.
    """

    wait_s: float
    peer_s: float = 0.0
    tell: Callable[[str], None] | None = None
    gives_way: bool = False


_own: Patience | None = None
_thread = threading.local()


@contextmanager
def patient(tell: Callable[[str], None]) -> Iterator[None]:
    """Within, this process waits for peers as long as `PEER_S` wherever no other time is asked for."""
    global _own
    before, _own = _own, Patience(WAIT_S, PEER_S, tell)
    try:
        yield
    finally:
        _own = before


@contextmanager
def giving_way() -> Iterator[None]:
    """Within, this thread's slow queries keep no peer waiting beyond its process's turn."""
    _thread.gives_way = True
    try:
        yield
    finally:
        _thread.gives_way = False


def patience(wait_s: float | None) -> Patience:
    """The patience for a time that is asked for, or this process's own."""
    if getattr(_thread, "gives_way", False):
        return Patience(WAIT_S if wait_s is None else wait_s, gives_way=True)
    if wait_s is not None:
        return Patience(wait_s)
    return _own or Patience(WAIT_S)
