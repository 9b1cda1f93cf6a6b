"""The sweep over layers of a run: what each layer reaches, which concept is served by which, and whether choosing pays.

Kept as comparisons of kind `layers`: on one side the one layer that serves all concepts, on the other a layer for each
concept, or all layers joined. What is compared was chosen on other pairs (see `engine.stats.layers`).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from db import connect, query
from db.rows import ComparisonResultRow, ComparisonRow, Row
from engine.config import StudyConfig, read_stored_config
from engine.errors import ConfigError
from engine.exchange.runs import find_run
from engine.own_lenses import own_lens_ids
from engine.stages.imported import require_own
from engine.stages.progress import now
from engine.stages.stage import write_rows
from engine.stats.layers import Layers, LayerScores, LayerSweep, has_halves, layers_name, sweep_layers
from engine.stats.paired import compare_paired
from engine.stats.summary import mean_estimate

Json = dict[str, Any]
OWN = "a layer for each concept"
_SEED = 0


@dataclass(frozen=True, slots=True)
class SweptLens:
    """One lens of the run with the measures that a sweep shows."""

    lens_id: str
    concept: str
    family: str
    layers: Layers
    f1: float | None
    low: float | None
    high: float | None
    auc: float | None
    n: int
    reason: str | None


def sweep_run(study: Path, *, run_id: str | None = None, family: str | None = None) -> Json:
    """Sweep the layers of each family, keep what was found, and return it; ConfigError where no family reads two layers."""
    with connect(study) as cursor:
        run = find_run(cursor, study, run_id)
        row = cursor.execute(query("stages.run"), {"run_id": run}).fetchone()
        assert row is not None
        config = read_stored_config(row[1])
        where = {"run_id": run, "phase": config.phase, "mode": config.mode, "pool": config.pool}
        own = own_lens_ids(cursor, run, config)
        found = cursor.execute(query("layers.lenses"), where | {"lens_ids": own}).fetchall()
    lenses = [SweptLens(lens_id, concept, name, tuple(read), *rest) for lens_id, concept, name, read, *rest in found]
    families = sorted({lens.family for lens in lenses if family in (None, lens.family)})
    of_family = {name: [lens for lens in lenses if lens.family == name] for name in families}
    able = {name: own for name, own in of_family.items() if len(_singles(own)) > 1}
    if not lenses:
        require_own(config)
    if not able:
        what = f"{family} lenses" if family else "lenses"
        raise ConfigError(
            f"Run {run} has no {what} at two layers or more, so there is nothing to compare.",
            hint="Train them, such as: lensgap run --layers 0.25,0.5,-1 --join-layers",
        )
    return {**where, "families": [_sweep(study, run, config, name, own) for name, own in able.items()]}


def _singles(lenses: Sequence[SweptLens]) -> list[Layers]:
    return sorted({lens.layers for lens in lenses if len(lens.layers) == 1})


def _sweep(study: Path, run: str, config: StudyConfig, family: str, lenses: Sequence[SweptLens]) -> Json:
    every = sorted({lens.layers for lens in lenses}, key=lambda layers: (len(layers), layers))
    measured: dict[str, dict[Layers, SweptLens]] = {}
    for lens in lenses:
        measured.setdefault(lens.concept, {})[lens.layers] = lens
    scores, left_out = _load_scores(study, measured, every)
    sweep = sweep_layers(scores)
    kept = {} if sweep is None else _keep(study, run, config, family, sweep, every, left_out)
    return {
        "family": family,
        "reads": [layers_name(layers) for layers in every],
        "layers": _by_layers(measured, every, sweep),
        "one_for_all": [layers_name(layers) for layers in sweep.shared] if sweep else None,
        "gains": _gains(sweep, every) if sweep else [],
        "n_concepts": len(sweep.concepts) if sweep else 0,
        "left_out": left_out,
        "concepts": _concepts(measured, sweep),
        "comparisons": kept,
    }


def _load_scores(
    study: Path, measured: Mapping[str, Mapping[Layers, SweptLens]], every: Sequence[Layers]
) -> tuple[list[LayerScores], dict[str, str]]:
    """Decisions of every concept that all layers have, and why the others are left out."""
    whole: dict[str, Mapping[Layers, SweptLens]] = {}
    left_out: dict[str, str] = {}
    for concept, own in measured.items():
        missing = next((layers for layers in every if layers not in own or own[layers].f1 is None), None)
        if missing is None:
            whole[concept] = own
        else:
            why = own[missing].reason if missing in own else "it has no lens"
            left_out[concept] = f"{layers_name(missing)}: {why}"
    ids = [lens.lens_id for own in whole.values() for lens in own.values()]
    with connect(study) as cursor:
        rows = cursor.execute(query("layers.scores"), {"lens_ids": ids}).fetchall()
    rounds: dict[str, list[tuple[Any, ...]]] = {}
    for lens_id, _, *lists in rows:
        rounds.setdefault(lens_id, []).append(tuple(lists))
    scores = []
    for concept, own in whole.items():
        one = _scores_of(concept, {layers: rounds.get(own[layers].lens_id, []) for layers in every})
        if has_halves(one.y, one.second):
            scores.append(one)
        else:
            left_out[concept] = "one half of its folds lacks an arm"
    return scores, left_out


def _scores_of(concept: str, rounds: Mapping[Layers, Sequence[tuple[Any, ...]]]) -> LayerScores:
    """Decisions on the pairs that all layers have, in as many rounds; halves are the odd and even folds of the first layer."""
    n_rounds = min(map(len, rounds.values()))
    common = sorted(set.intersection(*(set(own[0][0]) if own else set() for own in rounds.values())))
    ids, arms, folds, _ = next(iter(rounds.values()))[0] if n_rounds else ([], [], [], [])
    facts = {name: (arm, fold) for name, arm, fold in zip(ids, arms, folds, strict=True)}
    fires = {
        layers: np.array([_decisions(own[r], common) for r in range(n_rounds)], dtype=np.bool_)
        for layers, own in rounds.items()
    }
    y = np.array([facts[name][0] for name in common], dtype=np.bool_)
    second = np.array([facts[name][1] % 2 == 1 for name in common], dtype=np.bool_)
    return LayerScores(concept, y, second, fires)


def _decisions(one: tuple[Any, ...], common: Sequence[str]) -> list[bool]:
    fires = dict(zip(one[0], one[3], strict=True))
    return [fires[name] for name in common]


def _by_layers(
    measured: Mapping[str, Mapping[Layers, SweptLens]], every: Sequence[Layers], sweep: LayerSweep | None
) -> list[Json]:
    """Mean F1 and AUC by layers over the concepts that all have, each against the best single layer."""
    full = [own for own in measured.values() if all(layers in own and own[layers].f1 is not None for layers in every)]
    f1 = {layers: [own[layers].f1 for own in full] for layers in every}
    auc = {layers: [own[layers].auc for own in full] for layers in every}
    single = [layers for layers in every if len(layers) == 1]
    best = max(single, key=lambda layers: sum(value or 0.0 for value in f1[layers]))
    concepts = sweep.concepts if sweep else ()
    return [
        {
            "reads": layers_name(layers),
            "layers": list(layers),
            "is_best_single": layers == best and bool(full),
            "f1": _mean(f1[layers]),
            "auc": _mean(auc[layers]),
            "f1_over_best_single": _difference(f1[best], f1[layers]),
            "auc_over_best_single": _difference(auc[best], auc[layers]),
            "n_best": sum(layers in one.best for one in concepts) if len(layers) == 1 else None,
            "n_chosen_by_both_halves": sum(one.chosen == (layers, layers) for one in concepts)
            if len(layers) == 1
            else None,
        }
        for layers in every
    ]


def _mean(values: Sequence[float | None]) -> Json:
    return asdict(mean_estimate([value for value in values if value is not None], bounds=(0.0, 1.0)))


def _difference(before: Sequence[float | None], after: Sequence[float | None]) -> Json:
    return asdict(compare_paired(before, after, seed=_SEED).difference)


def _sides(sweep: LayerSweep, every: Sequence[Layers]) -> dict[str, tuple[Sequence[Layers], list[float]]]:
    """What stands against the one layer for all: what it reads, and each concept's F1."""
    single = [layers for layers in every if len(layers) == 1]
    sides: dict[str, tuple[Sequence[Layers], list[float]]] = {OWN: (single, [one.f1_own for one in sweep.concepts])}
    for layers in every:
        if len(layers) > 1:
            sides[layers_name(layers)] = ([layers], [one.f1[layers] for one in sweep.concepts])
    return sides


