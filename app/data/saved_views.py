"""Lists of samples that people keep under a name: which parameters the address has, and who kept them."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from app.data.memory import unchanged
from app.data.rows import read
from db import insert, transaction
from db.rows import SavedViewRemovalRow, SavedViewRow


@dataclass(frozen=True, slots=True)
class SavedView:
    """A list with a name; `choices` is JSON, values by parameter of the address."""

    view_id: str
    name: str
    choices: str
    reviewer: str
    saved_at: datetime

    def parameters(self, known: Sequence[str]) -> dict[str, list[str]]:
        """The choices that are of known parameters, for what is stored may come from another version or somebody else."""
        try:
            stored = json.loads(self.choices)
        except (ValueError, RecursionError):
            return {}
        if not isinstance(stored, dict):
            return {}
        return {name: list(map(str, stored[name])) for name in known if isinstance(stored.get(name), list)}


def load_saved_views(folder: Path, run_id: str) -> tuple[SavedView, ...]:
    """The lists that are kept for a run, by name."""
    return unchanged(
        folder, ("saved views", run_id), lambda: read(folder, "saved_views.list", SavedView, run_id=run_id)
    )


def save_view(folder: Path, run_id: str, *, name: str, choices: Mapping[str, Sequence[str]], reviewer: str) -> None:
    """Keep a list under a name."""
    row = SavedViewRow(
        view_id=uuid.uuid4().hex,
        run_id=run_id,
        name=name,
        choices=json.dumps({parameter: list(values) for parameter, values in choices.items()}),
        reviewer=reviewer,
        saved_at=_now(),
    )
    with transaction(folder) as cursor:
        insert(cursor, [row])


def remove_view(folder: Path, view_id: str, *, reviewer: str) -> None:
    """Take a list away; once is enough."""
    with transaction(folder) as cursor:
        insert(cursor, [SavedViewRemovalRow(view_id, reviewer, _now())])


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
