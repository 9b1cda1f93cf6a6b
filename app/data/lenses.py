"""What the lenses screen reads beside the lenses themselves: their other measures, their scores, what became of them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np

from app.data.memory import remembered
from app.data.rows import fetch, read
from db import connect, query
from engine.stats.calibration import BrierParts, ReliabilityBin, brier_parts, reliability_table
from engine.stats.estimate import Estimate
from engine.stats.shortcut import DEGENERATE_NEGATIVE, DEGENERATE_POSITIVE, GOOD_NEGATIVE, GOOD_POSITIVE

_SEED: Final = 0
_MEASURES: Final = ("brier", GOOD_POSITIVE, GOOD_NEGATIVE, DEGENERATE_POSITIVE, DEGENERATE_NEGATIVE)


@dataclass(frozen=True, slots=True)
class Graduation:
    """What became of a concept; `reached` is the F1 that it graduated at, `why` is in words."""

    concept: str
    step: int
    n_pairs: int
    target: float
    reached: float | None
    decision: str
    why: str


@dataclass(frozen=True, slots=True)
class Reliability:
    """Whether the probabilities of many lenses mean what they say, over all their pairs; intervals are over lenses."""

    bins: tuple[ReliabilityBin, ...]
    parts: BrierParts
    n_pairs: int
    n_lenses: int


@dataclass(frozen=True, slots=True)
class ComparedConcept:
    """A concept's measure on both sides; `kept` tells whether the change is kept for it, where that is a question."""

    comparison_id: str
    concept: str
    measure: str
    before: float | None
    after: float | None
    n: int
    kept: bool | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two ways to train or two runs, compared; `settings` is JSON. The run on screen is the one before or the one after."""

    comparison_id: str
    kind: str
    variant: str
    family: str
    layer: str
    settings: str
    is_of_runs: bool
    is_before: bool
    other_run: str
    compared_at: datetime

    @property
    def groups(self) -> tuple[tuple[str, ...], ...] | None:
        """The groups of siblings that share their folds and so count as one each; None where concepts stand alone."""
        groups = json.loads(self.settings).get("groups")
        return None if groups is None else tuple(tuple(group) for group in groups)


def load_lens_estimates(folder: Path, run_id: str, lens_ids: Sequence[str]) -> dict[str, dict[str, Estimate]]:
    """Brier score and firing rates of these lenses, by lens and measure."""

    def estimates() -> dict[str, dict[str, Estimate]]:
        found: dict[str, dict[str, Estimate]] = {}
        values = {"lens_ids": list(lens_ids), "measures": list(_MEASURES)}
        with connect(folder) as cursor:
            for lens_id, measure, *estimate in cursor.execute(query("lenses.measures"), values).fetchall():
                found.setdefault(lens_id, {})[measure] = Estimate(*estimate)
        return found

    return remembered(folder, ("lens estimates", run_id, tuple(lens_ids)), estimates, of=("lenses",))


def load_constant(folder: Path, run_id: str, lens_ids: Sequence[str]) -> frozenset[str]:
    """Those of these lenses that say the same of all texts that they are tested on, and so tell nothing apart."""

    def constant() -> frozenset[str]:
        with connect(folder) as cursor:
            found = cursor.execute(query("lenses.constant"), {"lens_ids": list(lens_ids)}).fetchall()
        return frozenset(lens_id for (lens_id,) in found)

    return remembered(folder, ("constant lenses", run_id, tuple(lens_ids)), constant, of=("lenses",))


def load_reliability(folder: Path, run_id: str, lens_ids: Sequence[str]) -> Reliability:
    """Reliability of these lenses' out-of-fold probabilities; of several rounds of cross-validation, each pair's mean."""

    def reliability() -> Reliability:
        with connect(folder) as cursor:
            found = cursor.execute(query("lenses.scores"), {"lens_ids": list(lens_ids)}).fetchnumpy()
        columns = (np.asarray(found["probability"]), np.asarray(found["is_positive"]), np.asarray(found["lens"]))
        bins, parts = reliability_table(*columns), brier_parts(*columns, seed=_SEED)
        return Reliability(bins, parts, len(columns[0]), len(np.unique(columns[2])))

    return remembered(folder, ("reliability", run_id, tuple(lens_ids)), reliability, of=("lenses", "pairs"))


def load_graduation(folder: Path, run_id: str) -> dict[str, Graduation]:
    """What became of each concept by the rule that was last applied; empty where none was."""
    return {row.concept: row for row in read(folder, "lenses.graduation", Graduation, run_id=run_id)}


def load_comparisons(folder: Path, run_id: str) -> tuple[tuple[Comparison, tuple[ComparedConcept, ...]], ...]:
    """The run's comparisons, oldest first, each with its results."""
    with connect(folder) as cursor:
        found = fetch(cursor, "lenses.comparisons", Comparison, run_id=run_id)
        ids = [one.comparison_id for one in found]
        results = fetch(cursor, "lenses.comparison_results", ComparedConcept, comparison_ids=ids)
    by_id: dict[str, list[ComparedConcept]] = {one: [] for one in ids}
    for result in results:
        by_id[result.comparison_id].append(result)
    return tuple((one, tuple(by_id[one.comparison_id])) for one in found)
