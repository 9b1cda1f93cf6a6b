"""Activations on disk: safetensors shards of mean vectors, one tensor `layer.phase` [n, d] each, found by sample, never by order.

A shard is written whole under a temporary name and then renamed; its name is a hash of what it holds, so that work that is done
again after a kill writes the same file.
"""

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.errors import ExpectedError, StudyFull, StudyUnreadable

FloatArray = NDArray[np.float32]


def write_shard(study: Path, key: str, tensors: Mapping[str, FloatArray], *, sample_ids: Sequence[str]) -> str:
    """Write one shard and return its path relative to the study; StudyFull when the disk has no room."""
    from safetensors.numpy import save

    name = hashlib.blake2b(json.dumps([key, list(sample_ids)]).encode(), digest_size=8).hexdigest()
    relative = f"activations/{name}.safetensors"
    target = study / relative
    partial = target.with_suffix(f".{os.getpid()}.partial")
    try:
        target.parent.mkdir(exist_ok=True)
        _remove_left_behind(target)
        with partial.open("wb") as stream:
            stream.write(save(dict(tensors), metadata={"sample_ids": json.dumps(list(sample_ids))}))
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise unwritable(target, error) from error
    return relative


def unwritable(file: Path, error: OSError) -> ExpectedError:
    """The told error for a file of a study that could not be written: no room, or not permitted."""
    said = f"{file} could not be written: {error.strerror or error}."
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return StudyFull(said, hint="Free some space and run the same command again; what is there is kept.")
    return StudyUnreadable(said, hint="Make the folder writable and run the same command again.")


def _remove_left_behind(target: Path) -> None:
    """Remove unfinished writings of this shard whose process has been killed."""
    for left in target.parent.glob(f"{target.stem}.*.partial"):
        if not _is_alive(int(left.suffixes[-2][1:])):
            left.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def read_vectors(study: Path, tensor: str, places: Iterable[tuple[str, int]]) -> FloatArray:
    """The vectors at these (shard, row) places, [n, d], in the order given; StudyUnreadable names a missing shard."""
    from safetensors import SafetensorError, safe_open

    wanted = list(places)
    loaded: dict[str, FloatArray] = {}
    for shard in {shard for shard, _ in wanted}:
        try:
            with safe_open(study / shard, framework="numpy") as file:
                loaded[shard] = file.get_tensor(tensor)
        except (OSError, SafetensorError) as error:
            raise StudyUnreadable(
                f"The activations in {study / shard} cannot be read ({error}).",
                hint="Restore the file, or delete the study's activations and capture again.",
            ) from error
    for shard, row in wanted:
        if row >= len(loaded[shard]):
            raise StudyUnreadable(
                f"{study / shard} holds {len(loaded[shard])} activations, and row {row} is asked for.",
                hint="Restore the file, or delete the study's activations and capture again.",
            )
    return np.stack([loaded[shard][row] for shard, row in wanted])
