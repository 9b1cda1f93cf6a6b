"""Fixtures for all tests: no network, one thread, and small random models of two architectures."""

import gc
import os

# Before anything imports torch or transformers; processes that tests start inherit it.
os.environ |= {
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
}

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.support.command import Command, command_runner
from tests.support.hand_made import HAND_MADE, write_pack
from tests.support.tiny_models import build_tiny_model

if TYPE_CHECKING:
    from engine.subject.load import Subject

# How long one example takes says more about the machine than about the code. Examples are few and the same in every run, so
# that a change is judged by what it changed; LENSGAP_FUZZ=1 draws many new ones.
_FUZZ = os.environ.get("LENSGAP_FUZZ") == "1"
settings.register_profile("lensgap", deadline=None, derandomize=not _FUZZ, max_examples=400 if _FUZZ else 16)
settings.load_profile("lensgap")


def pytest_collection_finish() -> None:
    """Take all that was imported out of the search for garbage, of which every drawing of a screen asks for a whole one."""
    keep_imported()


def keep_imported() -> None:
    """Search for garbage no more in what is there now, as it will be there until the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def llama_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama of three blocks whose tokenizer puts an opening token before a text."""
    return build_tiny_model(tmp_path_factory.mktemp("models") / "llama", style="llama")


@pytest.fixture(scope="session")
def gpt2_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random GPT-2 of three blocks whose tokenizer adds nothing, with learned positions."""
    return build_tiny_model(tmp_path_factory.mktemp("models") / "gpt2", style="gpt2")


@pytest.fixture(scope="session")
def load(tmp_path_factory: pytest.TempPathFactory, llama_folder: Path, gpt2_folder: Path) -> Callable[[str], "Subject"]:
    """Loads a tiny model by its style, once."""
    from engine.subject.load import load_subject

    folders, loaded = {"llama": llama_folder, "gpt2": gpt2_folder}, {}

    def subject(style: str) -> "Subject":
        if style not in folders:
            folders[style] = build_tiny_model(tmp_path_factory.mktemp("models") / style, style=style)  # type: ignore[arg-type]
        if style not in loaded:
            loaded[style] = load_subject(str(folders[style]), device="cpu")
            # Work that runs out of memory asks for a whole search, too, and a model brings half of transformers with it.
            keep_imported()
        return loaded[style]

    return subject


@pytest.fixture(params=["llama", "gpt2", "qwen", "gemma"])
def subject(request: pytest.FixtureRequest, load: Callable[[str], "Subject"]) -> "Subject":
    """Each of the tiny models in turn."""
    return load(request.param)


@pytest.fixture
def hand_made(tmp_path: Path) -> Path:
    """The folder of a small pack whose every fact is known by hand."""
    return write_pack(tmp_path / "pack", HAND_MADE)


@pytest.fixture
def lensgap(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command of the command line in this process."""
    return command_runner(monkeypatch, capsys)
