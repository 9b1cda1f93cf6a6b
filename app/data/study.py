"""The study as a whole: its runs, judges and concepts, the counts behind every finding, and how far its stages are."""

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import duckdb

from app.data.memory import load_last_rating, remembered, unchanged
from app.data.rated import asker, rows_in_memory
from app.data.rows import read
from db import connect, query
from engine.config import StudyConfig
from engine.stats.findings import ConceptCounts, Settings, count_concepts, find
from engine.stats.learning_curve import LearningCurve, read_curves
from engine.stats.quadrants import Bands

_AT_ONCE: Final = 1_000
"""Of more concepts it takes seconds to work out what is said of each."""
_BANDS = ("senses_low", "senses_high", "siblings_low", "siblings_high")


@dataclass(frozen=True, slots=True)
class Run:
    """A run of the study; `config` is JSON. The default one is shown unless another is asked for."""

    run_id: str
    name: str
    created_at: datetime
    model: str
    config: str
    n_pairs: int
    n_prompts: int
    n_samples: int
    is_default: bool

    @property
    def bands(self) -> Bands:
        """What counts as low and high, as the run was set; the defaults where it does not say."""
        settings = json.loads(self.config)
        default = StudyConfig()
        low, high, few, many = (int(settings.get(name, getattr(default, name))) for name in _BANDS)
        return Bands(low, high, few, many)

    @property
    def sibling_count(self) -> str:
        """How the run counts siblings."""
        return str(json.loads(self.config).get("siblings", StudyConfig().siblings))

    @property
    def lenses(self) -> tuple[str, ...]:
        """The families of lenses that the run was set to train, first things first."""
        return tuple(json.loads(self.config).get("lenses", StudyConfig().lenses))

    @property
    def mode(self) -> str:
        """How the run's own lenses tell pairs apart."""
        return str(json.loads(self.config).get("mode", StudyConfig().mode))

    @property
    def pack_layer(self) -> int | None:
        """The only pack layer that the run chose concepts from; None for all."""
        layer = json.loads(self.config).get("pack_layer")
        return None if layer is None else int(layer)


@dataclass(frozen=True, slots=True)
class Judge:
    """A judge that was asked about pairs of the run, and rated `n_rated` of them; `parameters` are JSON."""

    judge_id: str
    backend: str
    model: str
    rubric: str
    is_baseline: bool
    n_votes: int
    cost_usd: float
    n_rated: int = 0
    rubric_hash: str = ""
    parameters: str = "{}"


@dataclass(frozen=True, slots=True)
class Profile:
    """A concept of the run with its counts, and its quadrant or why it has none."""

    concept: str
    quadrant: str | None
    quadrant_reason: str | None
    n_senses: int | None
    n_siblings: int | None
    sibling_count: str
    pack_layer: int | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """How far a stage of the run is."""

    stage: str
    n_done: int
    n_total: int
    seconds: float
    message: str | None
    updated_at: datetime


def load_runs(folder: Path) -> tuple[Run, ...]:
    """Runs of the study, newest first."""
    tables = ("runs", "pairs", "prompts", "samples")
    return remembered(folder, "runs", lambda: read(folder, "findings.runs", Run), of=tables)


def load_judges(folder: Path, run_id: str) -> tuple[Judge, ...]:
    """Judges of the run, the one to show first."""
    # Agreement reads the same rows.
    return tuple(Judge(*row) for row in asker(folder)("findings.judges", {"run_id": run_id}))


def load_profiles(folder: Path, run_id: str) -> tuple[Profile, ...]:
    """Concepts of the run in its order."""

    def profiles() -> tuple[Profile, ...]:
        return read(folder, "findings.quadrants", Profile, run_id=run_id)

    return remembered(folder, ("profiles", run_id), profiles, of=("runs", "run_concepts"))


def load_names(folder: Path, run_id: str) -> Mapping[str, str]:
    """Readable names of the concepts that the run studies or asks about, where they are not their terms."""

    def names() -> dict[str, str]:
        with connect(folder) as cursor:
            return dict(cursor.execute(query("concepts.labels"), {"run_id": run_id}).fetchall())

    return remembered(folder, ("names", run_id), names, of=("runs", "run_concepts", "prompts"))


