"""Fill batches with questions, wait for them, and read what came: the work of the judge that asks in batches.

Only as many batches are open at once as keep memory small; questions are taken as they are needed.
"""

import asyncio
import json
import secrets
from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from engine.errors import JudgeError
from engine.judges.api.faults import Fault, one_line, status_fault
from engine.judges.api.messages import ADDED_TOKENS, MessagesJudge
from engine.judges.batches.ledger import Intent, Key, Ledger, key_of
from engine.judges.batches.replies import Item
from engine.judges.batches.server import BatchServer, ResultsGone
from engine.judges.judge import Answer, Kind, Question

MOST_BYTES: Final = 200_000_000
"""Of the requests in a batch; the API takes 256 MB, and the client puts a little around each."""
MOST_OPEN: Final = 4
ROUNDS: Final = 3
SMALLEST: Final = 0.05
"""Share of a batch below which what is left of a budget is not worth waiting a day for."""
READ_AT_ONCE: Final = 256


@dataclass(frozen=True, slots=True)
class Request:
    """A question as it goes into a batch, and the most that it can cost."""

    question: Question
    params: dict[str, Any]
    n_bytes: int
    worst_usd: float


@dataclass(slots=True)
class Open:
    """A batch under way: the questions that wait for it, and what the budget holds for them, both by position."""

    intent: Intent
    batch_id: str
    questions: dict[int, Question] = field(default_factory=dict)
    held_usd: dict[int, float] = field(default_factory=dict)
    is_whole: bool = True
    """All its questions are asked now; of another batch, some answers are left for a later call."""


