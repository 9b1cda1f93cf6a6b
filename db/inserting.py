"""The one way to add rows: idempotent, whole batches, few or many.

A few rows go as lists, one a column, which spares every process the half second that importing pyarrow takes. Many go as an
arrow table, which DuckDB reads at half the cost. Both give the same rows; the tests hold one against the other.
"""

import contextlib
import types
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

import duckdb

# A process that receives a judge's replies adds no rows.
if TYPE_CHECKING:
    from db.rows import Row

BULK = 10_000
"""Rows from which on an arrow table is worth importing pyarrow for."""

_INCOMING = "incoming_rows"
_SQL_TYPES: dict[Any, str] = {
    str: "varchar",
    int: "bigint",
    float: "double",
    bool: "boolean",
    datetime: "timestamp",
}
_ARROW_TYPES = {
    "varchar": "string",
    "bigint": "int64",
    "double": "double",
    "boolean": "bool",
    "timestamp": "timestamp[us]",
}


def insert(cursor: duckdb.DuckDBPyConnection, rows: "Sequence[Row]") -> int:
    """Add rows of one class; returns how many were not there yet.

    A row may not refer to another row of the same call. Raises duckdb.ConstraintException for a row that the schema
    refuses, TypeError for rows of several classes.
    """
    if not rows:
        return 0
    kind = type(rows[0])
    if any(type(row) is not kind for row in rows):
        raise TypeError(f"rows of several classes cannot be added at once: {sorted({type(r).__name__ for r in rows})}")
    if not kind.key and len(rows) > 1:
        # Where any constraint may clash, DuckDB takes rows of one statement for equal when a unique column is null in both.
        return sum(insert(cursor, [row]) for row in rows)
    columns = {field.name: [getattr(row, field.name) for row in rows] for field in fields(kind)}
    table = _arrow_table(kind, columns) if len(rows) >= BULK else None
    return _insert_lists(cursor, kind, columns) if table is None else _insert_table(cursor, kind, table)


def _insert_lists(cursor: duckdb.DuckDBPyConnection, kind: "type[Row]", columns: dict[str, list[Any]]) -> int:
    hints = get_type_hints(kind)
    source = "select " + ", ".join(f"unnest(${name}::{_sql_type(hints[name])}[])" for name in columns)
    statement = _statement(kind, source)
    try:
        counted = cursor.execute(statement, columns).fetchone()
    except duckdb.InvalidInputException as error:
        if "surrogate" not in str(error):
            raise
        readable = {name: _without_surrogates(values) for name, values in columns.items()}
        counted = cursor.execute(statement, readable).fetchone()
    return int(counted[0]) if counted else 0


def _arrow_table(kind: "type[Row]", columns: dict[str, list[Any]]) -> Any | None:
    """The rows as an arrow table; None where arrow refuses a value, so that lists replace it or say what is wrong."""
    import pyarrow as pa

    hints = get_type_hints(kind)
    try:
        return pa.table({name: pa.array(values, _arrow_type(hints[name])) for name, values in columns.items()})
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        return None


def _insert_table(cursor: duckdb.DuckDBPyConnection, kind: "type[Row]", table: Any) -> int:
    # Unlike execute, register does not put an end to a result that nobody has read through.
    cursor.complete()
    cursor.register(_INCOMING, table)
    try:
        counted = cursor.execute(_statement(kind, f"from {_INCOMING}")).fetchone()
    finally:
        # A transaction that failed lets go of the table when it is rolled back, and of nothing before.
        with contextlib.suppress(duckdb.TransactionException):
            cursor.unregister(_INCOMING)
    return int(counted[0]) if counted else 0


def _statement(kind: "type[Row]", source: str) -> str:
    """The INSERT of a class; table and columns are constants of it, never a user's."""
    columns = ", ".join(f'"{field.name}"' for field in fields(kind))
    clash = f"({', '.join(kind.key)})" if kind.key else ""
    return f"insert into {kind.table} ({columns}) {source} on conflict {clash} do nothing"


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return [_without_surrogates(item) for item in value] if isinstance(value, tuple | list) else value


def _arrow_type(hint: Any) -> Any:
    import pyarrow as pa

    sql_type = _sql_type(hint)
    item = pa.type_for_alias(_ARROW_TYPES[sql_type.removesuffix("[]")])
    return pa.list_(item) if sql_type.endswith("[]") else item


def _sql_type(hint: Any) -> str:
    """The SQL type of a field's type: `X | None` is X, a Literal is text, tuple[X, ...] is a list of X."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _sql_type(next(argument for argument in arguments if argument is not type(None)))
    if origin is tuple:
        return f"{_sql_type(arguments[0])}[]"
    if origin is Literal:
        return "varchar"
    return _SQL_TYPES[hint]
