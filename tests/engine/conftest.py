"""Studies that several files of tests begin with, each test that changes one on a copy; and the server that judges ask."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hostile_study import build_hostile_study
from tests.support.lensed_study import build_lensed_study
from tests.support.messages_server import MessagesServer, messages_server
from tests.support.ready_made import ready_made, ready_made_studies  # noqa: F401, fixtures of all tests here


@pytest.fixture(scope="session")
def hostile_study(tmp_path_factory: pytest.TempPathFactory, llama_folder: Path) -> Path:
    """A real study of concepts with hostile names; not to be changed."""
    return build_hostile_study(tmp_path_factory.mktemp("hostile"), llama_folder)


@pytest.fixture(scope="session")
def lensed_study(tmp_path_factory: pytest.TempPathFactory, llama_folder: Path) -> Path:
    """A small real study with trained lenses; not to be changed."""
    return build_lensed_study(tmp_path_factory.mktemp("lensed"), llama_folder)


@pytest.fixture(scope="session")
def server_process() -> Iterator[MessagesServer]:
    """A server of the Messages API, started once; whoever asks it gives it settings first."""
    with messages_server() as server:
        yield server
