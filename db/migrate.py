"""Brings a study's schema up to date: numbered files, each committed together with its record.

A process that is killed in a migration leaves the schema as it was. The check runs at every opening, for a peer of a newer
version may have migrated meanwhile.
"""

import functools
import re
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Final, NamedTuple

import duckdb

from db.errors import StudyUnreadable
from db.queries import query

_FILE_NAME = re.compile(r"(?P<number>\d{3})_(?P<name>\w+)\.sql")


class Migration(NamedTuple):
    """One numbered change of the schema."""

    number: int
    name: str
    sql: str


@functools.cache
def migrations() -> tuple[Migration, ...]:
    """All migrations that this version knows, in their order."""
    folder = resources.files("db") / "migrations"
    named = [(match, file) for file in folder.iterdir() if (match := _FILE_NAME.fullmatch(file.name))]
    found = [Migration(int(match["number"]), match["name"], file.read_text("utf-8")) for match, file in named]
    return tuple(sorted(found))


SCHEMA_VERSION: Final = migrations()[-1].number


def migrate(connection: duckdb.DuckDBPyConnection, *, file: Path) -> int:
    """Run the migrations that the database has not had; returns how many.

    Raises StudyUnreadable when the database is not ours, or its schema is newer than this version.
    """
    # By the records, not by the latest: versions that were built side by side may have left a gap below it.
    had = _applied(connection, file=file)
    version = max(had, default=0)
    if version > SCHEMA_VERSION:
        raise StudyUnreadable(
            f"{file.parent} was written by a newer Lensgap: its schema is version {version}, "
            f"this Lensgap knows versions up to {SCHEMA_VERSION}.",
            hint="Install that version or a later one.",
        )
    pending = [migration for migration in migrations() if migration.number not in had]
    for migration in pending:
        _apply(connection, migration)
    return len(pending)


def _applied(connection: duckdb.DuckDBPyConnection, *, file: Path) -> set[int]:
    """Numbers of the migrations that the database has had; none for an empty database."""
    try:
        # The record is asked at once, for looking first whether there is one would make every opening longer.
        return {number for (number,) in connection.execute(query("schema.numbers")).fetchall()}
    except duckdb.CatalogException:
        if connection.execute(query("schema.tables")).fetchall():
            told = f"{file} is a DuckDB database, but not a Lensgap study."
            raise StudyUnreadable(told, hint="Name the folder of a study.") from None
        return set()


def _apply(connection: duckdb.DuckDBPyConnection, migration: Migration) -> None:
    connection.execute("begin")
    try:
        connection.execute(query("schema.make_record"))
        connection.execute(migration.sql)
        applied_at = datetime.now(UTC).replace(tzinfo=None)
        record = {"number": migration.number, "name": migration.name, "applied_at": applied_at}
        connection.execute(query("schema.record"), record)
        connection.execute("commit")
    except duckdb.Error:
        connection.execute("rollback")
        raise
