"""Measure learning curves: what a family's lenses reach on fewer pairs than there are, concept by concept.

A curve belongs to the pairs that its concept has now, as a lens does; more pairs make another curve. A family that learns
something from many concepts measures all of a pool at once, the others a few concepts at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import duckdb

from db import connect, query
from db.rows import LearningCurveRow, Row
from engine.config import StudyConfig, change_config
from engine.errors import ConfigError
from engine.lens_groups import CapturedPairs, LensGroup, lens_groups
from engine.lenses.interface import BoolArray, LensFamily, Pools
from engine.lenses.pairs import Prepared, prepare
from engine.lenses.registry import FAMILIES
from engine.lenses.sizes import Step, measure_sizes
from engine.stages.before_after import hash_of
from engine.stages.imported import require_own
from engine.stages.lacking_layers import leave_out_lacking
from engine.stages.progress import now, progress_bars
from engine.stages.stage import Stage, in_batches, run_stage
from engine.stages.train import TOGETHER
from engine.stages.training_sets import load_concepts
from engine.stages.unfinished import Parts
from engine.stats.layers import layers_name
from engine.stats.learning_curve import LearningCurve

CURVES_VERSION = 1
"""Of sizes and draws: curves of an earlier one are measured anew."""


@dataclass(frozen=True, slots=True)
class PendingCurve:
    """A curve that is not measured on the present pairs."""

    curve_id: str
    concept: str
    group: LensGroup


def measure_curves(study: Path, run_id: str, config: StudyConfig, *, family: str, quiet: bool = False) -> int:
    """Measure all curves of a family that are pending, at the deepest captured layer; returns how many that were."""
    if family not in FAMILIES:
        raise ConfigError(f'There is no lens family "{family}".', hint=f"Known families: {', '.join(FAMILIES)}.")
    require_own(config)
    values = {"run_id": run_id, "mode": config.mode}
    with progress_bars(quiet=quiet) as bar:
        leave_out_lacking(study, run_id, mode=config.mode, bar=bar)
        with connect(study) as cursor:
            captured = cursor.execute(query("stages.captured_layers"), values).fetchall()
        if not captured:
            raise ConfigError(
                f"Activations have not been captured in mode {config.mode}.",
                hint="Capture them first: lensgap capture.",
            )
        n = run_stage(study, run_id, curves(study, run_id, config, family=family, layer=captured[-1][0]), bar)
    unfinished(study, run_id, family, []).forget()
    return n


def unfinished(study: Path, run_id: str, family: str, curve_ids: Sequence[str]) -> Parts:
    """What was found of curves of a run's family that are measured together."""
    return Parts(study, f"curve-{hash_of([run_id, family])}", list(curve_ids))


def curves(study: Path, run_id: str, config: StudyConfig, *, family: str, layer: int) -> Stage[PendingCurve]:
    """The stage that measures a curve for every concept of the run."""
    config = change_config(config, {"join_layers": False})
    measurer = _Measurer(study, run_id, config, FAMILIES[family])

    def groups(cursor: duckdb.DuckDBPyConnection) -> list[LensGroup]:
        values = {"run_id": run_id, "phase": config.phase, "mode": config.mode, "layers": [layer]}
        captured = [
            CapturedPairs(concept, (each,), n, pairs)
            for concept, each, n, pairs in cursor.execute(query("stages.pair_sets"), values).fetchall()
        ]
        width = cursor.execute(query("stages.width"), {"run_id": run_id}).fetchone()
        families = {family: FAMILIES[family]}
        return list(lens_groups(run_id, config, families, captured, width=width[0] if width else 1, concepts=None))

    def pending(cursor: duckdb.DuckDBPyConnection) -> list[list[PendingCurve]]:
        there = {row[0] for row in cursor.execute(query("learning_curves.ids"), {"run_id": run_id}).fetchall()}
        shares = isinstance(FAMILIES[family], Pools)
        batches: list[list[PendingCurve]] = []
        for group in groups(cursor):
            missing = [one for one in _curves_of(group) if one.curve_id not in there]
            batches += in_batches(missing, max(1, len(missing)) if shares else TOGETHER)
        return batches

    def n_total(cursor: duckdb.DuckDBPyConnection) -> int:
        return sum(len(group.lens_ids) for group in groups(cursor))

    return Stage("curve", pending, measurer.work, n_total)


def _curves_of(group: LensGroup) -> list[PendingCurve]:
    return [PendingCurve(f"{lens_id}.{CURVES_VERSION}", concept, group) for concept, lens_id in group.lens_ids.items()]


class _Measurer:
    """Works off batches; keeps the pairs of a pool for its next batch."""

    def __init__(self, study: Path, run_id: str, config: StudyConfig, family: LensFamily) -> None:
        self._study, self._run_id, self._config, self._family = study, run_id, config, family
        self._pool: tuple[str, ...] | None = None
        self._prepared: dict[str, Prepared] = {}

    def work(self, batch: list[PendingCurve]) -> Sequence[Row]:
        """Measure curves of one group."""
        group = batch[0].group
        self._load(group)
        wanted = [group.pool.index(item.concept) for item in batch]
        lens = f"{self._family.name}, {layers_name(group.layers)}"
        parts = unfinished(self._study, self._run_id, self._family.name, [item.curve_id for item in batch])

        def keep(name: str, step: Step) -> list[BoolArray]:
            # A few concepts are soon measured anew; a pool takes as long as all its concepts.
            if not isinstance(self._family, Pools):
                return step()
            found = parts.part(name, lambda: {str(place): fires for place, fires in enumerate(step())})
            return [found[str(place)] for place in range(len(found))]

        found = measure_sizes(
            self._family, list(self._prepared.values()), wanted, seed=self._config.seed, lens=lens, keep=keep
        )
        return [self._row(item, curve) for item, curve in zip(batch, found, strict=True)]

    def _load(self, group: LensGroup) -> None:
        if self._pool == group.pool:
            return
        pairs = load_concepts(self._study, self._run_id, self._config, concepts=group.pool, layers=group.layers)
        sets = [pairs[concept].pairs for concept in group.pool]
        prepared = prepare(sets, n_folds=self._config.folds, repeats=1, seed=self._config.seed)
        self._prepared, self._pool = dict(zip(group.pool, prepared, strict=True)), group.pool

    def _row(self, item: PendingCurve, curve: LearningCurve) -> LearningCurveRow:
        return LearningCurveRow(
            curve_id=item.curve_id,
            run_id=self._run_id,
            concept=item.concept,
            family=self._family.name,
            layers=item.group.layers,
            phase=self._config.phase,
            mode=self._config.mode,
            pool=self._config.pool,
            n_pairs=curve.n_pairs,
            n_positive=curve.n_positive,
            n_groups=curve.n_units,
            n_train=curve.n_train,
            f1=curve.f1,
            covariance=tuple(chain.from_iterable(curve.covariance)),
            reason=curve.reason,
            measured_at=now(),
        )
