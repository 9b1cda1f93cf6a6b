"""What the server asks of open pages, on Streamlit's own runtime: it loses no press, and draws what the browser shows.

These fail where another version of Streamlit has not what `app.push` uses of its inside.
"""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.runtime import Runtime, RuntimeConfig
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

from app import outbox, precedence, push

SCRIPT = """
import streamlit as st

from app import push
from tests.app.test_push import Told

told = Told.of_all
st.button("Press", key="press", on_click=told.presses.append, args=(1,))
text = st.text_input("Text", key="text")
told.drawn.append((push.is_asked_for(), st.query_params.to_dict(), text))
told.here.add(push.here())
told.may_end.wait(20)
st.write("drawn")
"""


class Told:
    """What the script tells of its runs."""

    of_all: "Told"

    def __init__(self) -> None:
        self.presses: list[int] = []
        self.drawn: list[tuple[bool, dict[str, str], str]] = []
        self.here: set[str | None] = set()
        self.may_end = threading.Event()
        self.may_end.set()


class Browser:
    """One open page."""

    client_context = None

    def __init__(self, server: Runtime) -> None:
        self.server, self.widgets = server, dict[str, str]()
        self.is_at_rest = False
        self.session = server.connect_session(self, {})

    def write_forward_msg(self, msg: ForwardMsg) -> None:
        element = msg.delta.new_element
        kind = element.WhichOneof("type")
        if kind in ("button", "text_input"):
            self.widgets[kind] = getattr(element, kind).id
        if msg.WhichOneof("type") in ("new_session", "script_finished"):
            self.is_at_rest = msg.WhichOneof("type") == "script_finished"

    def send(self, query: str, kind: str = "", **value: Any) -> None:
        asked = BackMsg()
        asked.rerun_script.query_string = query
        if kind:
            asked.rerun_script.widget_states.widgets.append(WidgetState(id=self.widgets[kind], **value))
        self.server.handle_backmsg(self.session, asked)


async def until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not is_so():
            await asyncio.sleep(0.001)


def at_rest(browser: Browser) -> bool:
    session = browser.server.get_app_session(browser.session)
    return browser.is_at_rest and session is not None and session._scriptrunner is None


async def ask(*browsers: Browser, beside: int = 0) -> list[push.Reply]:
    shown = {one.session: "run-7" for one in browsers}
    replies = await asyncio.to_thread(push.ask, shown, beside=beside)
    return list(replies.values())


@contextmanager
def asking_all_the_time(browser: Browser) -> Iterator[None]:
    ended = threading.Event()

    def ask_on() -> None:
        while not ended.wait(0.001):
            push.ask({browser.session: "run-7"}, beside=1)

    thread = threading.Thread(target=ask_on)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@asynccontextmanager
async def serving(script: Path, n: int) -> AsyncIterator[list[Browser]]:
    """A server, and browsers whose pages have been drawn once."""
    script.write_text(SCRIPT)
    Told.of_all = Told()
    files = MemoryUploadedFileManager("/upload")
    server = Runtime(RuntimeConfig(str(script), MemoryMediaFileStorage("/media"), files))
    try:
        await server.start()
        browsers = [Browser(server) for _ in range(n)]
        for browser in browsers:
            browser.send("q=b%20c")
            await until(lambda browser=browser: at_rest(browser))
        yield browsers
        server.stop()
        await server.stopped
    finally:
        Runtime._instance = None


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(Runtime, "_instance", None)
    # A run of a script takes its place, and processes that a later test starts would begin with that script.
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    return tmp_path / "script.py"


