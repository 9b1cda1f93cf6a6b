"""A reviewer's browser as far as the server can tell: a websocket that speaks Streamlit's protocol, and nothing that draws.

It keeps what a browser keeps: the address, the page, the widgets by key, and the clocks of parts that draw themselves anew, which
it sends as a browser does. What it times is the server: from the request until the script has finished and all of it has arrived.
The server draws pages anew by itself, too, where there is news. So each request comes with a setting that the server repeats when
a script begins, which tells the run that was asked for here from one that had begun before.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

_LARGEST: Final = 200 * 2**20
_PATIENCE_S: Final = 60.0
_WHOLE: Final = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_WITH_COMPILE_ERROR)


class NoSuchWidget(KeyError):
    """The screen has no widget of that key, or it is disabled."""


@dataclass
class Drawing:
    """What a run of the script has drawn: `widgets` are ids by key, `said` the text of errors."""

    run_id: str = ""
    widgets: dict[str, str] = field(default_factory=dict)
    disabled: set[str] = field(default_factory=set)
    said: list[str] = field(default_factory=list)


@dataclass
class Tab:
    """One open page: `shown` is what it shows, `coming` what is drawn in its place until that has been drawn whole."""

    socket: ClientConnection
    address: str
    context_url: str
    page_hash: str = ""
    shown: Drawing = field(default_factory=Drawing)
    coming: Drawing | None = None
    n_bytes: int = 0
    drawn_at: float = 0.0
    """When what is shown had arrived whole, whoever asked for it, on the performance counter."""
    _clocks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _finished: asyncio.Event = field(default_factory=asyncio.Event)
    _sign: bool = False
    """Turned with every request; the server repeats it."""
    _asked_for: str = ""
    """The run that was asked for here, once it has begun."""

    async def run(self, *, page: str = "", widget: Mapping[str, Any] | None = None) -> float:
        """Ask for a run of the whole script; seconds until it has finished."""
        self._sign, self._asked_for = not self._sign, ""
        sign, asked = BackMsg(set_run_on_save=self._sign), BackMsg()
        rerun = asked.rerun_script
        rerun.query_string, rerun.page_script_hash, rerun.page_name = self.address, self.page_hash, page
        rerun.context_info.url, rerun.context_info.locale = self.context_url, "en"
        if widget:
            rerun.widget_states.widgets.append(_state(widget))
        self._finished.clear()
        started = time.perf_counter()
        await self.socket.send(sign.SerializeToString())
        await self.socket.send(asked.SerializeToString())
        await asyncio.wait_for(self._finished.wait(), _PATIENCE_S)
        return time.perf_counter() - started

    async def press(self, key: str) -> float:
        """Press the button whose key begins so; seconds until its screen is there."""
        return await self.run(widget={"id": self.find(key), "trigger_value": True})

    async def choose(self, key: str, **value: Any) -> float:
        """Give a widget a value, by the name of the protocol's field."""
        return await self.run(widget={"id": self.find(key), **value})

    def find(self, key: str) -> str:
        """Id of the first widget on screen whose key begins so and that can be used."""
        for name, widget_id in self.shown.widgets.items():
            if name.startswith(key) and name not in self.shown.disabled:
                return widget_id
        raise NoSuchWidget(key)

    async def listen(self) -> None:
        """Take in what the server sends, until the page is left."""
        async for message in self.socket:
            assert isinstance(message, bytes)
            self.n_bytes += len(message)
            self._take(ForwardMsg.FromString(message))

    def leave(self) -> None:
        """Stop all clocks."""
        for clock in self._clocks.values():
            clock.cancel()

    def _take(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "new_session" and not message.metadata.run.fragment_ids:
            self._begin(message)
        elif kind == "navigation":
            self.page_hash = message.navigation.page_script_hash
        elif kind == "page_info_changed":
            self.address = message.page_info_changed.query_string
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            self._note(message.delta.new_element)
        elif kind == "auto_rerun":
            rerun = message.auto_rerun
            self._clocks[rerun.fragment_id] = asyncio.create_task(self._tick(rerun.fragment_id, rerun.interval))
        elif kind == "script_finished" and message.script_finished in _WHOLE:
            self._end(message.metadata.run.script_run_id)

    def _begin(self, message: ForwardMsg) -> None:
        self.coming = Drawing(message.metadata.run.script_run_id)
        self.leave()
        self._clocks = {}
        if message.new_session.initialize.session_status.run_on_save == self._sign:
            self._asked_for = self.coming.run_id

    def _end(self, run_id: str) -> None:
        if self.coming is not None and self.coming.run_id == run_id:
            self.shown, self.coming, self.drawn_at = self.coming, None, time.perf_counter()
        if run_id == self._asked_for:
            self._finished.set()

    def _note(self, element: Any) -> None:
        into = self.coming or self.shown
        kind = element.WhichOneof("type")
        if kind == "exception" or (kind == "alert" and "error" in str(element.alert)):
            into.said.append(str(getattr(element, kind))[:400])
        proto = getattr(element, kind) if kind else None
        widget_id = getattr(proto, "id", "")
        if widget_id and isinstance(widget_id, str):
            # An id ends with the key that the script gave.
            key = widget_id.split("-", 2)[-1]
            into.widgets[key] = widget_id
            if getattr(proto, "disabled", False):
                into.disabled.add(key)

    async def _tick(self, fragment: str, interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            asked = BackMsg()
            rerun = asked.rerun_script
            rerun.query_string, rerun.page_script_hash = self.address, self.page_hash
            rerun.fragment_id, rerun.is_auto_rerun = fragment, True
            rerun.context_info.url = self.context_url
            await self.socket.send(asked.SerializeToString())


def _state(widget: Mapping[str, Any]) -> WidgetState:
    """A widget's new value; lists go into the protocol's array of their kind."""
    state = WidgetState(id=widget["id"])
    for name, value in widget.items():
        if isinstance(value, list):
            getattr(state, name).data.extend(value)
        elif name != "id":
            setattr(state, name, value)
    return state


@asynccontextmanager
async def open_page(server: str, page: str, *, reviewer: str, **query: Any) -> AsyncIterator[tuple[Tab, float]]:
    """Open a page as a browser does; the tab, and seconds from connecting until the page has been drawn."""
    started = time.perf_counter()
    cookie = {"Cookie": f"lensgap_reviewer={reviewer}"}
    address = f"ws://{server}/_stcore/stream"
    async with connect(
        address, additional_headers=cookie, max_size=_LARGEST, subprotocols=[Subprotocol("streamlit")], compression=None
    ) as socket:
        tab = Tab(socket, urlencode(query, doseq=True), f"http://{server}/{page}")
        listener = asyncio.create_task(tab.listen())
        try:
            await tab.run(page=page)
            yield tab, time.perf_counter() - started
        finally:
            tab.leave()
            listener.cancel()
            with suppress(asyncio.CancelledError):
                await listener
