"""One exchange of the loopback server: a request, and a reply, a refusal, or a connection that ends."""

import asyncio
import json
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from tests.support.messages_memory import Memory


class Refused(Exception):
    """A reply other than 200."""

    def __init__(self, status: int, kind: str, said: str, headers: Mapping[str, str] | None = None) -> None:
        self.status, self.kind, self.said, self.headers = status, kind, said, headers or {}
        super().__init__(said)


class Gone(Exception):
    """The connection ends, or stays open for nothing."""


transports: dict[tuple[str, int], asyncio.Transport] = {}


class Protocol(H11Protocol):
    """Remembers its transport, so that a connection can be dropped."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # Or the kernel keeps the body back for 40 ms after the headers; asyncio sees to that at sockets of its own only.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transports[transport.get_extra_info("peername")[:2]] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        transports.pop(self.transport.get_extra_info("peername")[:2], None)
        super().connection_lost(exc)


@dataclass(slots=True)
class Exchange:
    """One request and the way back."""

    path: str
    method: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    transport: asyncio.Transport
    send: Any
    receive: Any
    memory: Memory

    async def reply(
        self, status: int, body: bytes, *, headers: Mapping[str, str] | None = None, kind: str = "application/json"
    ) -> bool:
        """Send a reply; whether the other side was still there."""
        settings, number = self.memory.settings, self.memory.counts["requests"]
        every = {
            "content-type": kind,
            "content-length": str(len(body)),
            "date": formatdate(time.time() + settings.clock_skew_s, usegmt=True),
            "request-id": f"req_{number:024d}",
            **(headers or {}),
        }
        self.memory.by_status[str(status)] += 1
        listed = [(name.encode(), value.encode()) for name, value in every.items()]
        await self.send({"type": "http.response.start", "status": status, "headers": listed})
        await self.send({"type": "http.response.body", "body": body})
        return not self.transport.is_closing()

    async def refuse(self, refused: Refused) -> None:
        if refused.kind == "html":
            await self.reply(refused.status, refused.said.encode(), kind="text/html")
            return
        content = {
            "type": "error",
            "error": {"type": refused.kind, "message": refused.said},
            "request_id": f"req_{self.memory.counts['requests']:024d}",
        }
        await self.reply(refused.status, json.dumps(content).encode(), headers=refused.headers)
