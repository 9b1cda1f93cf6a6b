"""Frozen snapshots of the study: which there are, their pages, the notes to these, and the files that they make."""

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.data.memory import remembered
from app.data.rows import read
from db import connect, insert, query, transaction
from db.rows import SnapshotNoteRow

Slide = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A frozen state of the findings; `settings` are the assumptions behind its numbers, as JSON."""

    snapshot_id: str
    run_id: str
    run_name: str
    name: str
    frozen_by: str
    frozen_at: datetime
    state: str
    settings: str
    n_slides: int

    @property
    def frozen(self) -> str:
        """When and by whom it was frozen."""
        return f"Frozen {self.frozen_at:%d %b %Y, %H:%M} UTC by {self.frozen_by}"


def load_snapshots(folder: Path) -> tuple[Snapshot, ...]:
    """Snapshots of the study, latest first."""
    return read(folder, "snapshots.list", Snapshot)


def load_slides(folder: Path, snapshot_id: str) -> tuple[Slide, ...]:
    """The pages of a snapshot, none where it is not there. They never change, so they are read once."""

    def pages() -> tuple[Slide, ...]:
        with connect(folder) as cursor:
            found = cursor.execute(query("snapshots.slides"), {"snapshot_id": snapshot_id}).fetchone()
        return tuple(json.loads(found[0])) if found else ()

    return remembered(folder, ("slides", snapshot_id), pages)


def load_notes(folder: Path, snapshot_id: str) -> dict[str, str]:
    """The latest note to each page of a snapshot."""
    with connect(folder) as cursor:
        return dict(cursor.execute(query("snapshots.notes"), {"snapshot_id": snapshot_id}).fetchall())


def add_note(folder: Path, snapshot_id: str, *, slide: str, note: str, seen: str, by: str, note_id: str) -> str:
    """Keep a note to a page and return it; earlier ones stay stored, the latest is shown.

    Where another one than the writer has `seen` is stored by now, both are kept in one.
    """
    at = datetime.now(UTC).replace(tzinfo=None)
    with transaction(folder) as cursor:
        notes = dict(cursor.execute(query("snapshots.notes"), {"snapshot_id": snapshot_id}).fetchall())
        others = notes.get(slide, "")
        if others not in (seen, note, ""):
            note = f"{others}\n\n{by}: {note}" if note.strip() else others
        insert(cursor, [SnapshotNoteRow(note_id, snapshot_id, slide, note, by, at)])
    return note


def report_file(folder: Path, snapshot_id: str) -> bytes:
    """The report of a snapshot as it was frozen, as one HTML file."""
    with connect(folder) as cursor:
        found = cursor.execute(query("snapshots.page"), {"snapshot_id": snapshot_id}).fetchone()
    return zlib.decompress(base64.b64decode(found[0])) if found else b""


def slides_file(folder: Path, snapshot: Snapshot) -> bytes:
    """The pages of a snapshot with their notes, as one HTML file to present."""
    from engine.exchange.slides_html.page import render_slides

    slides, notes = load_slides(folder, snapshot.snapshot_id), load_notes(folder, snapshot.snapshot_id)
    return render_slides(slides, notes, name=snapshot.name, frozen=snapshot.frozen).encode("utf-8", "replace")
