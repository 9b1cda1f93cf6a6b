"""Which run of a study is meant."""

from pathlib import Path

import duckdb

from db import query
from engine.errors import RunMissing, StudyMissing

_IS_DEFAULT = 8
"""Place of that column in rows of `findings.runs`."""


def find_run(cursor: duckdb.DuckDBPyConnection, study: Path, run_id: str | None) -> str:
    """The run that is asked for, by default the newest that has samples; StudyMissing where there is none."""
    if run_id:
        found = cursor.execute(query("stages.run"), {"run_id": run_id}).fetchone()
    else:
        rows = cursor.execute(query("findings.runs")).fetchall()
        found = next((row for row in rows if row[_IS_DEFAULT]), None)
    if found is None and run_id:
        raise RunMissing(f"{study} holds no run {run_id}.", hint=f"See the runs: lensgap status {study}.")
    if found is None:
        raise StudyMissing(f"{study} holds no run yet.", hint="Start one with: lensgap run")
    return str(found[0])
