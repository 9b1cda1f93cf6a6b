"""Synthetic studies, each built once for the whole session."""

import functools
from pathlib import Path

import pytest
from streamlit.components.v2 import manifest_scanner

from db import create_study
from tests.support.planted import copy_study
from tests.support.ready_made import ready_made, ready_made_studies  # noqa: F401, fixtures of all tests here
from tests.support.synthetic_study import build_study

# Each screen under test would read the metadata of every installed package anew, which takes longer than to draw it.
manifest_scanner.scan_component_manifests = functools.cache(manifest_scanner.scan_component_manifests)


@pytest.fixture(autouse=True)
def patient_screens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Screens wait for every answer, so that a busy machine shows what a quiet one does.

    They do so even where a thread that an earlier test left behind is at work, after which others would rest.
    """
    monkeypatch.setattr("app.data.later.WAIT_S", 60.0)
    monkeypatch.setattr("app.data.memory._RESTS", 0.0)
    monkeypatch.setattr("app.data.later.may_begin", lambda **_: True)


@pytest.fixture(scope="session")
def full_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that is only read."""
    return build_study(tmp_path_factory.mktemp("full") / "study")


@pytest.fixture(scope="session")
def small_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_study(tmp_path_factory.mktemp("small") / "study", n_concepts=4, n_pairs=8, n_between=1)


@pytest.fixture
def study(small_study: Path, tmp_path: Path) -> Path:
    """A small study that may be written to."""
    return copy_study(small_study, tmp_path / "study")


@pytest.fixture
def empty_study(tmp_path: Path) -> Path:
    create_study(tmp_path / "empty")
    return tmp_path / "empty"
