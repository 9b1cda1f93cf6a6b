"""Messages of a run: all arrive, in their order, a handful at a time, and none later than the run's end."""

import asyncio
import inspect
import threading
from collections.abc import Callable
from typing import Any

from streamlit.runtime.app_session import AppSession
from streamlit.runtime.scriptrunner import ScriptRunnerEvent

from app import outbox

MESSAGE, END = ScriptRunnerEvent.ENQUEUE_FORWARD_MSG, ScriptRunnerEvent.SCRIPT_STOPPED_WITH_SUCCESS
N = 300


class Session:
    """What a session's outbox uses of it."""

    _scriptrunner = None

    def __init__(self, loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
        self._event_loop, self._ended = loop, ended
        self.id = "one"
        self.n_wakings = 0
        self.told: list[Any] = []

    def _call_soon_on_event_loop(self, callback: Callable[[], None]) -> None:
        self.n_wakings += 1
        self._event_loop.call_soon_threadsafe(callback)

    def _handle_scriptrunner_event_on_event_loop(self, sender: Any, event: Any, forward_msg: Any = None) -> None:
        self.told.append(forward_msg)
        if event is END:
            self._ended.set()


def run_script(session: Any) -> None:
    for number in range(N):
        outbox._put(session, None, MESSAGE, forward_msg=number)
    outbox._put(session, None, END, forward_msg="end")


async def sent_by(n_runs: int) -> Session:
    ended = asyncio.Event()
    session = Session(asyncio.get_running_loop(), ended)
    for _ in range(n_runs):
        ended.clear()
        script = threading.Thread(target=run_script, args=(session,))
        script.start()
        await asyncio.wait_for(ended.wait(), 10)
        script.join()
    return session


def test_every_message_arrives_in_order_before_the_end_of_its_run() -> None:
    session = asyncio.run(sent_by(20))
    assert session.told == [*range(N), "end"] * 20


def test_the_event_loop_is_woken_far_more_seldom_than_messages_come() -> None:
    session = asyncio.run(sent_by(1))
    assert session.n_wakings <= N / 10


def test_a_message_that_no_other_follows_arrives_too() -> None:
    async def lone() -> list[Any]:
        session: Any = Session(asyncio.get_running_loop(), asyncio.Event())
        outbox._put(session, None, MESSAGE, forward_msg="lone")
        while not session.told:
            await asyncio.sleep(0.001)
        return session.told  # type: ignore[no-any-return]

    assert asyncio.run(asyncio.wait_for(lone(), 10)) == ["lone"]


def test_streamlit_has_the_methods_that_sending_in_handfuls_reaches_into() -> None:
    ours, theirs = (inspect.signature(method).parameters for method in (outbox._put, outbox._ONE_BY_ONE))
    assert list(ours)[1:3] == list(theirs)[1:3] == ["sender", "event"]
    handled = inspect.signature(AppSession._handle_scriptrunner_event_on_event_loop).parameters
    assert list(handled) == list(theirs)
    assert callable(AppSession._call_soon_on_event_loop)
