"""One rating for many pairs: stored whole or not at all under one id, and taken back as a whole; both are rows."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from app.data.rows import read
from db import connect, insert, query, transaction
from db.rows import BulkRatingRow

BULK_AT_MOST: Final = 1_000
"""Pairs that may be rated at once."""


@dataclass(frozen=True, slots=True)
class Bulk:
    """Pairs that were rated at once; of `n_asked` pairs in the preview `n_rated` were stored, and `n_undone` taken back."""

    bulk_id: str
    reviewer: str
    rating: int
    reason: str | None
    n_asked: int
    rated_at: datetime
    n_rated: int
    n_undone: int


def load_bulks(folder: Path, run_id: str) -> tuple[Bulk, ...]:
    """What was rated at once in a run, latest first."""
    return read(folder, "bulk.list", Bulk, run_id=run_id)


def load_overriders(folder: Path, run_id: str) -> dict[tuple[str, str], str]:
    """Whose override is in force, by concept and sample."""
    with connect(folder) as cursor:
        found = cursor.execute(query("bulk.overriders"), {"run_id": run_id}).fetchall()
    return {(concept, sample_id): reviewer for concept, sample_id, reviewer in found}


def rate_all(
    folder: Path,
    run_id: str,
    *,
    bulk_id: str,
    pairs: Sequence[tuple[str, str]],
    rating: int,
    reviewer: str,
    reason: str | None,
    chosen_by: Mapping[str, Sequence[str]],
    replace_others: bool,
) -> int:
    """Store one rating for all the pairs and return how many are stored under the id, by whichever press; none twice.

    An override that somebody else gave, be it after the preview, stands unless `replace_others`. ValueError for too many.
    """
    if not 0 < len(pairs) <= BULK_AT_MOST:
        raise ValueError(f"1 to {BULK_AT_MOST} pairs are rated at once, got {len(pairs)}")
    said: dict[str, Any] = {
        "bulk_id": bulk_id,
        "run_id": run_id,
        "reviewer": reviewer,
        "rating": rating,
        "reason": reason or None,
        "rated_at": _now(),
    }
    listed = {
        "concepts": [concept for concept, _ in pairs],
        "sample_ids": [sample_id for _, sample_id in pairs],
        "places": list(range(len(pairs))),
    }
    made_from = json.dumps({name: list(values) for name, values in chosen_by.items()})
    when: datetime = said["rated_at"]
    row = BulkRatingRow(bulk_id, run_id, reviewer, rating, reason or None, made_from, len(pairs), when)
    with transaction(folder) as cursor:
        insert(cursor, [row])
        cursor.execute(query("bulk.rate"), said | listed | {"replace": replace_others})
        cursor.execute(query("bulk.add_members"), {"bulk_id": bulk_id})
        ((n_stored,),) = cursor.execute(query("bulk.n_members"), {"bulk_id": bulk_id}).fetchall()
    return int(n_stored)


def undo_all(folder: Path, bulk_id: str, *, reviewer: str) -> int:
    """Take back the ratings of a bulk that still stand; returns how many. Later ratings of the same pairs are left alone."""
    values = {"bulk_id": bulk_id, "reviewer": reviewer, "rated_at": _now()}
    with transaction(folder) as cursor:
        ((n_undone,),) = cursor.execute(query("bulk.undo"), values).fetchall()
    return int(n_undone)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