def _gains(sweep: LayerSweep, every: Sequence[Layers]) -> list[Json]:
    """By how much each way differs from the one layer for all, every choice made on other pairs."""
    shared = [one.f1_shared for one in sweep.concepts]
    gains = []
    for name, (_, values) in _sides(sweep, every).items():
        paired = compare_paired(shared, values, seed=_SEED)
        told = {key: asdict(getattr(paired, key)) for key in ("before", "after", "difference", "bootstrap")}
        gains.append({"variant": name, **told, "n_rose": paired.n_rose, "n_fell": paired.n_fell, "n": paired.n})
    return gains


def _concepts(measured: Mapping[str, Mapping[Layers, SweptLens]], sweep: LayerSweep | None) -> list[Json]:
    swept = {one.concept: one for one in sweep.concepts} if sweep else {}
    told = []
    for concept, own in measured.items():
        one = swept.get(concept)
        told.append(
            {
                "concept": concept,
                "best": [layers_name(layers) for layers in one.best] if one else None,
                "chosen_by_halves": [layers_name(layers) for layers in one.chosen] if one else None,
                "is_agreed": one.is_agreed if one else None,
                "f1_own_layer": one.f1_own if one else None,
                "f1_one_for_all": one.f1_shared if one else None,
                "layers": {layers_name(layers): _lens(lens) for layers, lens in own.items()},
            }
        )
    return told


