"""What refinements and filters of a run share: which lenses are meant, how they are validated, what a comparison is known by."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from db import connect, query
from engine.config import StudyConfig
from engine.errors import ConfigError
from engine.lenses.evaluate import Validation
from engine.lenses.interface import LeavesOut
from engine.lenses.registry import FAMILIES
from engine.own_lenses import own_lens_ids
from engine.stages.imported import require_own
from engine.stages.pair_facts import PairFact


@dataclass(frozen=True, slots=True)
class LensChoice:
    """Which lenses of a run are meant."""

    family: str
    layer: int


def choose_lenses(
    study: Path, run_id: str, config: StudyConfig, *, family: str | None, layer: int | None
) -> LensChoice:
    """The family and layer asked for, else the first family of the settings at the deepest layer; ConfigError without lenses."""
    with connect(study) as cursor:
        trained = cursor.execute(query("refinement.trained"), where_lenses(run_id, config)).fetchall()
    fitting = [LensChoice(name, at) for name, at in trained if family in (None, name) and layer in (None, at)]
    if not trained:
        require_own(config)
    if not fitting:
        asked = f"{family or ''} lenses{'' if layer is None else f' at layer {layer}'}".strip()
        raise ConfigError(f"The run has no {asked}.", hint=_there(trained))
    order = {name: place for place, name in enumerate(config.lenses)}
    return min(fitting, key=lambda one: (order.get(one.family, len(order)), -one.layer))


def _there(trained: Sequence[tuple[str, int]]) -> str:
    if not trained:
        return "Train them: lensgap train."
    told = ", ".join(f"{name} at layer {layer}" for name, layer in sorted(trained))
    return f"It has {told}; train others: lensgap train."


def fitted_lenses(study: Path, run_id: str, config: StudyConfig, chosen: LensChoice) -> dict[str, str]:
    """The id of each concept's lens: of these settings where any is, else the latest."""
    with connect(study) as cursor:
        own = {"lens_ids": own_lens_ids(cursor, run_id, config)}
        values = where_lenses(run_id, config) | own | {"family": chosen.family, "layer": chosen.layer}
        return dict(cursor.execute(query("refinement.lenses"), values).fetchall())


def where_lenses(run_id: str, config: StudyConfig) -> dict[str, object]:
    """The parameters that lenses of a run and its settings are looked for by."""
    return {"run_id": run_id, "phase": config.phase, "mode": config.mode, "pool": config.pool}


def choose_validation(config: StudyConfig, family: str) -> Validation:
    """How the settings validate lenses; ConfigError for a family that cannot be validated so."""
    leaves_out = config.validation == "leave-one-group-out"
    if leaves_out and not isinstance(FAMILIES[family], LeavesOut):
        able = ", ".join(name for name, one in FAMILIES.items() if isinstance(one, LeavesOut))
        raise ConfigError(
            f"{family} cannot leave groups out, as the run's settings ask.", hint=f"Families that can: {able}."
        )
    return Validation(config.folds, config.repeats, leaves_out)


def how_measured(config: StudyConfig) -> dict[str, object]:
    """Settings that decide what a comparison finds, as they are kept with it."""
    return {
        "phase": config.phase,
        "mode": config.mode,
        "pool": config.pool,
        "folds": config.folds,
        "repeats": config.repeats,
        "validation": config.validation,
        "group_by": config.group_by,
        "seed": config.seed,
    }


def most_folds(config: StudyConfig, pairs: Mapping[str, Sequence[PairFact]]) -> int:
    """As many training parts as a round of a concept may have: group by group as many as it has templates."""
    if config.validation == "folds":
        return config.folds
    return max((len({pair.template for pair in own}) for own in pairs.values()), default=config.folds)


def hash_of(content: object) -> str:
    """Identity of what decides a comparison."""
    return hashlib.blake2b(json.dumps(content).encode(errors="surrogatepass"), digest_size=8).hexdigest()


def is_there(study: Path, comparison_id: str) -> bool:
    """Whether the comparison has been made."""
    with connect(study) as cursor:
        row = cursor.execute(query("refinement.comparison"), {"comparison_id": comparison_id}).fetchone()
    return row is not None
