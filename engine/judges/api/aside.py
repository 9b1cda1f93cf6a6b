"""An event loop beside the caller: questions go over, answers come back, and the caller sees a plain generator.

Questions are taken from the caller's iterable in the caller's thread, for it may read a database, and never more than `n_ahead`
are under way or waiting to be fetched. So memory stays flat however many there are.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from engine.judges.api.asking import Asking
from engine.judges.judge import Answer, Question

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal


def ask_aside(
    questions: Iterable[Question],
    open_asking: Callable[[], AbstractAsyncContextManager[Asking]],
    *,
    by_rule: Callable[[Question], Answer | None],
    n_ahead: int,
) -> Iterator[Answer]:
    """Answers as they come, those by rule without a call; raises what ended the asking, after all that came is yielded."""
    from anyio.from_thread import start_blocking_portal

    with start_blocking_portal() as portal, portal.wrap_async_context_manager(open_asking()) as asking:
        crossing = Crossing(portal, asking, n_ahead)
        try:
            for question in questions:
                if answer := by_rule(question):
                    yield answer
                    continue
                crossing.send(question)
                yield from crossing.fetch()
                if asking.ended_by:
                    break
            yield from crossing.fetch_all()
        finally:
            crossing.cancel()
    if asking.ended_by:
        raise asking.ended_by


class Crossing:
    """The way over to the event loop and back."""

    def __init__(self, portal: "BlockingPortal", asking: Asking, n_ahead: int) -> None:
        self._portal = portal
        self._asking = asking
        self._n_ahead = n_ahead
        self._under_way: set[Future[Answer | None]] = set()
        self._ended: SimpleQueue[Future[Answer | None]] = SimpleQueue()

    def send(self, question: Question) -> None:
        """Have a question asked."""
        future = self._portal.start_task_soon(self._asking.ask, question)
        self._under_way.add(future)
        future.add_done_callback(self._ended.put)

    def fetch(self) -> Iterator[Answer]:
        """Answers that are there, waiting for some while too many questions are under way."""
        while True:
            is_full = len(self._under_way) >= self._n_ahead and not self._asking.is_dead
            try:
                future = self._ended.get(block=is_full)
            except Empty:
                return
            self._under_way.discard(future)
            if answer := future.result():
                yield answer

    def fetch_all(self) -> Iterator[Answer]:
        """All answers that will come; where the endpoint answers nothing any more, those that are there."""
        self._portal.call(self._asking.no_more)
        self._n_ahead = 1
        yield from self.fetch()

    def cancel(self) -> None:
        """Forget what is under way."""
        for future in self._under_way:
            future.cancel()
