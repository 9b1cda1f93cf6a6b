"""Ask a judge what every sample is about and how relevant it is to each concept that it serves; every vote is a row.

Questions are read from the database in pages as the judge takes them, so that a million need no more memory than a thousand.
Answers are written while the judge goes on. What a judge leaves unanswered is pending again at the next call.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from rich.progress import Progress

from db import connect, query
from db.rows import JudgeRow
from engine.judges.costs.budget import Budget
from engine.judges.costs.preflight import TITLES
from engine.judges.judge import Answer, Judge, JudgeIdentity, Kind, Question
from engine.judges.vocabulary import Vocabulary
from engine.stages.generate import count
from engine.stages.progress import StageProgress, now
from engine.stages.reply_log import ReplyLog, VoteRow, reply_log
from engine.stages.stage import Pace, write_rows
from engine.stages.vote_rows import to_row, unscored_reason

PAGE = 2_000
"""Samples whose questions are read at once."""

UNIT_SEPARATOR = "\x1f"
TO_ASK: dict[Kind, str] = {"topic": "judging.topics_to_ask", "relevance": "judging.relevance_to_ask"}
LEFT: dict[Kind, str] = {"topic": "judging.topics_left", "relevance": "judging.relevance_left"}
TRIAL = "trial"
COUNTS: dict[Kind, str] = {"topic": "n_samples", "relevance": "n_pairs"}


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What is asked of a judge about a run: `n_votes` votes of each kind, and unscored ones once more if `again`.

    `chosen` names pairs of concept and sample, the only ones that relevance is asked about; None is all of the run.
    """

    study: Path
    run_id: str
    judge_id: str
    n_votes: int = 1
    again: bool = False
    chosen: tuple[tuple[str, str], ...] | None = None

    def values(self, kind: Kind) -> dict[str, object]:
        """The parameters of the queries that find what is pending of a kind."""
        values = {"run_id": self.run_id, "judge_id": self.judge_id, "n_votes": self.n_votes, "again": self.again}
        if kind == "topic":
            return values
        chosen = None if self.chosen is None else [UNIT_SEPARATOR.join(pair) for pair in self.chosen]
        return values | {"chosen": chosen}


@dataclass(frozen=True, slots=True)
class Left:
    """What is still to be asked: votes, those on empty texts among them, and characters of text with a limit to each."""

    n_votes: int
    n_empty: int
    n_chars: int


@dataclass(frozen=True, slots=True)
class Tally:
    """What one call got of a kind: answers, those among them without a score, and the commonest reason for that."""

    n: int = 0
    n_unscored: int = 0
    commonest_reason: str | None = None


def judge_id(identity: JudgeIdentity) -> str:
    """Identity of a judge: hash of everything that decides its answers."""
    content = [identity.backend, identity.model, identity.rubric_hash, dict(identity.parameters)]
    return hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=6).hexdigest()


def judge_row(identity: JudgeIdentity) -> JudgeRow:
    """The judge as the study keeps it."""
    return JudgeRow(
        judge_id=judge_id(identity),
        backend=identity.backend,
        model=identity.model,
        rubric=identity.rubric,
        rubric_hash=identity.rubric_hash,
        parameters=json.dumps(dict(identity.parameters), sort_keys=True),
        is_baseline=identity.is_baseline,
        created_at=now(),
    )


def left_to_ask(asking: Inquiry, kind: Kind, *, text_limit: int = 2**31 - 1) -> Left:
    """Count what is pending of a kind."""
    with connect(asking.study) as cursor:
        values = asking.values(kind) | {"text_limit": text_limit}
        row = cursor.execute(query(LEFT[kind]), values).fetchone()
    return Left(*row) if row else Left(0, 0, 0)


def ask(
    asking: Inquiry,
    judge: Judge,
    kind: Kind,
    vocabulary: Vocabulary,
    bar: Progress,
    log: ReplyLog | None,
    budget: Budget | None = None,
) -> Tally:
    """Put all pending questions of a kind to the judge; returns what was answered.

    Answers that came before a JudgeError are kept. A budget is told what each answer that is on disk has cost.
    """
    progress = _progress(asking, kind, bar)
    questions = PendingQuestions(asking, kind)
    n_answered, reasons = 0, Counter[str]()
    with _writer(asking, log, progress) as write, _ended(judge.answer(questions)) as answers:
        for answer in answers:
            n_answered += 1
            progress.advance(1, cost_usd=answer.usage.cost_usd)
            write(to_row(asking.judge_id, answer, questions.take_prompt_concept(answer.question), vocabulary))
            if budget:
                budget.keep(answer.usage.cost_usd)
            if reason := unscored_reason(answer):
                reasons[reason] += 1
    commonest = reasons.most_common(1)
    return Tally(n_answered, reasons.total(), commonest[0][0] if commonest else None)


