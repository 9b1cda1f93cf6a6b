"""What others reported of the lens of a concept, in runs that were imported."""

from dataclasses import dataclass
from pathlib import Path

from app.data.memory import remembered_each
from app.data.rows import read


@dataclass(frozen=True, slots=True)
class Reported:
    """A value by the name that its column had."""

    name: str
    value: float


def load_reported(folder: Path, run_id: str, concept: str) -> tuple[Reported, ...]:
    """The values of the concept's lens; none for a run of our own."""

    def reported() -> tuple[Reported, ...]:
        return read(folder, "artifacts.reported_of", Reported, run_id=run_id, concept=concept)

    return remembered_each(folder, "reported", (run_id, concept), reported, of=("runs", "lenses"))
