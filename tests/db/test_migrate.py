from pathlib import Path

import duckdb
import pytest

import db.migrate
from db import connect, create_study
from db.connect import DATABASE
from db.errors import StudyUnreadable
from db.migrate import SCHEMA_VERSION, Migration, migrate, migrations
from db.opening import open_database


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


def test_migration_below_the_latest_runs_where_the_database_has_not_had_it(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gap = Migration(SCHEMA_VERSION + 1, "late", "create table colours (name text)")
    after = Migration(SCHEMA_VERSION + 2, "early", "create table shapes (name text)")
    monkeypatch.setattr(db.migrate, "SCHEMA_VERSION", SCHEMA_VERSION + 2)
    monkeypatch.setattr(db.migrate, "migrations", lambda: (*migrations(), after))
    with connect(study) as cursor:
        assert migrate(cursor, file=study / DATABASE) in (0, 1)
        monkeypatch.setattr(db.migrate, "migrations", lambda: (*migrations(), gap, after))
        assert migrate(cursor, file=study / DATABASE) == 1
        assert cursor.execute("select name from colours").fetchall() == []
        assert migrate(cursor, file=study / DATABASE) == 0


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
    with pytest.raises(StudyUnreadable, match="not a Lensgap study"), connect(tmp_path):
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


def test_lenses_of_a_study_of_schema_4_keep_their_measures_and_scores(tmp_path: Path) -> None:
    """Lenses are one row a measure from schema 5 on; the values, reasons and scores of before are the same there."""
    file = tmp_path / "old.duckdb"
    stamp = "timestamp '2026-01-01'"
    measures = (0.81, 0.7, 0.9, 0.75, 0.88, 0.91, 0.92, 0.6, 0.5, 0.55, 0.45)
    shared = "'prompt', 'in_context', 10, 12, 1, 9"
    with duckdb.connect(str(file)) as old:
        for migration in migrations()[:4]:
            old.execute(migration.sql)
        for statement in (
            "packs values ('pack', 'n', '1', 's', 'm', 1, null, null)",
            f"runs values ('run', 'n', {stamp}, '{{}}', 'm', 'f', 'pack', 't', 'h', 0, '{{}}')",
            "prompts values ('s', 'run', 'c', 't', 0, 'p', 0, 1)",
            f"samples values ('s', 'text', 'stop', [1], 1, {stamp})",
            f"lenses values ('whole', 'run', 'gin', 'mlp', 3, {shared}, {str(measures)[1:-1]}, null, {stamp}, 'last')",
            f"lenses values ('none', 'run', 'gin', 'mlp', 4, {shared}, {'null, ' * 11} 'too few pairs', {stamp}, null)",
            "lens_scores values ('whole', 's', 2, 0.75, true)",
        ):
            old.execute(f"insert into {statement}")
        columns = [row[0] for row in old.execute("describe lenses").fetchall()]
        for migration in migrations()[4:]:
            old.execute(migration.sql)
    with duckdb.connect(str(file)) as study:
        named = columns[columns.index("f1") : columns.index("length_only_f1") + 1]
        found = study.execute(
            f"select {', '.join(named)}, reason, layer, pool from lens_results order by layer"
        ).fetchall()
        assert found == [(*measures, None, 3, "last"), (*[None] * 11, "too few pairs", 4, "mean")]
        counts = "select distinct n_positive, n_negative, n_excluded, n_groups, trained_at::text from lenses"
        assert study.execute(counts).fetchall() == [(10, 12, 1, 9, "2026-01-01 00:00:00")]
        assert study.execute("select * from lens_scores").fetchall() == [("whole", "s", 0, 2, 0.75, True)]
        each = "select measure, value, low, high, n, reason from lens_measures where lens_id = $lens order by measure"
        rows = study.execute(each, {"lens": "whole"}).fetchall()
        expected = dict(zip(named, measures, strict=True))
        low, high = expected.pop("f1_low"), expected.pop("f1_high")
        assert {row[0]: row[1] for row in rows} == expected
        assert {row[2:] for row in rows if row[0] == "f1"} == {(low, high, 22, None)}
        assert {row[2:] for row in rows if row[0] != "f1"} == {(None, None, 22, None)}
        assert {row[5] for row in study.execute(each, {"lens": "none"}).fetchall()} == {"too few pairs"}
        with pytest.raises(duckdb.ConstraintException):
            study.execute("delete from lenses")
