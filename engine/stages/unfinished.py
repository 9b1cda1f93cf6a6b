"""What long work has found before it can write a row: parts in a folder of the study, so that a kill loses one part alone.

A part is written whole or not at all, under a name that follows from all that decides it, and is read instead of being worked
out again. They are of no use once the rows are there, and go then.
"""

import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.stages.before_after import hash_of

Arrays = Mapping[str, NDArray[Any]]
FOLDER: Final = "unfinished"


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one work, of which `kind` names the folder and `decided` all that decides what is found."""

    study: Path
    kind: str
    decided: Any

    def part(self, name: str, compute: Callable[[], Arrays]) -> Arrays:
        """The arrays of a part: as found before, else computed and kept."""
        file = self.study / FOLDER / self.kind / f"{hash_of([self.decided, name])}.npz"
        found = _read(file)
        if found is None:
            found = compute()
            _write(file, found)
        return found

    def forget(self) -> None:
        """Drop all parts of this kind of work."""
        shutil.rmtree(self.study / FOLDER / self.kind, ignore_errors=True)


def _read(file: Path) -> Arrays | None:
    """What a file holds; None where there is none, or it cannot be read."""
    try:
        with np.load(file, allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None


def _write(file: Path, arrays: Arrays) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, half = tempfile.mkstemp(dir=file.parent, suffix=".half")
    try:
        with os.fdopen(handle, "wb") as out:
            np.savez(out, allow_pickle=False, **arrays)
        Path(half).replace(file)
    finally:
        Path(half).unlink(missing_ok=True)
