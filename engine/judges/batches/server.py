"""Message batches at a server: submit one, find one again, wait until it has ended, read its results line by line.

Calls are tried again as long as a fault is one of the way. Only a submission must not simply be repeated: when its reply was lost
the batch may exist, so it is looked for first. A batch is known by the names of its requests, which hold the name of the intent;
the server shows them once the batch has ended, until then it is recognised by size and time.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import quote

from engine.errors import JudgeError
from engine.judges.api.endpoint import REPLY_S, STREAMED, Endpoint
from engine.judges.api.faults import Fault, call_errors, fault_of
from engine.judges.api.replies import reply_within
from engine.judges.batches.ledger import Intent
from engine.judges.batches.replies import Item, batch_of, item_of, lines_of, page_of, skew_of

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from httpx2 import Response

ATTEMPTS: Final = 8
PATIENT: Final = 40
"""Attempts of a call while a batch is waited for, about a quarter of an hour: the network may well be away in between."""
LONGEST_DELAY_S: Final = 30.0
UPLOAD_S: Final = 600.0
"""A batch of the largest size takes minutes to send."""
PAGE: Final = 100
MOST_PAGES: Final = 50
"""Of the list; no study makes so many batches in the minutes that are looked at."""
EARLIEST, LATEST = timedelta(seconds=60), timedelta(seconds=2 * UPLOAD_S)
"""Around the time of an intent, when a batch that is its own can have been created."""
NO_BATCHES: Final = (404, 405, 501)


class ResultsGone(Exception):
    """A batch has ended, and its results are not to be had any more; the API keeps them for 29 days."""


@dataclass(frozen=True, slots=True)
class Polling:
    """How a server is waited for: looks at a batch are `first_s` apart, each time half as long again, at most `longest_s`."""

    first_s: float = 5.0
    longest_s: float = 120.0
    first_delay_s: float = 0.5
    """Before a call that failed is made again; twice as long each time."""
    reply_s: float = REPLY_S
    """In which a reply, or the next line of results, has come whole."""
    upload_s: float = UPLOAD_S

    def delay(self, attempt: int, fault: Fault) -> float:
        """Seconds until the next attempt of a call: what the server asks for, or longer each time."""
        if fault.wait_s is not None:
            return fault.wait_s
        return min(self.first_delay_s * 2.0**attempt, LONGEST_DELAY_S)

    def after(self, n_looks: int) -> float:
        """How long to wait after so many looks."""
        return min(self.first_s * 1.5 ** min(n_looks, 64), self.longest_s)


class BatchServer:
    """The batches of one endpoint, through one client."""

    def __init__(
        self, client: "AsyncAnthropic", endpoint: Endpoint, polling: Polling, *, was_reached_before: bool = False
    ) -> None:
        self._client = client
        self._batches = client.messages.batches
        self._endpoint = endpoint
        self._polling = polling
        self._is_reached = was_reached_before

    async def submit(self, intent: Intent, requests: Sequence[Mapping[str, Any]]) -> str:
        """The id of the batch that these requests make. JudgeError where the server takes none."""
        fault = None
        for attempt in range(ATTEMPTS):
            upload_s = self._polling.upload_s
            call = self._batches.with_raw_response.create(requests=requests, timeout=upload_s)  # type: ignore[arg-type]
            try:
                return self._endpoint.redact(batch_of(await reply_within(upload_s, call))["id"])
            except call_errors() as error:
                fault = self._fault(error)
            if fault.may_be_paid and (found := await self.find(intent)):
                return found
            await asyncio.sleep(self._polling.delay(attempt, fault))
        raise _silent(fault)

    async def find(self, intent: Intent) -> str | None:
        """The id of the batch that an intent without id became, None where there is none.

        Waits for a batch of the same size and time to end, if that is what it takes to know.
        """
        for batch_id in await self._candidates(intent):
            await self.wait([batch_id])
            async with aclosing(self.results(batch_id)) as items:
                async for item in items:
                    if item.custom_id.startswith(f"{intent.name}-"):
                        return batch_id
                    break
        return None

    async def wait(self, batch_ids: Sequence[str], told: Callable[[int], None] | None = None) -> str:
        """The first of these batches that has ended; `told` hears how many looks found none."""
        n_looks = 0
        while True:
            for batch_id in batch_ids:
                if (await self._look(batch_id))["processing_status"] == "ended":
                    return batch_id
            if told:
                told(n_looks)
            await asyncio.sleep(self._polling.after(n_looks))
            n_looks += 1

    async def results(self, batch_id: str) -> AsyncGenerator[Item]:
        """The results of a batch that has ended, in any order; a stream that breaks is read again from its beginning."""
        if not (await self._look(batch_id)).get("results_url"):
            raise ResultsGone(batch_id)
        fault = None
        for attempt in range(ATTEMPTS):
            try:
                reply = await self._stream(batch_id)
                try:
                    async with aclosing(lines_of(reply.aiter_bytes())) as lines:
                        while line := await self._next(lines):
                            yield item_of(line, self._endpoint)
                    return
                finally:
                    await reply.aclose()
            except (*call_errors(), *_stream_errors()) as error:
                fault = self._fault(error)
            await asyncio.sleep(self._polling.delay(attempt, fault))
        raise _silent(fault)

    async def _stream(self, batch_id: str) -> "Response":
        """The results as they come; from the address that the API has for them, for the key is sent along."""
        from anthropic import AsyncStream
        from httpx2 import Response

        path = f"/v1/messages/batches/{quote(batch_id, safe='')}/results"
        headers = {"accept": STREAMED}
        async with asyncio.timeout(self._polling.reply_s):
            reply: object = await self._client.get(
                path, cast_to=Response, options={"headers": headers}, stream=True, stream_cls=AsyncStream[Any]
            )
        # The client's types know no stream of another kind than events.
        return cast("Response", reply)

    async def _next(self, lines: AsyncGenerator[bytes]) -> bytes | None:
        async with asyncio.timeout(self._polling.reply_s):
            return await anext(lines, None)

    async def _look(self, batch_id: str) -> dict[str, Any]:
        reply = await self._again(lambda: self._batches.with_raw_response.retrieve(batch_id), batch_of, batch_id)
        return batch_of(reply)

    async def _candidates(self, intent: Intent) -> list[str]:
        """Batches of the size and the time of an intent, by the server's clock."""
        found: list[str] = []
        listing = partial(self._batches.with_raw_response.list, limit=PAGE)
        for _ in range(MOST_PAGES):
            reply = await self._again(listing, page_of)
            page = page_of(reply)
            earliest = intent.created_at.replace(tzinfo=UTC) + skew_of(reply) - EARLIEST
            found += [
                batch.batch_id
                for batch in page.batches
                if earliest <= batch.created_at <= earliest + LATEST and batch.n_requests == intent.n_requests
            ]
            # Newest first.
            if not page.has_more or page.batches[-1].created_at < earliest:
                break
            listing = partial(listing, after_id=page.batches[-1].batch_id)
        return found

    async def _again(
        self,
        call: Callable[[], Awaitable[Any]],
        check: "Callable[[Response], object]",
        batch_id: str | None = None,
    ) -> "Response":
        """The reply of a call that may be repeated, once it is of the expected form."""
        fault = None
        for attempt in range(PATIENT if self._is_reached else ATTEMPTS):
            try:
                reply = await reply_within(self._polling.reply_s, call())
                check(reply)
            except call_errors() as error:
                fault = self._fault(error, batch_id)
            else:
                self._is_reached = True
                return reply
            await asyncio.sleep(self._polling.delay(attempt, fault))
        raise _silent(fault)

    def _fault(self, error: Exception, batch_id: str | None = None) -> Fault:
        """What went wrong; JudgeError where trying again would not help."""
        from anthropic import APIStatusError

        if (
            isinstance(error, APIStatusError)
            and error.status_code in NO_BATCHES
            and "model" not in str(error.api_message)
        ):
            raise self._missing(batch_id) from None
        if isinstance(error, _stream_errors()):
            return Fault("again", f"The results of a batch at {self._endpoint.base_url} came in pieces.")
        fault = fault_of(error, self._endpoint)
        if fault.consequence in ("endpoint", "question") or (fault.is_final_at_first and not self._is_reached):
            raise JudgeError(fault.told, hint=fault.hint) from None
        return fault

    def _missing(self, batch_id: str | None) -> JudgeError:
        if batch_id is None:
            return JudgeError(
                f"The server at {self._endpoint.base_url} has no message batches.", hint="Leave --batches out."
            )
        return JudgeError(
            f"The server at {self._endpoint.base_url} does not know the batch {batch_id}.",
            hint="Use the key that it was submitted with, or leave --batches out to ask its questions anew.",
        )


def _stream_errors() -> tuple[type[Exception], ...]:
    from httpx2 import HTTPError

    return HTTPError, ValueError


def _silent(fault: Fault | None) -> JudgeError:
    return JudgeError(
        f"The judge does not answer any more. {fault.told if fault else ''}".strip(),
        hint="What is judged is kept, and batches go on at the server; run the same command again.",
    )
