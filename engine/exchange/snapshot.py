"""Which state of a study a document speaks of: equal ids as long as nothing is added."""

import hashlib

import duckdb

from db import query


def snapshot_id(cursor: duckdb.DuckDBPyConnection) -> str:
    """Hash of the study's runs, of how many rows each stage and each measuring wrote, of audit plans and the latest rating."""
    parts = [
        cursor.execute(query(name)).fetchall()
        for name in ("datasets.run_ids", "changes.work", "changes.last_rating", "finding_sources.as_of")
    ]
    return hashlib.blake2b(repr(parts).encode(), digest_size=8).hexdigest()
