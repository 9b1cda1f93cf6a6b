"""Parts of unfinished work: each is found once, whole or not at all, and only for what decided it."""

from pathlib import Path

import numpy as np
import pytest

from engine.stages import unfinished
from engine.stages.unfinished import FOLDER, Arrays, Parts


class Work:
    """Counts how often it is done."""

    def __init__(self) -> None:
        self.n = 0

    def __call__(self) -> Arrays:
        self.n += 1
        return {"fires": np.array([True, False]), "reason": np.array("of one kind")}


def test_a_part_is_worked_out_once_and_read_from_then_on(tmp_path: Path) -> None:
    work = Work()
    for _ in range(2):
        found = Parts(tmp_path, "curve", ["a"]).part("first", work)
        assert found["fires"].tolist() == [True, False]
        assert str(found["reason"]) == "of one kind"
    assert work.n == 1
    Parts(tmp_path, "curve", ["b"]).part("first", work)
    Parts(tmp_path, "curve", ["a"]).part("second", work)
    assert work.n == 3


def test_a_damaged_part_is_worked_out_anew_and_forgotten_ones_are_gone(tmp_path: Path) -> None:
    work, parts = Work(), Parts(tmp_path, "curve", "a")
    parts.part("first", work)
    (file,) = (tmp_path / FOLDER / "curve").iterdir()
    whole = file.read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], whole[:-200] + bytes(200)):
        file.write_bytes(damaged)
        parts.part("first", work)
    assert work.n == 4
    assert file.read_bytes() == whole
    parts.forget()
    assert not (tmp_path / FOLDER / "curve").exists()


def test_a_part_that_cannot_be_written_whole_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(unfinished.np, "savez", full)
    with pytest.raises(OSError, match="no space"):
        Parts(tmp_path, "curve", "a").part("first", Work())
    assert not list((tmp_path / FOLDER / "curve").iterdir())
