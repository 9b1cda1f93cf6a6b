"""What a process that was killed had received of a judge: rows of its log, and replies that another process kept for it."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import duckdb

from db import connect, query
from engine.judges.api.messages import MessagesJudge
from engine.judges.judge import Question
from engine.judges.vocabulary import Vocabulary
from engine.packs.pack import Pack
from engine.stages.judge import Inquiry
from engine.stages.reply_log import Found, ReplyLog, VoteRow
from engine.stages.stage import write_rows
from engine.stages.vote_rows import to_row

_NO_VALUE = (TypeError, OverflowError, AttributeError, duckdb.NotSupportedError)
"""Raised for what is no value of a row at all."""


def keep_left_rows(asking: Inquiry, log: ReplyLog, tell: Callable[[str], None]) -> None:
    """Put the rows that are left into the database. What is damaged is set aside and told."""
    _keep(asking, log, log.find(), tell)
    log.forget_found()


def keep_left_replies(
    asking: Inquiry, log: ReplyLog, judge: MessagesJudge, pack: Pack, tell: Callable[[str], None]
) -> None:
    """Make rows of the replies that are left, and put them into the database. What is damaged is set aside and told."""
    found = list(_read(asking, log, judge, pack))
    _keep(asking, log, found, tell)
    for one in found:
        one.file.unlink(missing_ok=True)


def _read(asking: Inquiry, log: ReplyLog, judge: MessagesJudge, pack: Pack) -> Iterator[Found]:
    replies = log.find_replies()
    if not replies:
        return
    vocabulary = Vocabulary(pack)
    texts = _texts(asking, [reply[0].sample_id for _, reply in replies if reply])
    for file, reply in replies:
        if reply is None:
            yield Found(file, 0)
            continue
        vote, message = reply
        # A vote of another run waits until that run is judged, with the pack that it was judged by.
        if text := texts.get((vote.concept, vote.sample_id)):
            shown, prompt_concept = text
            answer = judge.read(Question(vote.kind, vote.sample_id, shown, vote.concept, vote.vote), message)
            yield Found(file, 0, row=to_row(asking.judge_id, answer, prompt_concept, vocabulary))


def _texts(asking: Inquiry, sample_ids: list[str]) -> dict[tuple[str | None, str], tuple[str, str]]:
    """Text and prompt's concept by what is asked about, concept and sample."""
    if not sample_ids:
        return {}
    values = {"run_id": asking.run_id, "sample_ids": sample_ids}
    with connect(asking.study) as cursor:
        rows = cursor.execute(query("judging.texts"), values).fetchall()
    return {(concept, sample_id): (text, prompt_concept) for concept, sample_id, text, prompt_concept in rows}


def _keep(asking: Inquiry, log: ReplyLog, found: Sequence[Found], tell: Callable[[str], None]) -> None:
    refused = _write_sound(asking.study, [(one, one.row) for one in found if one.row is not None])
    for said in log.set_aside([*(one for one in found if one.row is None), *refused]):
        tell(said)


def _write_sound(study: Path, found: Sequence[tuple[Found, VoteRow]]) -> list[Found]:
    """Write all rows that the database takes; returns those that it refuses, found by halving what is refused together."""
    if not found:
        return []
    try:
        write_rows(study, [row for _, row in found])
    except (duckdb.IntegrityError, duckdb.DataError, duckdb.ProgrammingError, *_NO_VALUE):
        if len(found) == 1:
            return [found[0][0]]
        middle = len(found) // 2
        return [*_write_sound(study, found[:middle]), *_write_sound(study, found[middle:])]
    return []