def _lens(lens: SweptLens) -> Json:
    measures = {"f1": lens.f1, "low": lens.low, "high": lens.high, "auc": lens.auc, "n": lens.n, "reason": lens.reason}
    return {"lens_id": lens.lens_id, **measures}


def _keep(
    study: Path,
    run: str,
    config: StudyConfig,
    family: str,
    sweep: LayerSweep,
    every: Sequence[Layers],
    left_out: Mapping[str, str],
) -> dict[str, str]:
    """Store each way against the one layer for all; the ids by variant. Storing the same again changes nothing."""
    settings = {"phase": config.phase, "mode": config.mode, "pool": config.pool, "before": "one layer for all"}
    settings_json = json.dumps(settings | {"one_for_all": [layers_name(layers) for layers in sweep.shared]})
    rows: list[Row] = []
    ids = {}
    for name, (read, values) in _sides(sweep, every).items():
        found = [(one.concept, one.f1_shared, value, one.n) for one, value in zip(sweep.concepts, values, strict=True)]
        content = json.dumps([run, "layers", name, family, settings_json, found])
        ids[name] = identity = hashlib.blake2b(content.encode(), digest_size=8).hexdigest()
        layers = tuple(sorted({layer for each in read for layer in each}))
        rows.append(ComparisonRow(identity, run, None, "layers", name, family, layers, settings_json, now()))
        rows += [ComparisonResultRow(identity, c, "f1", before, after, n, None, None) for c, before, after, n in found]
        rows += [ComparisonResultRow(identity, c, "f1", None, None, 0, None, why) for c, why in left_out.items()]
    write_rows(study, rows)
    return ids
