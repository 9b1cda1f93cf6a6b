"""Activations on disk: safetensors shards, found by sample, never by order.

A shard holds tensors [n, d]: `layer.phase` of means and `layer.phase-last` of last tokens. Half precision is enough for what was
accumulated in single; a tensor with values that half precision cannot hold stays in single.

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
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from engine.errors import ActivationsError, ExpectedError, StudyFull, StudyUnreadable

FloatArray = NDArray[np.float32]
ShardDtype = Literal["float16", "float32"]
_DTYPES = ("F16", "F32", "F64")
AGAIN = "Capture the missing activations again: lensgap capture."


def write_shard(
    study: Path,
    key: str,
    tensors: Mapping[str, FloatArray],
    *,
    sample_ids: Sequence[str],
    dtype: ShardDtype = "float32",
) -> str:
    """Write one shard and return its path relative to the study; StudyFull when the disk has no room."""
    from safetensors.numpy import save

    name = hashlib.blake2b(json.dumps([key, dtype, list(sample_ids)]).encode(), digest_size=8).hexdigest()
    stored = {name: _narrow(values, dtype) for name, values in tensors.items()}
    metadata = {"sample_ids": json.dumps(list(sample_ids)), "digest": digest(stored)}
    relative = f"activations/{name}.safetensors"
    target = study / relative
    partial = target.with_suffix(f".{os.getpid()}.partial")
    try:
        target.parent.mkdir(exist_ok=True)
        _remove_left_behind(target)
        with partial.open("wb") as stream:
            stream.write(save(stored, metadata=metadata))
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise unwritable(target, error) from error
    return relative


def _narrow(values: FloatArray, dtype: ShardDtype) -> NDArray[Any]:
    """The values in the precision asked for; single where half would overflow."""
    overflows = dtype == "float16" and bool(np.abs(values).max(initial=0) > np.finfo(np.float16).max)
    return np.ascontiguousarray(values, dtype=np.float32 if overflows else dtype)


def digest(tensors: Mapping[str, NDArray[Any]]) -> str:
    """Hash of all that a shard holds, by which damage inside a file is found."""
    found = hashlib.blake2b(digest_size=16)
    for name in sorted(tensors):
        found.update(f"{name} {tensors[name].dtype} {tensors[name].shape}".encode())
        found.update(np.ascontiguousarray(tensors[name]).tobytes())
    return found.hexdigest()


def find_fault(study: Path, shard: str) -> str | None:
    """What is wrong with a shard, in a few words; None when it is as it was written."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(study / shard, framework="numpy") as file:
            expected = (file.metadata() or {}).get("digest")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 -- no mapping
    except FileNotFoundError:
        return "it is missing"
    except (OSError, SafetensorError) as error:
        return f"it cannot be read: {error}"
    return None if expected in (None, digest(tensors)) else "its content has changed since it was written"


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


def tensor_names(study: Path, shard: str) -> frozenset[str] | None:
    """Names of the tensors that a shard holds, by its header; None where that cannot be read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(study / shard, framework="numpy") as opened:
            return frozenset(opened.keys())
    except (OSError, SafetensorError):
        return None


def read_vectors(
    study: Path,
    tensor: str,
    places: Iterable[tuple[str, int]],
    *,
    sample_ids: Sequence[str] | None = None,
    width: int | None = None,
) -> FloatArray:
    """The vectors at these (shard, row) places, [n, d], in the order given; ActivationsError names the shard at fault.

    Shards are mapped, not loaded: only the rows asked for are read. With `sample_ids` a shard that was written for other
    samples is refused, say one that was renamed; with `width`, the run's model's, activations of another model.
    """
    wanted = list(places)
    rows_of: dict[str, list[int]] = {}
    for position, (shard, _) in enumerate(wanted):
        rows_of.setdefault(shard, []).append(position)
    found, widths = np.zeros((len(wanted), 0), np.float32), set[int]()
    for shard, positions in rows_of.items():
        belong = None if sample_ids is None else {sample_ids[position] for position in positions}
        rows = _read_rows(study / shard, tensor, [wanted[position][1] for position in positions], belong)
        if not widths:
            found = np.empty((len(wanted), rows.shape[1]), np.float32)
        widths.add(rows.shape[1])
        if len(widths) == 1:
            found[positions] = rows
    if len(widths) > 1:
        raise ActivationsError(f"The shards in {study} hold activations of {len(widths)} different widths.", hint=AGAIN)
    if width and widths - {width}:
        said = f"hold activations of width {min(widths)}, and the model of this run has {width}"
        raise ActivationsError(f"The shards in {study} {said}.", hint=AGAIN)
    return found


def _sample_ids(metadata: Mapping[str, str]) -> frozenset[str]:
    """The samples that a shard says it was written for; none where it does not say."""
    try:
        found = json.loads(metadata.get("sample_ids", "[]"))
    except (ValueError, RecursionError):
        return frozenset()
    return frozenset(one for one in found if isinstance(one, str)) if isinstance(found, list) else frozenset()


def _read_rows(file: Path, tensor: str, rows: Sequence[int], belong: set[str] | None) -> FloatArray:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="numpy") as opened:
            if belong and not belong <= _sample_ids(opened.metadata() or {}):
                raise ActivationsError(f"{file} holds activations of other samples than were stored there.", hint=AGAIN)
            part = opened.get_slice(tensor)
            n, *width = part.get_shape()
            if len(width) != 1 or part.get_dtype() not in _DTYPES:
                said = f"{tensor} of shape {[n, *width]} and type {part.get_dtype()}, which are no activations of ours"
                raise ActivationsError(f"{file} holds {said}.", hint=AGAIN)
            if max(rows) >= n:
                raise ActivationsError(f"{file} holds {n} activations, and row {max(rows)} is asked for.", hint=AGAIN)
            values = np.empty((len(rows), *width), np.float32)
            for own, row in zip(values, rows, strict=True):
                own[:] = part[row : row + 1][0]
            return values
    except (OSError, SafetensorError) as error:
        raise ActivationsError(f"The activations in {file} cannot be read ({error}).", hint=AGAIN) from error
