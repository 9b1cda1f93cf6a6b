from pathlib import Path

import duckdb
import pytest

import db.migrate
from db import connect, create_study
from db.connect import DATABASE
from db.errors import StudyUnreadable
from db.lending import open_database
from db.migrate import SCHEMA_VERSION, Migration, migrate, migrations


def test_migrations_are_numbered_from_one_without_gaps() -> None:
    assert [migration.number for migration in migrations()] == list(range(1, SCHEMA_VERSION + 1))


def test_new_study_has_every_migration_recorded(study: Path) -> None:
    with connect(study) as cursor:
        found = cursor.execute("select number, name from schema_migrations order by number").fetchall()
    assert found == [(migration.number, migration.name) for migration in migrations()]


def test_second_migration_does_nothing(study: Path) -> None:
    with connect(study) as cursor:
        assert migrate(cursor, file=study / DATABASE) == 0


def later(sql: str) -> tuple[Migration, ...]:
    return (*migrations(), Migration(SCHEMA_VERSION + 1, "later", sql))


def test_pending_migration_runs_at_the_next_opening(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = later("create table colours (name text); insert into colours values ('red');")
    monkeypatch.setattr(db.migrate, "migrations", lambda: planned)
    monkeypatch.setattr(db.migrate, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
    with connect(study) as cursor:
        assert cursor.execute("select name from colours").fetchall() == [("red",)]


def test_failed_migration_leaves_schema_and_record_as_they_were(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = later("create table colours (name text); select no_such_function();")
    monkeypatch.setattr(db.migrate, "migrations", lambda: planned)
    monkeypatch.setattr(db.migrate, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
    with pytest.raises(duckdb.CatalogException):
        open_database(study / DATABASE)
    monkeypatch.undo()
    with connect(study) as cursor:
        assert cursor.execute("select count(*) from duckdb_tables() where table_name = 'colours'").fetchone() == (0,)
        assert cursor.execute("select max(number) from schema_migrations").fetchone() == (SCHEMA_VERSION,)


def test_newer_study_is_refused_with_both_versions_named(tmp_path: Path) -> None:
    create_study(tmp_path)
    connection = duckdb.connect(tmp_path / DATABASE)
    connection.execute("insert into schema_migrations values (987, 'future', '2030-01-01')")
    connection.close()
    with pytest.raises(StudyUnreadable, match=rf"newer Lensgap.*987.*{SCHEMA_VERSION}"), connect(tmp_path):
        pass


def test_foreign_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    connection = duckdb.connect(tmp_path / DATABASE)
    connection.execute("create table recipes (name text)")
    connection.close()
    with pytest.raises(StudyUnreadable, match="no Lensgap study"), connect(tmp_path):
        pass
    connection = duckdb.connect(tmp_path / DATABASE)
    assert connection.execute("select table_name from duckdb_tables()").fetchall() == [("recipes",)]
    connection.close()
