"""Write the tables of a dataset batch by batch, so that none has to fit into memory.

A table without rows has no file: no reader of datasets takes one. A CSV file is opened by spreadsheets, which run what begins
like a formula, so that such texts get an apostrophe before them there; Parquet holds every text as it is.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from engine.exchange.spreadsheets import RUNS

Format = Literal["datasets", "parquet", "csv"]
BATCH_ROWS: Final = 10_000
SHARD_ROWS: Final = 500_000
"""Rows of a file in a `datasets` folder; the other formats have one file a table."""
FORMULA: Final = rf"^[{RUNS}']"
"""What a spreadsheet may take for a formula, and the apostrophe itself: taking one leading apostrophe away restores each text."""


class Writer(Protocol):
    """What pyarrow's writers of files have in common."""

    def write_batch(self, batch: Any) -> None:
        """Append rows."""


def write_table(folder: Path, name: str, batches: Iterable[Any], form: Format) -> int:
    """Write a table's batches of rows; returns how many rows there were."""
    n_rows = 0
    for shard, some in enumerate(_shards(batches, SHARD_ROWS if form == "datasets" else None)):
        n_rows += _write_file(_file(folder, name, form, shard), some, form)
    return n_rows


def data_files(name: str, form: Format) -> str:
    """Where a table's files lie in the folder, as readers of datasets want it told."""
    return f"data/{name}/*.parquet" if form == "datasets" else f"{name}.{form}"


def _file(folder: Path, name: str, form: Format, shard: int) -> Path:
    file = folder / "data" / name / f"train-{shard:05}.parquet" if form == "datasets" else folder / f"{name}.{form}"
    file.parent.mkdir(parents=True, exist_ok=True)
    return file


def _shards(batches: Iterable[Any], n_rows: int | None) -> Iterator[Iterator[Any]]:
    """Runs of batches that hold rows, of about so many; each run is to be read to its end before the next is asked for."""
    rest = (batch for batch in batches if batch.num_rows)
    for first in rest:
        yield _up_to(n_rows, first, rest)


def _up_to(n_rows: int | None, first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    n_read = first.num_rows
    yield first
    while n_rows is None or n_read < n_rows:
        batch = next(rest, None)
        if batch is None:
            return
        n_read += batch.num_rows
        yield batch


def _write_file(file: Path, batches: Iterator[Any], form: Format) -> int:
    first = next(batches)
    n_rows = 0
    with _writer(file, first.schema, form) as writer:
        for batch in chain([first], batches):
            writer.write_batch(_ready(batch, form))
            n_rows += batch.num_rows
    return n_rows


@contextmanager
def _writer(file: Path, schema: Any, form: Format) -> Iterator[Writer]:
    import pyarrow as pa
    from pyarrow import csv, parquet

    with ExitStack() as stack:
        if form == "csv":
            # Nulls are empty cells, and empty texts are quoted ones.
            sink = stack.enter_context(pa.OSFile(str(file), "wb"))
            yield stack.enter_context(
                csv.CSVWriter(sink, schema, write_options=csv.WriteOptions(quoting_style="all_valid"))
            )
        else:
            yield stack.enter_context(parquet.ParquetWriter(str(file), schema, compression="zstd"))


def _ready(batch: Any, form: Format) -> Any:
    import pyarrow as pa

    if form != "csv":
        return batch
    columns = [harmless(column) if pa.types.is_string(column.type) else column for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def harmless(texts: Any) -> Any:
    """Texts with an apostrophe before each that a spreadsheet may take for a formula, or that begins with one."""
    from pyarrow import compute

    begins = compute.fill_null(compute.match_substring_regex(texts, FORMULA), False)
    return compute.if_else(begins, compute.binary_join_element_wise("'", texts, ""), texts)
