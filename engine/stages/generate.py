"""Have the subject model write the planned samples."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

import duckdb

from db import query
from db.rows import SampleRow
from engine.config import StudyConfig
from engine.stages.progress import now
from engine.stages.stage import Stage
from engine.subject.generate import Generation, Writer
from engine.subject.load import Subject
from engine.subject.memory import FittingBatches
from engine.subject.sampling import Sampling


@dataclass(frozen=True, slots=True)
class PendingPrompt:
    """A planned sample without a text."""

    batch: int
    sample_id: str
    prompt: str
    seed: int


def choose_sampling(config: StudyConfig) -> Sampling:
    """The settings of the run that say how its texts are drawn."""
    return Sampling(
        temperature=config.temperature,
        top_p=config.top_p,
        top_k=config.top_k,
        repetition_penalty=config.repetition_penalty,
        min_new_tokens=config.min_new_tokens,
        max_new_tokens=config.max_new_tokens,
        stop_strings=config.stop,
    )


def generation(run_id: str, config: StudyConfig, subject: Callable[[], Subject]) -> Stage[PendingPrompt]:
    """The stage that generates; a batch runs whole even when one sample is missing. The model is loaded when needed."""

    def pending(cursor: duckdb.DuckDBPyConnection) -> list[list[PendingPrompt]]:
        rows = cursor.execute(query("stages.batches_to_generate"), {"run_id": run_id}).fetchall()
        prompts = [PendingPrompt(*row) for row in rows]
        return [list(batch) for _, batch in groupby(prompts, key=lambda prompt: prompt.batch)]

    fitting = FittingBatches()

    @functools.cache
    def writer() -> Writer:
        return Writer(subject(), choose_sampling(config))

    def write(items: Sequence[PendingPrompt]) -> list[Generation]:
        return writer().write([item.prompt for item in items], seeds=[item.seed for item in items])

    def work(batch: list[PendingPrompt]) -> Sequence[SampleRow]:
        generations = fitting.run(batch, write)
        return [
            SampleRow(item.sample_id, made.text, made.finish_reason, made.output_ids, made.n_prompt_tokens, now())
            for item, made in zip(batch, generations, strict=True)
        ]

    return Stage("generate", pending, work, lambda cursor: count(cursor, run_id, "n_prompts"))


def count(cursor: duckdb.DuckDBPyConnection, run_id: str, what: str) -> int:
    """One of the totals of the run: `n_prompts`, `n_samples` or `n_pairs`."""
    result = cursor.execute(query("stages.totals"), {"run_id": run_id})
    names = [column[0] for column in result.description or ()]
    row = result.fetchone() or ()
    return int(dict(zip(names, row, strict=True))[what])
