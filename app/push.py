"""Another run of the script of an open page, asked for by the server; Streamlit has no public call for it.

All that is used of Streamlit's inside is used here. A page is a session, and a session runs its script when a message of its
browser says so, on the server's event loop. What is asked for here is asked for on that loop too, and only while no script of
the page runs: a run that somebody's press began is never broken off, while a press that comes later breaks off ours, as it does
any other. The widgets keep what the server knows of them, so no callback is called, and what is being typed stays in the browser.
"""

import threading
from collections.abc import Collection, Mapping
from concurrent.futures import Future
from typing import Final, Literal
from urllib.parse import parse_qs, urlencode

from streamlit import runtime
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime import Runtime
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.scriptrunner import get_script_run_ctx

Reply = Literal["asked", "busy", "away", "gone"]
"""Whether a session runs its script again, or why not: it does already, its browser is disconnected, its page is closed."""

_PATIENCE_S: Final = 5.0
_ended: Final = threading.Condition()
_OURS: Final = "asked-for-by-the-server"
"""Stands among the messages that the browser has already, which are named by hashes, and comes back to the script unchanged."""


def here() -> str | None:
    """The session whose script runs; None where no server runs it."""
    run = get_script_run_ctx()
    return run.session_id if run is not None and _server() is not None else None


def is_asked_for() -> bool:
    """Whether this run of the script was asked for here, and not by the browser."""
    run = get_script_run_ctx()
    return run is not None and is_ours(run.cached_message_hashes)


def is_ours(messages: Collection[str]) -> bool:
    """Whether these names of messages, which came with what is asked of a script, came from here."""
    return _OURS in messages


def await_end(seconds: float) -> None:
    """Wait for so long, or until a script of any page has ended, which may have written, and leaves room for another."""
    with _ended:
        _ended.wait(seconds)


def tell_end() -> None:
    """A script has ended, and its session can be asked again."""
    with _ended:
        _ended.notify_all()


def ask(shown: Mapping[str, str], *, beside: int) -> dict[str, Reply]:
    """Ask one session after the other to run its script again, until one does; what they replied.

    Scripts that run at once take time from each other, so none is asked while more than `beside` run, for presses perhaps.
    `shown` is the run of the study that is on screen, by session: browsers add it to their address without telling the server.
    """
    server = _server()
    if server is None:
        return {}
    replies: Future[dict[str, Reply]] = Future()
    try:
        loop = server._get_async_objs().eventloop
        loop.call_soon_threadsafe(_answer, replies, server, shown, beside)
        return replies.result(_PATIENCE_S)
    except (RuntimeError, TimeoutError):
        # The server is ending, or has more to do than to listen.
        return {}


def _answer(replies: "Future[dict[str, Reply]]", server: Runtime, shown: Mapping[str, str], beside: int) -> None:
    try:
        replies.set_result(_ask_in_turn(server, shown, beside))
    except Exception as error:  # noqa: BLE001 - whoever asked is told
        replies.set_exception(error)


def _ask_in_turn(server: Runtime, shown: Mapping[str, str], beside: int) -> dict[str, Reply]:
    replies: dict[str, Reply] = {}
    if sum(is_busy(info.session) for info in server._session_mgr.list_active_sessions()) > beside:
        return replies
    for session_id, run_id in shown.items():
        if "asked" not in replies.values():
            replies[session_id] = _ask(server, session_id, run_id)
    return replies


def _ask(server: Runtime, session_id: str, run_id: str) -> Reply:
    session = server.get_app_session(session_id)
    if session is None:
        return "away" if server._session_mgr.get_session_info(session_id) else "gone"
    if is_busy(session):
        return "busy"
    session.request_rerun(_as_it_is(session._client_state, run_id))
    return "asked"


def is_busy(session: AppSession) -> bool:
    """Whether a script of this page runs."""
    return session._scriptrunner is not None


def _as_it_is(last: ClientState, run_id: str) -> ClientState:
    """What the browser would send now, but for the widgets and the messages that it has."""
    query = {"run": [run_id]} | parse_qs(last.query_string, keep_blank_values=True)
    asked = ClientState(
        query_string=urlencode(query, doseq=True),
        page_script_hash=last.page_script_hash,
        cached_message_hashes=[_OURS],
    )
    if last.HasField("context_info"):
        asked.context_info.CopyFrom(last.context_info)
    return asked


def _server() -> Runtime | None:
    """The server of this process; there is none in tests of screens, or only something in its place."""
    found = runtime.get_instance() if runtime.exists() else None
    return found if isinstance(found, Runtime) else None
