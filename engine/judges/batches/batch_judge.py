"""A judge that asks in message batches: half the price, answers within a day, and nothing to wait for but the server.

The same requests as one by one, through the same `params` and `read`, so the answers are those of the same judge. What is under
way stands in a ledger; a process that ends leaves its batches at the server, and the next one collects them. An answer counts as
kept once the one after it is asked for. Requests that failed at the server or were not reached go into a later batch, three times
at most; what is left then stays pending.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from typing import Final

from engine.errors import JudgeError
from engine.judges.api.endpoint import open_client
from engine.judges.api.messages import MessagesJudge
from engine.judges.batches.collecting import Collecting
from engine.judges.batches.ledger import Ledger
from engine.judges.batches.server import BatchServer, Polling
from engine.judges.judge import Answer, JudgeIdentity, Kind, Question

SIZE: Final = 10_000
MOST_REQUESTS: Final = 100_000
CONNECTIONS: Final = 2


class BatchJudge:
    """Asks what a judge of the Messages API would ask, in batches of `size` requests."""

    def __init__(
        self,
        judge: MessagesJudge,
        ledger: Ledger,
        *,
        size: int = SIZE,
        polling: Polling | None = None,
        tell: Callable[[str], None] = lambda said: None,
    ) -> None:
        if not 1 <= size <= MOST_REQUESTS:
            raise JudgeError(f"A batch holds 1 to {MOST_REQUESTS:,} requests, not {size:,}.")
        self.judge = judge
        self._ledger, self._size, self._polling, self._tell = ledger, size, polling or Polling(), tell

    @property
    def identity(self) -> JudgeIdentity:
        """That of the judge: how requests travel decides no answer."""
        return self.judge.identity

    def answer(self, questions: Iterable[Question]) -> Iterator[Answer]:
        """Answers batch by batch, those of batches that an earlier process left first of all.

        Raises JudgeError when nothing more can be asked, after all that came is yielded. Batches under way go on at the server.
        """
        self.judge.require_price()
        for kind, part in groupby(questions, key=attrgetter("kind")):
            yield from self._answer(kind, part)

    def _answer(self, kind: Kind, questions: Iterable[Question]) -> Iterator[Answer]:
        judge = self.judge
        client = open_client(judge.endpoint, max_connections=CONNECTIONS, transport=judge.transport)
        server = BatchServer(client, judge.endpoint, self._polling, was_reached_before=judge.was_reached_before)
        with asyncio.Runner() as runner:
            collecting = Collecting(judge, self._ledger, server, runner, kind, self._size, self._tell)
            try:
                yield from collecting.answers(questions)
            except (KeyboardInterrupt, GeneratorExit):
                if collecting.n_open:
                    self._tell("Batches go on at the server; run the same command again to collect them.")
                raise
            finally:
                runner.run(client.close())
