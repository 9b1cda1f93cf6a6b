"""What a run of the script sends goes to the server's event loop a handful at a time.

Streamlit wakes the loop for each of a screen's hundred and more messages. Each waking is a system call in which the script lets
go of the interpreter, and gets it back only when the loop, or another reviewer's run, lets go of it in turn. So messages wait
for each other for a moment. All else that Streamlit tells, the end of a run above all, has what waits handed over at once, in the
order in which it was told.

This reaches into private methods of Streamlit, whose version is pinned; without the one that is replaced, messages go one by one.
"""

from collections import deque
from typing import Any, Final
from weakref import WeakKeyDictionary

from streamlit.runtime.app_session import AppSession
from streamlit.runtime.scriptrunner import ScriptRunner, ScriptRunnerEvent
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequestType

from app import push
from app.precedence import Precedence

WAIT_S: Final = 0.02
"""Nobody sees that a part of a screen comes so much later."""
_NAME: Final = "_on_scriptrunner_event"
_ONE_BY_ONE: Final = getattr(AppSession, _NAME, None)
"""Streamlit's own method, kept alive: runs that are under way refer to it weakly, and would fall silent without it."""


class _Outbox:
    """A session's messages that wait, the oldest first."""

    def __init__(self) -> None:
        self.waiting: deque[dict[str, Any]] = deque()
        self.is_due = False

    def hand_over(self, session: AppSession) -> None:
        """Give the session what waits; on its event loop alone."""
        # Before looking: what comes from here on either is seen below, or asks for another handing over.
        self.is_due = False
        while self.waiting:
            session._handle_scriptrunner_event_on_event_loop(**self.waiting.popleft())


_outboxes: Final[WeakKeyDictionary[AppSession, _Outbox]] = WeakKeyDictionary()


_precedence: Final = Precedence()


def install() -> None:
    """Have all sessions of this process send so; does nothing the second time."""
    if _ONE_BY_ONE is not None:
        setattr(AppSession, _NAME, _put)


def _put(session: AppSession, sender: ScriptRunner | None, event: ScriptRunnerEvent, **told: Any) -> None:
    """In place of the method: keep a message for the next handing over, and have that done at once for all else."""
    if event is ScriptRunnerEvent.ENQUEUE_FORWARD_MSG:
        # Whatever else tells something, such as the event loop, must go on.
        if sender is not None and sender._is_in_script_thread():
            _precedence.stand_aside(session.id, is_wanted=lambda: _is_pressed(sender))
    elif event is ScriptRunnerEvent.SCRIPT_STARTED:
        _precedence.begin(session.id, is_awaited=not push.is_asked_for())
    else:
        _precedence.end(session.id)
    outbox = _outboxes.setdefault(session, _Outbox())
    outbox.waiting.append({"sender": sender, "event": event, **told})
    if event is not ScriptRunnerEvent.ENQUEUE_FORWARD_MSG:
        session._call_soon_on_event_loop(lambda: _hand_over_now(session, outbox))
    elif not outbox.is_due:
        outbox.is_due = True
        session._call_soon_on_event_loop(lambda: _hand_over_soon(session, outbox))


def _hand_over_now(session: AppSession, outbox: _Outbox) -> None:
    outbox.hand_over(session)
    if not push.is_busy(session):
        push.tell_end()


def _hand_over_soon(session: AppSession, outbox: _Outbox) -> None:
    session._event_loop.call_later(WAIT_S, outbox.hand_over, session)


def _is_pressed(sender: ScriptRunner) -> bool:
    """Whether the run is to end, since somebody has asked for another one of the same page, or closed it."""
    return sender._requests._state is not ScriptRequestType.CONTINUE
