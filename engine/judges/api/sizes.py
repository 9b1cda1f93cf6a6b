"""Replies are taken only up to a size, counted after they are unpacked: some kilobytes on the wire can hold gigabytes.

This module loads the HTTP library, so it is imported where a client is opened.
"""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Final

from httpx2 import AsyncByteStream, Response

from engine.judges.api.endpoint import STREAMED
from engine.judges.api.faults import TooLarge

MOST_BYTES: Final = 4_000_000
"""More than any reply has; results of batches are read line by line and counted there."""


class Counted(AsyncByteStream):
    """The unpacked body of a response; TooLarge once it is larger than a reply can be."""

    def __init__(self, packed: Response) -> None:
        self._packed = packed

    async def __aiter__(self) -> AsyncIterator[bytes]:
        n_bytes = 0
        async with aclosing(self._packed.aiter_bytes()) as parts:
            async for part in parts:
                n_bytes += len(part)
                if n_bytes > MOST_BYTES:
                    raise TooLarge(MOST_BYTES)
                yield part

    async def aclose(self) -> None:
        """Give the connection back."""
        await self._packed.aclose()


async def hold_to_size(response: Response) -> None:
    """Have the body of a response counted while it is read; for the hooks of a client."""
    if response.status_code == 200 and response.request.headers.get("accept") == STREAMED:
        return
    response.stream = Counted(
        Response(response.status_code, headers=response.headers, stream=response.stream, request=response.request)
    )
    # It is unpacked already when the response reads it.
    response.headers.pop("content-encoding", None)
