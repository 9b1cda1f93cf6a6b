"""A folder that appears with all its content or not at all."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import ExpectedError, LensPackError, StudyFull


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Lend a scratch folder beside the one asked for, and rename it to that when the block ends well.

    LensPackError when the folder holds something already or cannot be written, StudyFull when the disk has no room; then
    nothing is left of it.
    """
    scratch: Path | None = None
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise LensPackError(f"{folder} exists already.", hint="Name a new folder: nothing is ever overwritten.")
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
        yield scratch
        scratch.chmod(0o755)
        if folder.exists():
            folder.rmdir()
        os.rename(scratch, folder)
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)


def _unwritable(folder: Path, error: OSError) -> ExpectedError:
    said = f"{folder} cannot be written: {error.strerror or error}."
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return StudyFull(said, hint="Free some space and run it again.")
    return LensPackError(said)
