"""Ask a judge what every sample is about and how relevant it is to each concept that it serves; every vote is a row."""

import hashlib
import json
from collections.abc import Sequence

import duckdb

from db import query
from db.rows import JudgeRow, JudgmentRow, TopicRow
from engine.errors import JudgeError
from engine.judges.judge import Judge, JudgeIdentity
from engine.judges.offline import OfflineJudge
from engine.packs.pack import Pack
from engine.stages.generate import count
from engine.stages.progress import now
from engine.stages.stage import Stage, in_batches

BATCH = 256


def open_judge(name: str, pack: Pack) -> Judge:
    """The judge of that name; JudgeError for a name that we do not know."""
    if name == "offline":
        return OfflineJudge(pack)
    raise JudgeError(f'There is no judge "{name}".', hint="Known judges: offline.")


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


def topics(run_id: str, judge: Judge) -> Stage[tuple[str, str]]:
    """The stage that asks for the topic of each sample, from the text alone, before anything else is asked."""
    name = judge_id(judge.identity)

    def pending(cursor: duckdb.DuckDBPyConnection) -> list[list[tuple[str, str]]]:
        values = {"run_id": run_id, "judge_id": name}
        return in_batches(cursor.execute(query("stages.samples_without_topic"), values).fetchall(), BATCH)

    def work(batch: list[tuple[str, str]]) -> Sequence[TopicRow]:
        votes = judge.infer_topics([output for _, output in batch])
        return [
            TopicRow(name, sample_id, 0, v.topic, v.similarity, v.unscored_reason, v.raw_reply, 0, 0, 0.0, now())
            for (sample_id, _), v in zip(batch, votes, strict=True)
        ]

    return Stage("topics", pending, work, lambda cursor: count(cursor, run_id, "n_samples"))


def relevance(run_id: str, judge: Judge) -> Stage[tuple[str, str, str]]:
    """The stage that rates the relevance of each pair's text to the pair's concept."""
    name = judge_id(judge.identity)

    def pending(cursor: duckdb.DuckDBPyConnection) -> list[list[tuple[str, str, str]]]:
        values = {"run_id": run_id, "judge_id": name}
        return in_batches(cursor.execute(query("stages.pairs_without_judgment"), values).fetchall(), BATCH)

    def work(batch: list[tuple[str, str, str]]) -> Sequence[JudgmentRow]:
        votes = judge.rate([(output, concept) for concept, _, output in batch])
        return [
            JudgmentRow(
                name, concept, sample_id, 0, v.rating, v.explanation, v.unscored_reason, v.raw_reply, 0, 0, 0.0, now()
            )
            for (concept, sample_id, _), v in zip(batch, votes, strict=True)
        ]

    return Stage("relevance", pending, work, lambda cursor: count(cursor, run_id, "n_pairs"))
