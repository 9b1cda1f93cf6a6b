from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from big_study import build_big_study
from study_rows import run_rows

from db import create_study, insert, transaction
from db.migrate import migrate


@pytest.fixture(scope="session")
def schema() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory with the schema alone."""
    connection = duckdb.connect()
    migrate(connection, file=Path("in-memory"))
    yield connection
    connection.close()


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """An empty study."""
    folder = tmp_path / "study"
    create_study(folder)
    return folder


@pytest.fixture
def study_with_run(study: Path) -> Path:
    """A study with a run of four pairs and a judge, nothing judged yet."""
    with transaction(study) as cursor:
        for rows in run_rows():
            insert(cursor, rows)
    return study


@pytest.fixture(scope="module")
def big_study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A study of a million pairs; shared by the tests of a module."""
    folder = tmp_path_factory.mktemp("big") / "study"
    build_big_study(folder)
    yield folder
    (folder / "study.duckdb").unlink()
