"""Have the subject model write the planned samples."""

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import duckdb

from db import query
from db.rows import SampleRow
from engine.config import StudyConfig
from engine.errors import ModelError
from engine.stages.progress import now
from engine.stages.stage import Stage
from engine.subject.encode import encode_prompt
from engine.subject.generate import Generation, Writer
from engine.subject.load import Subject
from engine.subject.memory import FittingBatches
from engine.subject.sampling import Sampling


@dataclass(frozen=True, slots=True)
class PendingPrompt:
    """A planned sample without a text."""

    batch: int
    sample_id: str
    prompt_concept: str
    template: str
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

    def check(batches: list[list[PendingPrompt]]) -> None:
        refuse_overlong([item for batch in batches for item in batch], subject(), n_least=max(1, config.min_new_tokens))

    def write(items: Sequence[PendingPrompt]) -> list[Generation]:
        return writer().write([item.prompt for item in items], seeds=[item.seed for item in items])

    def work(batch: list[PendingPrompt]) -> Sequence[SampleRow]:
        generations = fitting.run(batch, write)
        return [
            SampleRow(item.sample_id, made.text, made.finish_reason, made.output_ids, made.n_prompt_tokens, now())
            for item, made in zip(batch, generations, strict=True)
        ]

    return Stage("generate", pending, work, lambda cursor: count(cursor, run_id, "n_prompts"), check)


def refuse_overlong(prompts: Sequence[PendingPrompt], subject: Subject, *, n_least: int) -> None:
    """ModelError when prompts leave the model's context no room for `n_least` tokens of output; it names the first."""
    overlong = list(_longer_than(subject.context - n_least, prompts, subject))
    if not overlong:
        return
    first, n_tokens = overlong[0]
    n_more = len(overlong) - 1
    more = f", and {n_more:,} more prompt{'s are' if n_more > 1 else ' is'} too long" if n_more else ""
    raise ModelError(
        f'The template "{first.template}" makes a prompt of {n_tokens:,} tokens about "{first.prompt_concept}"{more}: '
        f"{subject.name} has a context of {subject.context:,} tokens, of which the output needs {n_least:,}.",
        hint="Shorten the concept's definition, choose another template set (--template-set), or take a model with a "
        "longer context; nothing is lost.",
    )


def _longer_than(
    n_most: int, prompts: Sequence[PendingPrompt], subject: Subject
) -> Iterator[tuple[PendingPrompt, int]]:
    """Prompts of more tokens than that, with their number."""
    n_around = len(encode_prompt(subject, "a"))
    for item in prompts:
        # Hardly a tokenizer makes more tokens than bytes; so most prompts need not be encoded to know that they fit.
        if len(item.prompt.encode()) + n_around > n_most:
            n_tokens = len(encode_prompt(subject, item.prompt))
            if n_tokens > n_most:
                yield item, n_tokens


def count(cursor: duckdb.DuckDBPyConnection, run_id: str, what: str) -> int:
    """One of the totals of the run: `n_prompts`, `n_samples` or `n_pairs`."""
    result = cursor.execute(query("stages.totals"), {"run_id": run_id})
    names = [column[0] for column in result.description or ()]
    row = result.fetchone() or ()
    return int(dict(zip(names, row, strict=True))[what])