@contextmanager
def _ended(answers: Iterator[Answer]) -> Iterator[Iterator[Answer]]:
    """Have a judge end when its answers are not taken any more, and not when they are forgotten."""
    try:
        yield answers
    finally:
        if isinstance(answers, Generator):
            answers.close()


def _progress(asking: Inquiry, kind: Kind, bar: Progress) -> StageProgress:
    """A bar over all votes of the run, those that were given before among the done; one over chosen pairs has its own name."""
    n_left = left_to_ask(asking, kind).n_votes
    if asking.chosen is not None:
        return StageProgress(bar, asking.run_id, TRIAL, n_done=0, n_total=n_left)
    with connect(asking.study) as cursor:
        n_total = count(cursor, asking.run_id, COUNTS[kind]) * asking.n_votes
    return StageProgress(bar, asking.run_id, TITLES[kind], n_done=max(0, n_total - n_left), n_total=n_total)


class PendingQuestions:
    """Pending questions, page by page; remembers the prompt concept of each until its answer asks for it.

    The judge is not told that concept: it serves to say afterwards how the inferred topic relates to it.
    """

    def __init__(self, asking: Inquiry, kind: Kind) -> None:
        self._asking, self._kind = asking, kind
        self._prompt_concepts: dict[tuple[str, str | None, int], str] = {}

    def __iter__(self) -> Iterator[Question]:
        after = ""
        while page := self._page(after):
            for concept, sample_id, text, prompt_concept, votes in page:
                for vote in votes:
                    self._prompt_concepts[sample_id, concept, vote] = prompt_concept
                    yield Question(self._kind, sample_id, text, concept, vote)
            after = page[-1][1]

    def take_prompt_concept(self, question: Question) -> str:
        """The concept that the sample of a question was asked to be about; forgets it."""
        return self._prompt_concepts.pop((question.sample_id, question.concept, question.vote))

    def _page(self, after: str) -> list[tuple[str | None, str, str, str, list[int]]]:
        values = self._asking.values(self._kind) | {"after": after, "n_rows": PAGE}
        with connect(self._asking.study) as cursor:
            return cursor.execute(query(TO_ASK[self._kind]), values).fetchall()


@contextmanager
def open_log(asking: Inquiry, judge: Judge) -> Iterator[ReplyLog | None]:
    """The reply log of a judge that costs something to ask again; a baseline's answers are made again for nothing."""
    with nullcontext() if judge.identity.is_baseline else reply_log(asking.study, asking.judge_id) as log:
        yield log


class _Writer:
    """Writes rows every few seconds in a thread of its own, so that no answer waits for the database."""

    def __init__(self, asking: Inquiry, log: ReplyLog | None, progress: StageProgress) -> None:
        self._study, self._log, self._progress = asking.study, log, progress
        self._rows: list[VoteRow] = []
        self._pace = Pace()
        self._thread = ThreadPoolExecutor(1)
        self._writing: Future[None] | None = None

    def add(self, row: VoteRow) -> None:
        """Keep a row, on disk at once and in the database soon."""
        if self._log:
            self._log.append(row)
        self._rows.append(row)
        if self._pace.is_due() and (self._writing is None or self._writing.done()):
            self._start()

    def finish(self) -> None:
        """Write what is left and wait for it."""
        try:
            self._start()
            self._wait()
        finally:
            self._thread.shutdown()

    def _start(self) -> None:
        self._wait()
        rows, self._rows = self._rows, []
        self._pace.rest()
        if rows:
            number = self._log.close_file() if self._log else 0
            self._writing = self._thread.submit(self._write, rows, number)

    def _wait(self) -> None:
        if self._writing is not None:
            writing, self._writing = self._writing, None
            writing.result()

    def _write(self, rows: Sequence[VoteRow], number: int) -> None:
        write_rows(self._study, rows, self._progress)
        if self._log:
            self._log.forget(number)


@contextmanager
def _writer(asking: Inquiry, log: ReplyLog | None, progress: StageProgress) -> Iterator[Callable[[VoteRow], None]]:
    writer = _Writer(asking, log, progress)
    try:
        yield writer.add
    finally:
        writer.finish()