class Collecting:
    """The batches of one kind of question."""

    def __init__(
        self,
        judge: MessagesJudge,
        ledger: Ledger,
        server: BatchServer,
        runner: asyncio.Runner,
        kind: Kind,
        size: int,
        tell: Callable[[str], None],
    ) -> None:
        self._judge, self._ledger, self._server, self._runner = judge, ledger, server, runner
        self._kind, self._size, self._tell = kind, size, tell
        self._open: list[Open] = []
        self._waiting: deque[Question] = deque()
        self._rounds: Counter[Key] = Counter()
        self._refused: list[tuple[Question, Fault]] = []
        self._n_submitted = 0
        self._ended_by: JudgeError | None = None

    @property
    def n_open(self) -> int:
        """Batches under way."""
        return len(self._open)

    def answers(self, questions: Iterable[Question]) -> Iterator[Answer]:
        """All answers that come; then raises what ended the asking, if anything did."""
        source = iter(questions)
        self._find_open()
        yield from self._meet_again(source)
        while True:
            yield from self._fill(source)
            if not self._open:
                break
            yield from self._collect(self._wait())
        if self._ended_by:
            raise self._ended_by

    def _find_open(self) -> None:
        """Take up the batches that an earlier process left."""
        for intent in self._ledger.open_batches(self._kind):
            batch_id = intent.batch_id
            if not intent.keys:
                self._ledger.done(intent.name)
                continue
            if batch_id is None and (batch_id := self._runner.run(self._server.find(intent))):
                self._ledger.submitted(intent.name, batch_id)
            if batch_id is None:
                self._ledger.lost(intent.name)
                share = len(intent.keys) / intent.n_requests
                self._judge.budget.settle_at_server(intent.worst_usd * share, 0.0)
            else:
                self._open.append(Open(intent, batch_id))

    def _meet_again(self, source: Iterator[Question]) -> Iterator[Answer]:
        """Give the batches found their questions; what is met on the way waits, and is asked later."""
        wanted = {key: (batch, place) for batch in self._open for place, key in batch.intent.keys.items()}
        while wanted and len(self._waiting) < MOST_OPEN * self._size and (question := next(source, None)):
            found = wanted.pop(key_of(question), None)
            if answer := self._judge.questioner.by_rule(question):
                yield answer
            elif found:
                found[0].questions[found[1]] = question
            else:
                self._waiting.append(question)
        for batch, _ in wanted.values():
            batch.is_whole = False
        self._open = [batch for batch in self._open if batch.questions]

    def _fill(self, source: Iterator[Question]) -> Iterator[Answer]:
        """Submit batches as long as there are questions, money, and few enough of them."""
        while len(self._open) < MOST_OPEN and not self._ended_by:
            requests: list[Request] = []
            error = yield from self._take(source, requests)
            if error and self._n_submitted and len(requests) < self._size * SMALLEST:
                self._give_back(requests)
                requests = []
            if not requests:
                self._ended_by = error if not self._open else None
                return
            self._submit(requests)

    def _take(self, source: Iterator[Question], requests: list[Request]) -> Generator[Answer, None, JudgeError | None]:
        """Put the next questions into `requests`; yields answers that need no request, returns why the money took no more."""
        n_bytes = 0
        while len(requests) < self._size and (question := self._next(source)):
            if answer := self._judge.questioner.by_rule(question):
                yield answer
                continue
            request = self._request(question)
            n_bytes += request.n_bytes
            is_full = bool(requests) and n_bytes > MOST_BYTES
            if is_full or not self._judge.budget.reserve_at_server(request.worst_usd):
                self._waiting.appendleft(question)
                return None if is_full else self._judge.budget.spent_out(request.worst_usd)
            requests.append(request)
        return None

    def _give_back(self, requests: list[Request]) -> None:
        """Let questions wait that are too few for a batch of their own."""
        for request in reversed(requests):
            self._judge.budget.settle_at_server(request.worst_usd, 0.0)
            self._waiting.appendleft(request.question)

    def _next(self, source: Iterator[Question]) -> Question | None:
        return self._waiting.popleft() if self._waiting else next(source, None)

    def _request(self, question: Question) -> Request:
        params = self._judge.params(question)
        n_bytes = len(json.dumps(params, ensure_ascii=False).encode())
        # A token is at least a byte, so there are never more tokens than bytes.
        return Request(question, params, n_bytes, self._judge.worst_usd(n_bytes + ADDED_TOKENS, batch=True))

    def _submit(self, requests: list[Request]) -> None:
        keys = {place: key_of(request.question) for place, request in enumerate(requests)}
        # The database keeps times in UTC without a zone.
        created_at = datetime.now(UTC).replace(tzinfo=None)
        worst_usd = sum(request.worst_usd for request in requests)
        intent = Intent(secrets.token_hex(8), self._kind, keys, len(keys), created_at, worst_usd=worst_usd)
        self._ledger.intend(intent)
        named = [{"custom_id": f"{intent.name}-{place}", "params": each.params} for place, each in enumerate(requests)]
        try:
            batch_id = self._runner.run(self._server.submit(intent, named))
        except JudgeError as error:
            self._ended_by = error
            # The server may have the batch all the same, so what it may cost stays held.
            return
        self._ledger.submitted(intent.name, batch_id)
        self._n_submitted += 1
        questions = {place: request.question for place, request in enumerate(requests)}
        held = {place: request.worst_usd for place, request in enumerate(requests)}
        self._open.append(Open(intent, batch_id, questions, held))
        self._judge.traffic.n_calls += len(requests)

    def _wait(self) -> Open:
        """The first batch that has ended."""
        n_requests = sum(len(batch.questions) for batch in self._open)
        n_batches = "1 batch" if self.n_open == 1 else f"{self.n_open} batches"
        said = f"Waiting for {n_batches} of {n_requests:,} requests at the server."
        batch_ids = [batch.batch_id for batch in self._open]
        ended = self._runner.run(self._server.wait(batch_ids, lambda n_looks: self._tell(said)))
        return next(batch for batch in self._open if batch.batch_id == ended)

    def _collect(self, batch: Open) -> Iterator[Answer]:
        """The answers of a batch that has ended; what it did not answer waits for the next one."""
        try:
            for item in self._items(batch.batch_id):
                place = _place(item.custom_id, batch.intent.name)
                if (question := batch.questions.pop(place, None)) is not None:
                    yield from self._settled(batch, place, question, item)
            is_gone = False
        except ResultsGone:
            is_gone = True
        self._open.remove(batch)
        for place, question in batch.questions.items():
            self._settle(batch, place, 0.0, is_sure=not is_gone)
            self._ask_again(question)
        if is_gone:
            self._ledger.lost(batch.intent.name)
        elif batch.is_whole:
            self._ledger.done(batch.intent.name)
        self._blame_if_all_refused()

    def _items(self, batch_id: str) -> Iterator[Item]:
        items = self._server.results(batch_id)
        try:
            while some := self._runner.run(_some(items)):
                yield from some
        finally:
            self._runner.run(items.aclose())

    def _settled(self, batch: Open, place: int, question: Question, item: Item) -> Iterator[Answer]:
        """The answer of one line of results, if it is one."""
        read = self._read(question, item.result)
        self._settle(batch, place, read.usage.cost_usd if isinstance(read, Answer) else 0.0)
        if read is None:
            self._ask_again(question)
        elif isinstance(read, Answer):
            self._judge.traffic.n_answered += 1
            yield read
        else:
            self._refused.append((question, read))
        if self._judge.traffic.n_answered:
            while self._refused:
                yield self._judge.refused(*self._refused.pop())

    def _read(self, question: Question, result: Mapping[str, Any]) -> Answer | Fault | None:
        """The answer, why the server will not take the request, or None where it is to be asked again."""
        from httpx2 import Response

        message = result.get("message")
        if result.get("type") == "succeeded" and isinstance(message, dict) and isinstance(message.get("content"), list):
            return self._judge.read(question, message, batch=True)
        error = result.get("error")
        if isinstance(error, dict):
            status = 400 if _kind_of(error) == "invalid_request_error" else 500
            fault = status_fault(Response(status, content=json.dumps(error)), self._judge.endpoint)
            self._judge.traffic.last_fault = fault.told
            return fault if fault.consequence == "question" else None
        ending = one_line(str(result.get("type")))
        self._judge.traffic.last_fault = f"The server ended a batch without some of its answers ({ending})."
        return None

    def _settle(self, batch: Open, place: int, cost_usd: float | None, *, is_sure: bool = True) -> None:
        """Count what an item cost; of what an earlier process submitted, the ledger tells what a request may cost."""
        share = batch.intent.worst_usd / batch.intent.n_requests
        held = batch.held_usd.pop(place, share)
        self._judge.budget.settle_at_server(held, cost_usd, is_sure=is_sure and cost_usd is not None)

    def _ask_again(self, question: Question) -> None:
        key = key_of(question)
        self._rounds[key] += 1
        if self._rounds[key] < ROUNDS:
            self._waiting.append(question)
        else:
            self._judge.traffic.n_left += 1

    def _blame_if_all_refused(self) -> None:
        """Where every request so far was refused, it is their form that is at fault and not their texts."""
        if self._refused and not self._judge.traffic.n_answered:
            told = self._refused[0][1].told
            self._ended_by = JudgeError(told, hint="Every request so far was refused; check model and address.")


async def _some(items: AsyncGenerator[Item]) -> list[Item]:
    """The next few items, none at the end."""
    found: list[Item] = []
    while len(found) < READ_AT_ONCE and (item := await anext(items, None)):
        found.append(item)
    return found


def _place(custom_id: str, intent: str) -> int:
    """The position that a request's name tells, -1 for the name of another batch."""
    name, _, place = custom_id.rpartition("-")
    return int(place) if name == intent and place.isascii() and place.isdigit() else -1


def _kind_of(error: Mapping[str, Any]) -> str:
    inner = error.get("error")
    return str(inner.get("type")) if isinstance(inner, dict) else ""
