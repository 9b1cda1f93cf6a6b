"""Rows that are added many at a time, held against rows that are added few at a time."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, get_type_hints
from unittest.mock import patch

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from study_rows import run_rows
from test_rows import KINDS, stored

import db.inserting
from db import connect, insert, transaction
from db.rows import PackRow, PromptRow, Row

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
SURROGATES = st.sampled_from(["a\ud83db", "\udc00", "🍸\ud83d"])
BY_TYPE: dict[str, st.SearchStrategy[Any]] = {
    "VARCHAR": TEXT | SURROGATES,
    "JSON": st.sampled_from(["{}", '[1, null, "é"]', '{"a": {"b": "\\u0000"}}']),
    "TINYINT": st.integers(-128, 127),
    "INTEGER": st.integers(-(2**31), 2**31 - 1),
    "BIGINT": st.integers(-(2**63), 2**63 - 1),
    "DOUBLE": st.floats(allow_nan=False),
    "BOOLEAN": st.booleans(),
    "TIMESTAMP": st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)),
}


@contextmanager
def many_are(n: int) -> Iterator[None]:
    with patch.object(db.inserting, "BULK", n):
        yield


def add(cursor: duckdb.DuckDBPyConnection, rows: Sequence[Row], *, many: int) -> tuple[list[int], list[Row]]:
    """How many rows were new at the first and the second call, and what the table holds then."""
    cursor.execute("begin")
    try:
        with many_are(many):
            counts = [insert(cursor, rows), insert(cursor, rows)]
        return counts, sorted(stored(cursor, type(rows[0])), key=repr)
    finally:
        cursor.execute("rollback")


@pytest.fixture(scope="module")
def keys_alone(schema: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """The tables with their columns and primary keys, and no other constraint that arbitrary rows would break."""
    connection = duckdb.connect()
    for kind in KINDS:
        columns = schema.execute(f"select column_name, column_type from (describe {kind.table})").fetchall()
        parts = [f'"{name}" {sql_type}' for name, sql_type in columns]
        parts.append(f"primary key ({', '.join(kind.key or [columns[0][0]])})")
        connection.execute(f"create table {kind.table} ({', '.join(parts)})")
    yield connection
    connection.close()


def any_row(connection: duckdb.DuckDBPyConnection, kind: type[Row]) -> st.SearchStrategy[Row]:
    sql_types = dict(connection.execute(f"select column_name, column_type from (describe {kind.table})").fetchall())
    hints = get_type_hints(kind)
    values = {}
    for field in fields(kind):
        sql_type = sql_types[field.name]
        one = BY_TYPE[sql_type.removesuffix("[]")]
        strategy = st.lists(one, max_size=3).map(tuple) if sql_type.endswith("[]") else one
        is_optional = type(None) in getattr(hints[field.name], "__args__", ())
        values[field.name] = st.none() | strategy if is_optional else strategy
    return st.builds(kind, **values)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.table)
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_many_rows_are_added_as_few_are(
    keys_alone: duckdb.DuckDBPyConnection, kind: type[Row], data: st.DataObject
) -> None:
    rows = data.draw(st.lists(any_row(keys_alone, kind), min_size=1, max_size=5))
    rows += data.draw(st.lists(st.sampled_from(rows), max_size=2))
    few, many = add(keys_alone, rows, many=1_000), add(keys_alone, rows, many=1)
    assert many == few
    if kind.key:
        assert few[0][1] == 0


def test_many_rows_of_a_run_read_back_as_they_were_written(study: Path) -> None:
    with transaction(study) as cursor, many_are(1):
        for rows in run_rows():
            assert insert(cursor, rows) == len(rows)
            assert stored(cursor, type(rows[0])) == rows


@pytest.mark.parametrize("many", [1, 1_000])
def test_refused_row_takes_all_with_it_and_leaves_the_study_usable(study: Path, many: int) -> None:
    good, bad = PackRow("a", "one", "1", "", "", 1), PackRow("b", "two", "1", "", "", 0)
    with many_are(many):
        with pytest.raises(duckdb.ConstraintException), transaction(study) as cursor:
            insert(cursor, [good, bad])
        with connect(study) as cursor:
            assert stored(cursor, PackRow) == []
            with pytest.raises(duckdb.ConstraintException):
                insert(cursor, [good, bad])
            assert insert(cursor, [good]) == 1


def test_number_that_no_column_can_hold_is_refused_many_or_few(study_with_run: Path) -> None:
    rows = [PromptRow("x", "r", "gin", "define", 2**70, "Define gin.", 0, 0)]
    for many in (1, 1_000):
        with many_are(many), connect(study_with_run) as cursor, pytest.raises(duckdb.Error):
            insert(cursor, rows)


def test_many_rows_leave_no_view_behind(study: Path) -> None:
    rows = [PackRow(f"hash-{i}", "name", "1", "", "", 1) for i in range(db.inserting.BULK)]
    with transaction(study) as cursor:
        before = cursor.execute("select count(*) from duckdb_views()").fetchone()
        assert insert(cursor, rows) == len(rows)
        assert cursor.execute("select count(*) from duckdb_views()").fetchone() == before


def test_rows_without_a_key_are_all_added_at_once(study: Path) -> None:
    """A null in a unique column is equal to no other null."""
    with transaction(study) as cursor:
        cursor.execute("create table notes (id text primary key, undoes text unique)")

        @dataclass(frozen=True, slots=True)
        class NoteRow(Row):
            table: ClassVar[str] = "notes"
            key: ClassVar[tuple[str, ...]] = ()
            id: str
            undoes: str | None

        rows = [NoteRow("a", None), NoteRow("b", None), NoteRow("c", "a"), NoteRow("d", "a")]
        assert insert(cursor, rows) == 3
        assert insert(cursor, rows) == 0
        assert cursor.execute("select id from notes order by id").fetchall() == [("a",), ("b",), ("c",)]
