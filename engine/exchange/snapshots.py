"""Freeze the findings of a run as they are now, and give out what was frozen: later ratings and runs change none of it."""

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from db import connect, insert, query, transaction
from db.rows import SnapshotRow
from engine.errors import ConfigError
from engine.exchange.claims import what_stands_beside
from engine.exchange.document.build import build_document
from engine.exchange.report import build_report
from engine.exchange.report_html.page import render_page
from engine.exchange.slides import build_slides, slides_json
from engine.exchange.slides_html.page import render_slides
from engine.exchange.snapshot import snapshot_id
from engine.stats.findings import Settings
from engine.stats.form import FormRule


@dataclass(frozen=True, slots=True)
class Wish:
    """What to freeze: the run and judge (None for those that are shown first) and the assumptions behind the numbers."""

    run_id: str | None = None
    judge_id: str | None = None
    family: str | None = None
    form_rule: FormRule = "loop"
    settings: Settings = field(default_factory=Settings)


def freeze(study: Path, wish: Wish, *, name: str, by: str, now: datetime | None = None) -> str:
    """Keep the findings as they are now, and return the snapshot's id; ConfigError without a name or a person."""
    if not name.strip() or not by.strip():
        raise ConfigError("A snapshot needs a name and the name of the person who freezes it.")
    at = (now or datetime.now(UTC)).replace(tzinfo=None)
    with connect(study) as cursor:
        state = snapshot_id(cursor)
    report = build_report(
        study,
        run_id=wish.run_id,
        judge_id=wish.judge_id,
        family=wish.family,
        form_rule=wish.form_rule,
        settings=wish.settings,
    )
    report |= what_stands_beside(study, report)
    document = build_document(study, report, now=at)
    slides = slides_json(build_slides(document, report, name=name.strip()))
    settings = json.dumps(report["settings"] | {"judge": report["judge"], "form_rule": report["form_rule"]})
    identity = _hash(report["run"], name, by, at.isoformat(), slides)
    page = _packed(render_page(document))
    row = SnapshotRow(identity, report["run"], name.strip(), by.strip(), at, state, settings, slides, page)
    with transaction(study) as cursor:
        insert(cursor, [row])
    return identity


def load_page(study: Path, snapshot: str) -> str:
    """The report of a snapshot as HTML; ConfigError where there is no such snapshot."""
    return unpacked(_one(study, "snapshots.page", snapshot))


def load_slides(study: Path, snapshot: str) -> tuple[list[dict[str, Any]], Mapping[str, str]]:
    """The pages of a snapshot and the latest note to each; ConfigError where there is no such snapshot."""
    slides = json.loads(_one(study, "snapshots.slides", snapshot))
    with connect(study) as cursor:
        notes = dict(cursor.execute(query("snapshots.notes"), {"snapshot_id": snapshot}).fetchall())
    return slides, notes


def render_snapshot(study: Path, snapshot: str) -> str:
    """The pages of a snapshot with their notes, as one HTML file to present."""
    slides, notes = load_slides(study, snapshot)
    one = next(one for one in list_snapshots(study) if one["snapshot_id"] == snapshot)
    frozen = f"Frozen {one['frozen_at'][:10]} {one['frozen_at'][11:16]} UTC by {one['frozen_by']}"
    return render_slides(slides, notes, name=one["name"], frozen=frozen)


def list_snapshots(study: Path) -> list[dict[str, Any]]:
    """The study's snapshots, latest first."""
    with connect(study) as cursor:
        found = cursor.execute(query("snapshots.list"))
        names = [column[0] for column in found.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    return [
        row | {"frozen_at": f"{row['frozen_at']:%Y-%m-%dT%H:%M:%SZ}", "settings": json.loads(row["settings"])}
        for row in rows
    ]


def _one(study: Path, name: str, snapshot: str) -> str:
    with connect(study) as cursor:
        found = cursor.execute(query(name), {"snapshot_id": snapshot}).fetchone()
    if found is None:
        raise ConfigError(f"{study} holds no snapshot {snapshot}.", hint=f"See them: lensgap snapshot list {study}.")
    return str(found[0])


def _hash(*parts: str) -> str:
    return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=6).hexdigest()


def _packed(text: str) -> str:
    return base64.b64encode(zlib.compress(text.encode("utf-8", "replace"), 6)).decode("ascii")


def unpacked(text: str) -> str:
    """The report as HTML from what is kept of it."""
    return zlib.decompress(base64.b64decode(text)).decode("utf-8")
