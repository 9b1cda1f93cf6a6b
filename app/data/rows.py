"""Rows of a named query as frozen dataclasses, matched by column name."""

from pathlib import Path
from typing import Any, TypeVar

import duckdb

from app.data.memory import unhurried
from db import connect, query

T = TypeVar("T")


def records(cursor: duckdb.DuckDBPyConnection, name: str, **parameters: Any) -> list[dict[str, Any]]:
    """All rows of the query, each by its columns' names."""
    cursor.execute(query(name), parameters)
    columns = [column[0] for column in cursor.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


def fetch(cursor: duckdb.DuckDBPyConnection, name: str, kind: type[T], **parameters: Any) -> tuple[T, ...]:
    """All rows of the query as instances of `kind`, whose fields are the query's columns."""
    return tuple(kind(**record) for record in records(cursor, name, **parameters))


def read(folder: Path, name: str, kind: type[T], **parameters: Any) -> tuple[T, ...]:
    """As `fetch`, on a cursor of its own, and again after a while where memory runs short."""

    def rows() -> tuple[T, ...]:
        with connect(folder) as cursor:
            return fetch(cursor, name, kind, **parameters)

    return unhurried(rows)