def test_a_page_is_drawn_as_its_browser_shows_it_and_its_script_can_tell_who_asked(script: Path) -> None:
    async def story() -> None:
        async with serving(script, 1) as [ann]:
            told = Told.of_all
            ann.send("q=b%20c", "text_input", string_value="typed")
            await until(lambda: len(told.drawn) == 2 and at_rest(ann))
            assert await ask(ann) == ["asked"]
            await until(lambda: len(told.drawn) == 3)
            address = {"q": "b c"}
            assert told.drawn[1:] == [(False, address, "typed"), (True, {"run": "run-7", **address}, "typed")]
            assert (told.here, told.presses) == ({ann.session}, [])
            await until(lambda: at_rest(ann))
            ann.send("run=other")
            await until(lambda: len(told.drawn) == 4 and at_rest(ann))
            await ask(ann)
            await until(lambda: len(told.drawn) == 5)
            assert told.drawn[3:] == [(False, {"run": "other"}, "typed"), (True, {"run": "other"}, "typed")]

    asyncio.run(story())
    assert push.ask({"none": "run-7"}, beside=1) == {}


def test_no_press_is_lost_or_doubled_while_the_page_is_asked_all_the_time(script: Path) -> None:
    async def story() -> None:
        async with serving(script, 1) as [ann]:
            told = Told.of_all
            with asking_all_the_time(ann):
                await until(lambda: any(is_asked for is_asked, *_ in told.drawn))
                for i in range(6):
                    ann.send("", "button", trigger_value=True)
                    await until(lambda i=i: len(told.presses) > i)
            await until(lambda: at_rest(ann))
            assert len(told.presses) == 6

    asyncio.run(story())


def test_pages_are_drawn_one_by_one_and_those_that_are_drawn_or_closed_are_left_out(script: Path) -> None:
    async def story() -> None:
        async with serving(script, 4) as [ann, bob, eve, kim]:
            Told.of_all.may_end.clear()
            bob.send("")
            assert await ask(bob, ann, eve) == []
            assert await ask(bob, ann, eve, beside=1) == ["busy", "asked"]
            Told.of_all.may_end.set()
            await until(lambda: at_rest(ann) and at_rest(bob))
            ann.server.disconnect_session(ann.session)
            ann.server.close_session(bob.session)
            assert await ask(ann, bob, eve, kim) == ["away", "gone", "asked"]
            await until(lambda: at_rest(eve))
            assert ann.server.connect_session(ann, {}, existing_session_id=ann.session) == ann.session
            assert await ask(ann) == ["asked"]
            await until(lambda: at_rest(ann))

    asyncio.run(story())


def test_whoever_waits_for_a_script_to_end_is_woken_once_its_page_can_be_asked(
    script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AppSession, outbox._NAME, outbox._put)

    async def story() -> None:
        async with serving(script, 1) as [ann]:
            told = Told.of_all
            told.may_end.clear()
            ann.send("")
            await until(lambda: len(told.drawn) == 2)
            waiting = asyncio.create_task(asyncio.to_thread(push.await_end, 20))
            await asyncio.wait({waiting}, timeout=0.1)
            assert not waiting.done()
            told.may_end.set()
            await asyncio.wait_for(waiting, 10)
            assert await ask(ann) == ["asked"]
            await until(lambda: at_rest(ann))

    asyncio.run(story())


def test_a_page_that_was_asked_waits_where_somebody_waits_and_not_for_its_own_press(
    script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AppSession, outbox._NAME, outbox._put)
    monkeypatch.setattr(precedence, "STANDS_S", 60.0)

    async def story() -> None:
        async with serving(script, 3) as [ann, bob, eve]:
            told = Told.of_all
            told.may_end.clear()
            ann.send("")
            await until(lambda: len(told.drawn) == 4)
            assert await ask(bob, beside=1) == ["asked"]
            assert await ask(eve, beside=2) == ["asked"]
            await until(lambda: {bob.session, eve.session} <= set(outbox._precedence._began))
            bob.send("", "button", trigger_value=True)
            await until(lambda: len(told.drawn) == 5)
            await asyncio.sleep(0.1)
            assert [is_asked for is_asked, *_ in told.drawn[3:]] == [False, False]
            told.may_end.set()
            await until(lambda: all(map(at_rest, (ann, bob, eve))))
            assert [is_asked for is_asked, *_ in told.drawn[3:]] == [False, False, True]

    asyncio.run(story())
