import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

import db.queries
from app.data.held_pairs import MADE
from db import query
from db.migrate import migrate
from db.queries import all_blocks, parse

ROOT = Path(__file__).parents[2]
SOURCES = [file for package in ("app", "engine", "db") for file in sorted((ROOT / package).rglob("*.py"))]


@pytest.fixture(scope="session")
def schema_and_index() -> Iterator[duckdb.DuckDBPyConnection]:
    """The schema of a study, beside that of the pairs that are held in memory."""
    schema = duckdb.connect()
    migrate(schema, file=Path("in-memory"))
    incoming = {"incoming": "index_rows", "incoming_people": "people", "incoming_votes": "votes"}
    for table, rows in ((table, f"samples.{rows}") for table, rows in incoming.items()):
        (statement,) = schema.extract_statements(query(rows))
        schema.execute(
            f"create or replace temp table {table} as {query(rows)}", dict.fromkeys(statement.named_parameters)
        )
    for name in ("samples.keep_index", "samples.keep_people", *MADE):
        schema.execute(query(name))
    # Of people at one time, of the judge at another.
    schema.execute(
        "create or replace table news as select p.*, v.judge_rating, v.judge_spread from news p, incoming_votes v"
    )
    yield schema
    schema.close()


@pytest.mark.parametrize("name", sorted(all_blocks()))
def test_block_compiles_against_the_schema(schema_and_index: duckdb.DuckDBPyConnection, name: str) -> None:
    (statement,) = schema_and_index.extract_statements(query(name))
    values = dict.fromkeys(statement.named_parameters)
    if name in ("samples.keep_filtered", "samples.keep_alike"):
        schema_and_index.execute(query(name), values)
    elif name in ("samples.attach_held", "samples.use_held", "samples.compress_held"):
        # Of these DuckDB tells no plan: they are run in a database of their own.
        with duckdb.connect() as alone:
            alone.execute("attach ':memory:' as held" if name != "samples.attach_held" else "select 1")
            alone.execute(query(name))
    else:
        schema_and_index.execute(f"explain {query(name)}", values)


def test_every_block_is_used_and_every_use_is_known() -> None:
    text = "\n".join(file.read_text("utf-8") for file in SOURCES)
    used = set(re.findall(r'"([a-z_0-9]+\.[a-z_0-9]+)"', text))
    asked = set(re.findall(r'query\(\s*"([^"{]+)"', text))
    assert set(all_blocks()) - used == set(), "blocks that nothing asks for"
    assert asked - set(all_blocks()) == set(), "queries that no file holds"


def test_unknown_block_is_told_with_the_known_ones() -> None:
    with pytest.raises(KeyError, match=r"schema\.nonsense.*schema\.numbers"):
        query("schema.nonsense")


def test_blocks_keep_their_comments_and_lose_nothing() -> None:
    text = "-- about the file\n\n-- name: one\n-- What it does.\nselect $a;\n\n-- name: two\nselect 2 -- name: no\n;\n"
    assert parse(text, file="f") == {"f.one": "-- What it does.\nselect $a;", "f.two": "select 2 -- name: no\n;"}


@pytest.mark.parametrize("text", ["-- name: a\nselect 1;\n-- name: a\nselect 2;", "-- name: a\n-- only words\n"])
def test_doubled_or_empty_blocks_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a"):
        parse(text, file="f")


def test_sql_lives_in_files_alone() -> None:
    statement = re.compile(r'"""?\s*(select\s.+\sfrom\s|insert into\s|update\s\w+\sset\s|delete from\s)', re.I)
    exempt = {ROOT / "db" / "rows.py"}
    offenders = [file.name for file in SOURCES if file not in exempt and statement.search(file.read_text("utf-8"))]
    assert offenders == []


def test_blocks_are_read_once() -> None:
    assert all_blocks() is db.queries.all_blocks()
