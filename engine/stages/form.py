"""Measure the form of every output, and class it by both rules."""

from collections.abc import Sequence

import duckdb

from db import query
from db.rows import FormRow
from engine.stages.generate import count
from engine.stages.stage import Stage, in_batches
from engine.stats.form import classify_form, measure_form


def form(run_id: str) -> Stage[tuple[str, str]]:
    """The stage that measures form."""

    def pending(cursor: duckdb.DuckDBPyConnection) -> list[list[tuple[str, str]]]:
        return in_batches(cursor.execute(query("stages.samples_without_form"), {"run_id": run_id}).fetchall(), 256)

    def work(batch: list[tuple[str, str]]) -> Sequence[FormRow]:
        return [form_row(sample_id, output) for sample_id, output in batch]

    return Stage("form", pending, work, lambda cursor: count(cursor, run_id, "n_samples"))


def form_row(sample_id: str, output: str) -> FormRow:
    """The measures and classes of one output."""
    measures = measure_form(output)
    return FormRow(
        sample_id=sample_id,
        n_chars=measures.n_chars,
        n_words=measures.n_tokens,
        tail_loop_share=measures.tail_loop_share,
        repeated_4gram_share=measures.repeated_4gram_share,
        distinct_2=measures.distinct_2,
        zlib_ratio=measures.zlib_ratio,
        first30_count=measures.first30_count,
        form_study=classify_form(measures, rule="study"),
        form_loop=classify_form(measures, rule="loop"),
    )
