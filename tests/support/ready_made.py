"""Empty studies as copies of one that was migrated once, for migrating takes longer than most tests that begin with one.

Tests of the database itself do without: there each study is made as everywhere else.
"""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from db import create_study


@pytest.fixture(scope="session")
def ready_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of an empty study."""
    create_study(folder := tmp_path_factory.mktemp("ready_made"))
    return folder / "study.duckdb"


@pytest.fixture(scope="module", autouse=True)
def ready_made_studies(ready_made: Path) -> Iterator[None]:
    """Lets this process copy an empty study wherever it would make one, until the tests of another file come."""
    # The package offers a function of the module's name.
    connect = sys.modules["db.connect"]
    make = connect._make_database

    def copy(file: Path) -> None:
        draft = file.with_name(f".{file.name}.{uuid4().hex}")
        try:
            shutil.copyfile(ready_made, draft)
            connect._put_in_place(draft, file)
        except OSError:
            make(file)  # says what is wrong with the place
        finally:
            draft.unlink(missing_ok=True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connect, "_make_database", copy)
        yield
