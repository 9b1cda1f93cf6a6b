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


def test_votes_of_a_study_of_schema_2_are_kept(tmp_path: Path) -> None:
    """The tables of votes are made anew; what they held, and what refers to what, outlives that and a reopening."""
    file = tmp_path / "old.duckdb"
    stamp = "timestamp '2026-01-01'"
    with duckdb.connect(str(file)) as old:
        for migration in migrations()[:2]:
            old.execute(migration.sql)
        for statement in (
            "packs values ('pack', 'n', '1', 's', 'm', 1)",
            f"runs values ('run', 'n', {stamp}, '{{}}', 'm', 'f', 'pack', 't', 'h', 0, '{{}}')",
            "prompts values ('s', 'run', 'c', 't', 0, 'p', 0, 1)",
            f"samples values ('s', 'text', 'stop', [1], 1, {stamp})",
            "pairs values ('run', 'c', 's', 'positive', null, 0.5, 0)",
            f"judges values ('j', 'offline', 'm', 'r', 'h', '{{}}', true, {stamp})",
            f"judgments values ('j', 'c', 's', 0, 4, 'so', null, 'x', 1, 2, 0.5, {stamp})",
            f"topics values ('j', 's', 0, 'gin', 0.5, null, 'y', 3, 4, 0.25, {stamp})",
        ):
            old.execute(f"insert into {statement}")
    for _ in range(2):
        with duckdb.connect(str(file)) as study:
            for migration in migrations()[2:]:
                if _ == 0:
                    study.execute(migration.sql)
            assert study.execute("select rating, explanation, cost_usd, n_chars_cut from judgments").fetchall() == [
                (4, "so", 0.5, 0)
            ]
            assert study.execute("select topic, n_input_tokens, topic_match from topics").fetchall() == [
                ("gin", 3, None)
            ]
            assert study.execute("select judge_rating, bin from verdicts('run', 'j')").fetchall() == [(4.0, 4)]
            with pytest.raises(duckdb.ConstraintException):
                study.execute("delete from samples")
