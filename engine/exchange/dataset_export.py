"""Write a study as a dataset: a folder of tables with a card, from one state of the study.

All tables are read in one transaction and written batch by batch. The folder appears whole or not at all.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import duckdb

from db import connect, query
from engine.errors import DatasetError, LensPackError, StudyMissing
from engine.exchange.artifacts import NO_PROMPT
from engine.exchange.dataset_card import CardFacts, RunFacts, card
from engine.exchange.dataset_files import BATCH_ROWS, Format, write_table
from engine.exchange.dataset_tables import TABLES, Table
from engine.exchange.new_folder import new_folder
from engine.exchange.snapshot import snapshot_id

CARD = "README.md"
PART_ROWS: Final = 200_000
"""Texts that are joined with their prompts and forms at a time."""
Judges = Mapping[str, list[tuple[Any, ...]]]
"""Rows of the query `datasets.judges` by run."""


@dataclass(frozen=True, slots=True)
class ExportedDataset:
    """What was written: the state of the study and the rows of each table."""

    snapshot: str
    n_rows: dict[str, int]


def export_dataset(
    study: Path, out: Path, *, form: Format = "datasets", runs: Sequence[str] = (), anonymous: bool = False
) -> ExportedDataset:
    """Write these runs, by default all; StudyMissing for a run that is not there, DatasetError for a folder that is taken."""
    try:
        with new_folder(out) as folder, connect(study) as cursor:
            cursor.execute("begin")
            try:
                facts = _write(cursor, study, folder, form=form, asked=runs, anonymous=anonymous)
            finally:
                cursor.execute("rollback")
            (folder / CARD).write_text(card(facts), encoding="utf-8")
    except LensPackError as error:
        raise DatasetError(str(error)) from error
    return ExportedDataset(facts.snapshot, dict(facts.n_rows))


def _write(
    cursor: duckdb.DuckDBPyConnection, study: Path, folder: Path, *, form: Format, asked: Sequence[str], anonymous: bool
) -> CardFacts:
    runs = _runs(cursor, study, asked)
    judges = {run: _judges(cursor, run) for run in runs}
    values = {"no_prompt": NO_PROMPT, "anonymous": anonymous}
    n_rows = {
        table.name: write_table(folder, table.name, _batches(cursor, table, judges, values), form) for table in TABLES
    }
    return CardFacts(
        name=study.resolve().name,
        form=form,
        snapshot=snapshot_id(cursor),
        exported_at=datetime.now(UTC),
        version=version("lensgap"),
        n_rows=n_rows,
        runs=tuple(_run_facts(cursor, run, judges[run]) for run in runs),
        anonymous=anonymous,
    )


def _runs(cursor: duckdb.DuckDBPyConnection, study: Path, asked: Sequence[str]) -> list[str]:
    there = [str(row[0]) for row in cursor.execute(query("datasets.run_ids")).fetchall()]
    missing = next((run for run in asked if run not in there), None)
    if missing is not None or not there:
        raise StudyMissing(
            f"{study} holds no run{f' {missing}' if missing else ''} yet.", hint="Start one with: lensgap run"
        )
    return [run for run in there if not asked or run in asked]


def _judges(cursor: duckdb.DuckDBPyConnection, run: str) -> list[tuple[Any, ...]]:
    return cursor.execute(query("datasets.judges"), {"run_id": run}).fetchall()


def _batches(
    cursor: duckdb.DuckDBPyConnection, table: Table, judges: Judges, values: Mapping[str, object]
) -> Iterator[Any]:
    """The rows of a table, run by run, and where the table asks for it judge by judge and part by part."""
    statement = query(table.query)
    for run, of_run in judges.items():
        for judge in [row[1] for row in of_run] or [None] if table.by_judge else [None]:
            n_parts = _n_parts(cursor, run) if table.in_parts else 1
            for part in range(n_parts):
                given = {**values, "run_id": run, "judge_id": judge, "n_parts": n_parts, "part": part}
                taken = {name: value for name, value in given.items() if f"${name}" in statement}
                yield from cursor.sql(statement, params=taken).to_arrow_reader(BATCH_ROWS)


def _n_parts(cursor: duckdb.DuckDBPyConnection, run: str) -> int:
    ((n_samples,),) = cursor.execute(query("datasets.n_samples"), {"run_id": run}).fetchall()
    return 1 + int(n_samples) // PART_ROWS


def _run_facts(cursor: duckdb.DuckDBPyConnection, run: str, judges: list[tuple[Any, ...]]) -> RunFacts:
    rows = cursor.sql(query("datasets.runs"), params={"run_id": run})
    told = dict(zip(rows.columns, rows.fetchall()[0], strict=True))
    pack = f"{told['pack']} {told['pack_version']}"
    return RunFacts(
        run, told["model"], pack, told["imported"], tuple((f"{row[2]}: {row[3]}", row[6]) for row in judges)
    )
