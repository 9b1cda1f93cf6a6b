"""Shards: whole or not there, found by sample, and every fault of the disk told."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ActivationsError, StudyFull, StudyUnreadable
from engine.subject.shards import read_vectors, write_shard

VECTORS = np.random.default_rng(0).normal(size=(4, 8)).astype(np.float32)


def write(study: Path, vectors: np.ndarray = VECTORS) -> str:
    return write_shard(study, "in_context", {"0.output": vectors}, sample_ids=list("abcd"))


def test_vectors_come_back_by_place_in_any_order(tmp_path: Path) -> None:
    shard = write(tmp_path)
    other = write_shard(tmp_path, "output_only", {"0.output": -VECTORS}, sample_ids=list("abcd"))
    places = [(other, 3), (shard, 0), (shard, 3), (other, 0), (shard, 0)]
    expected = np.stack([-VECTORS[3], VECTORS[0], VECTORS[3], -VECTORS[0], VECTORS[0]])
    assert np.array_equal(read_vectors(tmp_path, "0.output", places), expected)


def test_the_same_work_writes_the_same_file(tmp_path: Path) -> None:
    assert write(tmp_path) == write(tmp_path)
    assert len(list((tmp_path / "activations").iterdir())) == 1


@pytest.mark.parametrize("fault", ["missing", "half", "junk", "no tensor", "no row"])
def test_shard_that_cannot_be_read_is_named(tmp_path: Path, fault: str) -> None:
    shard = write(tmp_path)
    file, tensor, row = tmp_path / shard, "0.output", 0
    if fault == "missing":
        file.unlink()
    elif fault == "half":
        file.write_bytes(file.read_bytes()[:150])
    elif fault == "junk":
        file.write_bytes(b"junk")
    elif fault == "no tensor":
        tensor = "9.output"
    else:
        row = 4
    with pytest.raises(ActivationsError, match=file.name):
        read_vectors(tmp_path, tensor, [(shard, row)])


def test_what_a_killed_process_left_behind_is_removed(tmp_path: Path) -> None:
    shard = write(tmp_path)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = (tmp_path / shard).with_suffix(f".{ended.pid}.partial")
    busy = (tmp_path / shard).with_suffix(f".{os.getppid()}.partial")
    left.write_bytes(b"half")
    busy.write_bytes(b"half")
    write(tmp_path)
    assert not left.exists()
    assert busy.exists()


@pytest.mark.parametrize(
    ("number", "told"),
    [(errno.ENOSPC, StudyFull), (errno.EDQUOT, StudyFull), (errno.EFBIG, StudyFull), (errno.EROFS, StudyUnreadable)],
)
def test_fault_of_the_disk_is_told_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, told: type[Exception]
) -> None:
    def refuse(_descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(told, match=os.strerror(number)):
        write(tmp_path)
    assert list((tmp_path / "activations").iterdir()) == []


def test_study_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "study").write_text("no folder")
    with pytest.raises(StudyUnreadable, match="could not be written"):
        write(tmp_path / "study")


def test_a_shard_of_other_samples_or_of_another_width_is_told(tmp_path: Path) -> None:
    narrow, wide = np.ones((1, 4), np.float32), np.ones((1, 6), np.float32)
    mine = write_shard(tmp_path, "m", {"0.output": narrow}, sample_ids=["a"])
    other = write_shard(tmp_path, "m", {"0.output": wide}, sample_ids=["b"])
    with pytest.raises(ActivationsError, match="different widths"):
        read_vectors(tmp_path, "0.output", [(mine, 0), (other, 0)], sample_ids=["a", "b"])
    (tmp_path / other).replace(tmp_path / mine)
    with pytest.raises(ActivationsError, match="other samples"):
        read_vectors(tmp_path, "0.output", [(mine, 0)], sample_ids=["a"])
