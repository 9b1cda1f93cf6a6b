"""Which of a run's lenses are those of its settings, where the study holds lenses of several.

A lens is named by what decides it (see `lens_groups`), so settings that no column tells, such as folds, rounds, seed and
groups, are known by the name that they would give on the pairs that are captured now.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import duckdb

from db import query
from engine.config import StudyConfig, change_config
from engine.lens_groups import CapturedPairs, LensGroup, lens_groups


def present_groups(
    cursor: duckdb.DuckDBPyConnection,
    run_id: str,
    config: StudyConfig,
    families: Collection[str],
    *,
    layers: Sequence[int],
    concepts: frozenset[str] | None = None,
) -> Iterator[LensGroup]:
    """The lenses that these settings give on the pairs that are captured now, trained or not; of some concepts, else of all."""
    values = {"run_id": run_id, "phase": config.phase, "mode": config.mode, "layers": list(layers)}
    captured = [
        CapturedPairs(concept, (layer,), n, pairs)
        for concept, layer, n, pairs in cursor.execute(query("stages.pair_sets"), values).fetchall()
    ]
    width = cursor.execute(query("stages.width"), {"run_id": run_id}).fetchone()
    return lens_groups(run_id, config, families, captured, width=width[0] if width else 1, concepts=concepts)


def present_lens_ids(
    cursor: duckdb.DuckDBPyConnection,
    run_id: str,
    config: StudyConfig,
    *,
    families: Collection[str],
    layers: Sequence[int],
) -> frozenset[str]:
    """Ids of the lenses that these settings give on the pairs that are captured now."""
    groups = present_groups(cursor, run_id, config, families, layers=layers)
    return frozenset(lens_id for group in groups for lens_id in group.lens_ids.values())


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


def own_lens_ids_at(
    cursor: duckdb.DuckDBPyConnection, run_id: str, settings: Mapping[str, Any], *, family: str, layer: int
) -> list[str]:
    """The same of one family that reads one layer, by settings as a run stores them.

    Of these, what decides no lens need not be known.
    """
    names = ("phase", "mode", "pool", "folds", "repeats", "seed", "validation", "group_by", "memory_mib")
    own = {name: settings[name] for name in names if settings.get(name) is not None}
    config = change_config(StudyConfig(), own)
    return sorted(present_lens_ids(cursor, run_id, config, families=(family,), layers=(layer,)))
