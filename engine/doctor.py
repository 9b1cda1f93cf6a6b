"""Look at what Lensgap needs on this machine; every line is fine, or says what to do about it."""

import importlib.metadata
import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ModelError, WordNetMissing

LIBRARIES = ("torch", "transformers", "duckdb", "streamlit", "plotly", "scikit-learn", "anthropic", "nltk", "datasets")
ROOMY = 2 * 2**30


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; `needed` ones make `doctor` fail when they are not well."""

    name: str
    is_well: bool
    found: str
    advice: str | None = None
    needed: bool = True


def examine(study_folder: Path) -> Iterator[Check]:
    """All checks, cheap ones first."""
    version = platform.python_version()
    yield Check("Python", True, version)
    for name in LIBRARIES:
        yield _library(name)
    yield _device()
    yield _disk(study_folder)
    yield _bundled_model()
    yield _key()
    yield _wordnet()
    yield _browser()


def _library(name: str) -> Check:
    try:
        return Check(name, True, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Check(name, False, "not installed", "Install the project again: make demo.")


def _device() -> Check:
    import torch

    if torch.cuda.is_available():
        return Check("device", True, torch.cuda.get_device_name())
    return Check("device", True, f"CPU, {os.cpu_count()} cores, {torch.get_num_threads()} threads for torch")


def _disk(folder: Path) -> Check:
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    found = f"{free / 2**30:.1f} GiB free at {place}"
    if not os.access(place, os.W_OK):
        return Check("disk", False, f"{place} cannot be written to", "Choose another folder for the study.")
    return Check("disk", free >= ROOMY, found, None if free >= ROOMY else "Free some space before a long run.")


def _bundled_model() -> Check:
    from engine.subject.load import fingerprint

    try:
        return Check("bundled model", True, f"fingerprint {fingerprint('bundled')}")
    except ModelError as error:
        return Check("bundled model", False, str(error), "Train it: make subject-model.")


def _key() -> Check:
    if os.environ.get("ANTHROPIC_API_KEY"):
        return Check("ANTHROPIC_API_KEY", True, "set", needed=False)
    return Check("ANTHROPIC_API_KEY", False, "not set", "Not needed for the offline judge.", needed=False)


def _wordnet() -> Check:
    from engine.packs.wordnet import load_wordnet

    try:
        load_wordnet()
    except WordNetMissing as error:
        return Check("WordNet", False, str(error), "Needed only to train the bundled model and to run tests.", False)
    return Check("WordNet", True, "found", needed=False)


def _browser() -> Check:
    found = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )
    if found:
        return Check("browser", True, found, needed=False)
    return Check("browser", False, "no chromium", "Needed only to run the browser tests.", needed=False)
