"""Lens files: one state a lens, under the names that production lens packs use, as safetensors or as a PyTorch state dict.

Weights are stored as float32 over raw activations, logits out. `state_bytes` says what a file may hold, whoever wrote it.
"""

from pathlib import Path

from engine.errors import LensPackError
from engine.lenses.interface import State, StateLens
from engine.lenses.state_bytes import decode_state, encode_state


def save_lens(state: State, path: Path) -> None:
    """Write a state to a `.pt` or `.safetensors` file, whole or not at all."""
    content = encode_state(state, suffix=path.suffix)
    unfinished = path.with_name(path.name + ".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished.write_bytes(content)
    unfinished.replace(path)


def load_lens(path: Path) -> StateLens:
    """Read a lens file; LensPackError says what is wrong with one that is missing, torn or no lens."""
    return StateLens(decode_state(read_plain(path), suffix=path.suffix, where=str(path)))


def read_plain(path: Path) -> bytes:
    """The bytes of a file of a lens pack; LensPackError where it is missing, no plain file or cannot be read."""
    # A link to a device or a pipe has no end.
    if path.exists() and not path.is_file():
        raise LensPackError(f"{path} is no plain file.")
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise LensPackError(f"{path} is missing.") from error
    except (OSError, ValueError) as error:
        raise LensPackError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
