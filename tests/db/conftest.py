from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from big_study import build_big_study
from study_rows import run_rows

from db import create_study, insert, transaction
from db.migrate import migrate
from tests.support.planted import copy_study


@pytest.fixture(scope="session")
def schema() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory with the schema alone."""
    connection = duckdb.connect()
    migrate(connection, file=Path("in-memory"))
    yield connection
    connection.close()


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("empty") / "study"
    create_study(folder)
    return folder


@pytest.fixture(scope="session")
def planned(empty: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copy_study(empty, tmp_path_factory.mktemp("planned") / "study")
    with transaction(folder) as cursor:
        for rows in run_rows():
            insert(cursor, rows)
    return folder


@pytest.fixture
def study(empty: Path, tmp_path: Path) -> Path:
    """An empty study."""
    return copy_study(empty, tmp_path / "study")


@pytest.fixture
def study_with_run(planned: Path, tmp_path: Path) -> Path:
    """A study with a run of four pairs and a judge, nothing judged yet."""
    return copy_study(planned, tmp_path / "study")


@pytest.fixture(scope="module")
def big_study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A study of a million pairs; shared by the tests of a module."""
    folder = tmp_path_factory.mktemp("big") / "study"
    build_big_study(folder)
    yield folder
    (folder / "study.duckdb").unlink()
