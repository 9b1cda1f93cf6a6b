"""Which of a run's lenses are those of its settings, where the study holds lenses of several.

A lens is named by what decides it (see `lens_groups`), so settings that no column tells, such as folds, rounds, seed and
groups, are known by the name that they would give on the pairs that are captured now.
"""

from collections.abc import Mapping
from typing import Any

import duckdb

from db import query
from engine.config import StudyConfig, change_config
from engine.stages.train import present_lens_ids


def own_lens_ids(cursor: duckdb.DuckDBPyConnection, run_id: str, config: StudyConfig) -> list[str]:
    """Ids that these settings give to lenses of the families and layers that the run has, trained or not."""
    values = {"run_id": run_id, "phase": config.phase, "mode": config.mode, "pool": config.pool}
    trained = cursor.execute(query("lenses.trained"), values).fetchall()
    single = [(families, read[0]) for read, families in trained if len(read) == 1]
    ids: set[str] = set()
    if single:
        families = sorted({family for some, _ in single for family in some})
        alone = change_config(config, {"join_layers": False})
        ids |= present_lens_ids(cursor, run_id, alone, families=families, layers=[layer for _, layer in single])
    for read, families in trained:
        if len(read) > 1:
            together = change_config(config, {"join_layers": True})
            ids |= present_lens_ids(cursor, run_id, together, families=families, layers=read)
    return sorted(ids)


def own_lens_ids_of_stored(cursor: duckdb.DuckDBPyConnection, run_id: str, settings: Mapping[str, Any]) -> list[str]:
    """The same by settings as a run stores them, of which those that decide no lens need not be known."""
    names = ("phase", "mode", "pool", "folds", "repeats", "seed", "validation", "group_by", "memory_mib")
    own = {name: settings[name] for name in names if settings.get(name) is not None}
    return own_lens_ids(cursor, run_id, change_config(StudyConfig(), own))
