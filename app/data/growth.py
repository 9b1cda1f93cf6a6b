"""How a concept's lens grew with its pairs: the steps of its escalation. And whose lenses point where its own does.

A linear lens is a direction in the model's activations; two concepts whose directions are alike are told apart the hardest.
The files are small and read as plain arrays, so that no model library is needed; those of a setting are read once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.data.concepts import Lens
from app.data.memory import remembered
from app.data.rows import read

MOST_LENSES: Final = 2000
"""Files that are read for one screen at most."""
_DIRECTION: Final = "linear.weight"

Directions = dict[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Step:
    """What was decided about a concept after training on so many pairs."""

    step: int
    n_pairs: int
    target: float
    ceiling: float | None
    decision: str
    why: str
    decided_at: datetime
    f1: float | None
    f1_low: float | None
    f1_high: float | None
    layers: str | None


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A concept whose lens points `cosine` along the lens that is compared."""

    concept: str
    cosine: float


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The concepts with the nearest directions among `n_compared` others, or why there are none."""

    nearest: tuple[Neighbour, ...]
    n_compared: int
    reason: str | None = None


def load_steps(folder: Path, run_id: str, concept: str) -> tuple[Step, ...]:
    """The steps of a concept by the rule that was last applied to it."""
    return read(folder, "concepts.steps", Step, run_id=run_id, concept=concept)


def load_neighbours(folder: Path, run_id: str, concept: str, lenses: Sequence[Lens], *, n: int) -> Neighbours:
    """The concepts nearest to one by the directions of these lenses, which are of one setting."""
    if len(lenses) > MOST_LENSES:
        return Neighbours((), 0, f"there are more than {MOST_LENSES:,} lenses to compare")
    key = ("directions", run_id, tuple(lens.lens_id for lens in lenses))
    return nearest(concept, remembered(folder, key, lambda: _read(folder, run_id, lenses), of=("lenses",)), n=n)


def nearest(concept: str, directions: Directions, *, n: int) -> Neighbours:
    """The n directions with the largest cosine to the concept's, and all that could be compared."""
    own = directions.get(concept)
    if own is None:
        return Neighbours((), 0, "this concept has no stored lens that is a direction")
    others = {name: found for name, found in directions.items() if name != concept and found.shape == own.shape}
    if not others:
        return Neighbours((), 0, "no other concept has such a lens")
    cosines = np.stack(list(others.values())) @ own
    ranked = sorted(zip(others, cosines.tolist(), strict=True), key=lambda one: (-one[1], one[0]))
    return Neighbours(tuple(Neighbour(name, cosine) for name, cosine in ranked[:n]), len(others))


def _read(folder: Path, run_id: str, lenses: Sequence[Lens]) -> Directions:
    """Unit directions by concept, of the lenses whose files are there and hold one."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    found: Directions = {}
    for lens in lenses:
        file = folder / "lenses" / run_id / f"layer{'+'.join(map(str, lens.layers))}" / f"{lens.lens_id}.safetensors"
        try:
            weight = load_file(file).get(_DIRECTION)
        except (OSError, SafetensorError):
            continue  # imported runs have no lenses, and a file may have been cleared away
        length = float(np.linalg.norm(weight)) if weight is not None else 0.0
        if weight is not None and np.isfinite(length) and length > 0:
            found[lens.concept] = np.asarray(weight, dtype=np.float32).ravel() / np.float32(length)
    return found
