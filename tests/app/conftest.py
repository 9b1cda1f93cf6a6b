"""Synthetic studies, each built once for the whole session."""

from pathlib import Path

import pytest

from db import create_study
from tests.support.synthetic_study import build_study


@pytest.fixture(scope="session")
def full_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that is only read."""
    return build_study(tmp_path_factory.mktemp("full") / "study")


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A small study that may be written to."""
    return build_study(tmp_path / "study", n_concepts=4, n_pairs=8, n_between=1)


@pytest.fixture
def empty_study(tmp_path: Path) -> Path:
    create_study(tmp_path / "empty")
    return tmp_path / "empty"
