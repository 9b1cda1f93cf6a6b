import re
import types
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from study_rows import NOW, rating_row, run_rows

import db.rows
from db import connect, insert, transaction
from db.rows import ConceptRow, PackRow, Row, SampleRow

KINDS = [
    kind for kind in vars(db.rows).values() if isinstance(kind, type) and issubclass(kind, Row) and kind is not Row
]
WITHOUT_ROW_CLASS = {"schema_migrations", "progress"}
SQL_TYPES: dict[Any, set[str]] = {
    str: {"VARCHAR", "JSON"},
    int: {"INTEGER", "BIGINT", "TINYINT"},
    float: {"DOUBLE"},
    bool: {"BOOLEAN"},
    datetime: {"TIMESTAMP"},
    tuple[str, ...]: {"VARCHAR[]"},
    tuple[int, ...]: {"INTEGER[]"},
    tuple[float, ...]: {"DOUBLE[]"},
}


def columns(cursor: duckdb.DuckDBPyConnection, table: str) -> list[tuple[str, str, bool]]:
    found = cursor.execute(
        "select column_name, data_type, is_nullable = 'YES' from information_schema.columns "
        "where table_name = $table and column_name <> 'order_number' order by ordinal_position",
        {"table": table},
    )
    return found.fetchall()


def split_optional(hint: Any) -> tuple[Any, bool]:
    if get_origin(hint) in (Union, types.UnionType):
        (inner,) = [argument for argument in get_args(hint) if argument is not type(None)]
        return inner, True
    return hint, False


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.table)
def test_row_has_the_names_order_types_and_nulls_of_its_table(
    schema: duckdb.DuckDBPyConnection, kind: type[Row]
) -> None:
    hints = get_type_hints(kind)
    in_table = columns(schema, kind.table)
    assert [field.name for field in fields(kind)] == [name for name, _, _ in in_table]
    for name, sql_type, nullable in in_table:
        inner, optional = split_optional(hints[name])
        assert optional == nullable, name
        assert sql_type in SQL_TYPES[str if get_origin(inner) is Literal else inner], name


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.table)
def test_literals_are_the_values_that_the_schema_allows(schema: duckdb.DuckDBPyConnection, kind: type[Row]) -> None:
    hints = {name: split_optional(hint)[0] for name, hint in get_type_hints(kind).items()}
    closed = {name: set(get_args(hint)) for name, hint in hints.items() if get_origin(hint) is Literal}
    checks = schema.execute(
        "select constraint_text from duckdb_constraints() where constraint_type = 'CHECK' and table_name = $table",
        {"table": kind.table},
    ).fetchall()
    for name, values in closed.items():
        (allowed,) = {text for (text,) in checks if re.match(rf'CHECK\(\(*"?{name}"? IN ', text)}
        assert set(allowed.split("'")[1::2]) == values


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.key], ids=lambda kind: kind.table)
def test_key_is_the_primary_key(schema: duckdb.DuckDBPyConnection, kind: type[Row]) -> None:
    keys = schema.execute(
        "select constraint_column_names from duckdb_constraints() "
        "where constraint_type = 'PRIMARY KEY' and table_name = $table",
        {"table": kind.table},
    ).fetchall()
    assert keys == [(list(kind.key),)]


def test_every_table_has_a_row_class(schema: duckdb.DuckDBPyConnection) -> None:
    tables = {name for (name,) in schema.execute("select table_name from duckdb_tables()").fetchall()}
    assert tables - WITHOUT_ROW_CLASS == {kind.table for kind in KINDS}


def test_rows_read_back_as_they_were_written(study: Path) -> None:
    with transaction(study) as cursor:
        for rows in run_rows():
            assert insert(cursor, rows) == len(rows)
    with connect(study) as cursor:
        for rows in run_rows():
            assert stored(cursor, type(rows[0])) == rows


def stored(cursor: duckdb.DuckDBPyConnection, kind: type[Row]) -> list[Row]:
    names = ", ".join(f'"{field.name}"' for field in fields(kind))
    found = cursor.execute(f"select {names} from {kind.table} order by 1").fetchall()
    return [kind(*(tuple(value) if isinstance(value, list) else value for value in row)) for row in found]


def test_rows_that_are_there_are_left_alone_and_not_counted(study: Path) -> None:
    first, second = PackRow("a", "one", "1", "", "", 1), PackRow("b", "two", "1", "", "", 1)
    with transaction(study) as cursor:
        assert insert(cursor, [first]) == 1
        assert insert(cursor, [replace(first, name="other"), second, second]) == 1
        assert stored(cursor, PackRow) == [first, second]
        assert insert(cursor, []) == 0


def test_rows_of_several_classes_are_refused(study: Path) -> None:
    with connect(study) as cursor, pytest.raises(TypeError, match=r"PackRow.*SampleRow"):
        insert(cursor, [PackRow("a", "", "", "", "", 1), SampleRow("s", "", "stop", (), 1, NOW)])


TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=50)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXT)
def test_any_text_survives(study: Path, text: str) -> None:
    with connect(study) as cursor:
        cursor.execute("begin")
        insert(cursor, [PackRow("k", text, "", "", "", 1)])
        insert(cursor, [ConceptRow("k", "c", 0, text, (text, "x"), (), 1, None, None)])
        assert cursor.execute("select name from packs").fetchall() == [(text,)]
        assert cursor.execute("select definition, aliases from concepts").fetchall() == [(text, [text, "x"])]
        assert cursor.execute("select count(*) from packs where name = $text", {"text": text}).fetchall() == [(1,)]
        cursor.execute("rollback")


@pytest.mark.parametrize(
    "text",
    ["before\0after", "\0", "gin 🍸\u200d👩🏽\u200d🚒", "<script>alert(1)</script>", "x" * 100_000, "é\0🍸" * 30_000],
    ids=["nul", "only-nul", "emoji", "script", "100-kB", "400-kB-mixed"],
)
def test_awkward_output_survives(study_with_run: Path, text: str) -> None:
    with transaction(study_with_run) as cursor:
        cursor.execute("delete from pairs")
        cursor.execute("delete from samples where sample_id = 's1'")
    with transaction(study_with_run) as cursor:
        assert insert(cursor, [SampleRow("s1", text, "length", (5,), 3, NOW)]) == 1
    with connect(study_with_run) as cursor:
        found = cursor.execute("select output, length(output) from samples where sample_id = 's1'").fetchone()
    assert found is not None
    assert found[0] == text


def test_lone_surrogates_become_the_replacement_character(study: Path) -> None:
    with transaction(study) as cursor:
        insert(cursor, [PackRow("k", "a\ud83db 🍸", "", "", "", 1)])
        assert cursor.execute("select name from packs").fetchall() == [("a\ufffdb 🍸",)]


def test_a_hundred_thousand_rows_are_added_at_once(study: Path) -> None:
    rows = [PackRow(f"hash-{i}", "name", "1", "", "", 1) for i in range(100_000)]
    with transaction(study) as cursor:
        assert insert(cursor, rows) == 100_000
        assert insert(cursor, rows) == 0


def test_ratings_are_numbered_in_the_order_they_were_added(study_with_run: Path) -> None:
    for i in (3, 1, 2):
        with transaction(study_with_run) as cursor:
            insert(cursor, [rating_row(f"rating-{i}", "s1", i)])
    with connect(study_with_run) as cursor:
        found = cursor.execute("select rating from ratings order by order_number").fetchall()
    assert found == [(3,), (1,), (2,)]