def load_counts(folder: Path, run_id: str, judge_id: str, *, form_rule: str) -> tuple[ConceptCounts, ...]:
    """The counts that every finding is computed from, concept by concept in the run's order.

    All are counted once; after that, only concepts that people rated since.
    """
    chosen = {"run_id": run_id, "judge_id": judge_id, "form_rule": form_rule}
    n_curves = unchanged(folder, ("n curves", run_id), lambda: _n_curves(folder, run_id))
    counted = remembered(folder, ("counts", *chosen.values(), n_curves), lambda: _count_all(folder, **chosen))
    last = load_last_rating(folder)
    with counted.lock:
        if last > counted.last_rating:
            _count_rated(folder, counted, last, **chosen)
        return tuple(counted.counts.values())


@dataclass
class _Counted:
    """Counts by concept as of a rating, shared by the threads that hold its lock."""

    last_rating: int
    curves: Mapping[str, LearningCurve]
    counts: dict[str, ConceptCounts]
    lock: threading.Lock = field(default_factory=threading.Lock)


def _count_all(folder: Path, **chosen: str) -> _Counted:
    # Read before counting: a rating that comes in between is counted now and once more next time.
    last = load_last_rating(folder)
    profiles = load_profiles(folder, chosen["run_id"])
    with connect(folder) as cursor:
        curves = _curves(cursor, chosen["run_id"])
        rows = cursor.execute(query("findings.counts"), {**chosen, "concept": None}).fetchall()
    counted = _Counted(last, curves, _counts_of(rows, profiles, curves))
    _work_out(tuple(counted.counts.values()))
    return counted


def _work_out(counts: Sequence[ConceptCounts]) -> None:
    """Have what screens say of each concept at hand: mostly a thread beside them counts, and here nobody waits for it."""
    if len(counts) <= _AT_ONCE:
        for finding in find(counts, settings=Settings()).concepts.values():
            finding.target  # noqa: B018 - worked out when first asked for


def _count_rated(folder: Path, counted: _Counted, last: int, **chosen: str) -> None:
    """Count the concepts anew that people rated since."""
    since = {"run_id": chosen["run_id"], "last_rating": counted.last_rating}
    profiles = load_profiles(folder, chosen["run_id"])
    with connect(folder) as cursor:
        rated = {concept for (concept,) in cursor.execute(query("changes.rated_since"), since).fetchall()}
        moved = [profile for profile in profiles if profile.concept in rated]
        rows = _rows_of(folder, cursor, [profile.concept for profile in moved], **chosen)
        counted.counts |= _counts_of(rows, moved, counted.curves)
    counted.last_rating = last


def _n_curves(folder: Path, run_id: str) -> int:
    with connect(folder) as cursor:
        return int((cursor.execute(query("learning_curves.count"), {"run_id": run_id}).fetchone() or (0,))[0])


def _curves(cursor: duckdb.DuckDBPyConnection, run_id: str) -> dict[str, LearningCurve]:
    values = {"run_id": run_id, "family": None}
    return read_curves(cursor.execute(query("learning_curves.of_run"), values).fetchall())


def _rows_of(
    folder: Path, cursor: duckdb.DuckDBPyConnection, concepts: Sequence[str], **chosen: str
) -> Sequence[tuple[Any, ...]]:
    held = rows_in_memory(folder, "findings.counts", chosen, concepts)
    if held is not None:
        return held
    counted = query("findings.counts")
    return [row for one in concepts for row in cursor.execute(counted, {**chosen, "concept": one}).fetchall()]


def _counts_of(
    rows: Sequence[Any], profiles: Sequence[Profile], curves: Mapping[str, LearningCurve]
) -> dict[str, ConceptCounts]:
    quadrants = {profile.concept: profile.quadrant for profile in profiles}
    layers = {profile.concept: profile.pack_layer for profile in profiles}
    counted = count_concepts(rows, quadrants=quadrants, pack_layers=layers, curves=curves)
    return {counts.concept: counts for counts in counted}


def load_stages(folder: Path, run_id: str) -> tuple[Stage, ...]:
    """Stages of the run, the one that moved last first."""
    return unchanged(folder, ("stages", run_id), lambda: read(folder, "concepts.progress", Stage, run_id=run_id))
