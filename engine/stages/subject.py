"""What a run's subject model turned out to be: written down when it is first loaded, so that later stages need not load it."""

from dataclasses import dataclass
from pathlib import Path

from db import connect, query
from db.rows import SubjectRow
from engine.stages.progress import now
from engine.stages.stage import write_rows
from engine.subject.load import Subject


@dataclass(frozen=True, slots=True)
class StoredSubject:
    """The facts of a loaded model; `chat` says whether it is asked through its chat template."""

    chat: bool
    dtype: str
    device: str
    n_layers: int
    width: int
    context: int


def remember_subject(study: Path, run_id: str, subject: Subject) -> None:
    """Write down what the model is; the first time stands."""
    weight = next(iter(subject.model.parameters()))
    row = SubjectRow(
        run_id=run_id,
        chat=subject.chat,
        dtype=str(weight.dtype).removeprefix("torch."),
        device=str(subject.device),
        n_layers=subject.n_layers,
        width=subject.width,
        context=min(subject.context, 2**31),
        loaded_at=now(),
    )
    write_rows(study, [row])


def stored_subject(study: Path, run_id: str) -> StoredSubject | None:
    """What is written down of the run's model; None before it was loaded."""
    with connect(study) as cursor:
        row = cursor.execute(query("stages.subject"), {"run_id": run_id}).fetchone()
    return StoredSubject(*row) if row else None
