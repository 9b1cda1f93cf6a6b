"""Measure how far a run's activations of outputs hold what their prompts were about: once for what decides it, then kept.

Lenses are moved from prompts to outputs pool by pool, as training pools them; what needs no lens is measured on a random part of
the samples where there are many, for it compares every sample with every other.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from db import connect, query
from db.rows import ActivationQualityRow
from engine.config import StudyConfig
from engine.errors import ConfigError
from engine.lens_groups import CapturedPairs, lens_groups
from engine.lenses.pairs import prepare
from engine.lenses.registry import FAMILIES
from engine.lenses.transfer import TransferHeld, hold_out_transfer
from engine.stages.activation_phases import BothPhases, load_both_phases, load_samples
from engine.stages.activation_rows import alignment_rows, transfer_rows
from engine.stages.before_after import hash_of
from engine.stages.imported import require_own
from engine.stages.lacking_layers import leave_out_lacking
from engine.stages.progress import now
from engine.stages.stage import write_rows
from engine.stages.unfinished import Arrays, Parts
from engine.stats.activation_quality import N_PERMUTATIONS
from engine.stats.form import FormRule
from engine.stats.transfer import TransferScores

VERSION = 1
"""Of the measures: earlier ones are taken anew."""
_SCORES = tuple(field.name for field in fields(TransferScores) if field.name != "concept")
MOST_SAMPLES = 2000
"""As many samples are compared with each other; of more a random part."""


@dataclass(frozen=True, slots=True)
class QualityChoice:
    """Whose transfer is measured, where, and which outputs count as good."""

    family: str
    layer: int
    form_rule: FormRule = "loop"


def choose_quality(
    study: Path,
    run_id: str,
    config: StudyConfig,
    *,
    family: str | None = None,
    layer: int | None = None,
    form_rule: FormRule = "loop",
) -> tuple[QualityChoice, StudyConfig]:
    """What is asked for, else the settings' first family at the deepest captured layer, and settings whose mode has both phases.

    ConfigError where activations of prompts or of outputs are missing.
    """
    require_own(config)
    chosen = family or config.lenses[0]
    if chosen not in FAMILIES:
        raise ConfigError(f'There is no lens family "{chosen}".', hint=f"Known families: {', '.join(FAMILIES)}.")
    with connect(study) as cursor:
        captured = cursor.execute(query("activation_quality.captured"), {"run_id": run_id}).fetchall()
    there = [row for row in captured if layer in (None, row[1])]
    both = [(mode, at) for mode, at, n_prompts, n_outputs in there if n_prompts and n_outputs]
    if not both:
        where = "" if layer is None else f" at layer {layer}"
        lacks = "prompts" if any(row[3] for row in there) else "prompts and outputs"
        asked = "" if layer is None else f" --layers {layer}"
        raise ConfigError(
            f"Run {run_id} holds no activations of {lacks}{where}, so the phases cannot be compared.",
            hint=f"Capture both: lensgap capture {study} --mode in_context{asked}",
        )
    mode, at = max(both, key=lambda one: (one[0] == config.mode, one[1]))
    return QualityChoice(chosen, at, form_rule), replace(config, mode=mode)


def measure_quality(
    study: Path, run_id: str, config: StudyConfig, chosen: QualityChoice, *, bar: Progress | None = None
) -> str:
    """Take the measures unless they have been; returns their id."""
    if bar:
        leave_out_lacking(study, run_id, mode=config.mode, bar=bar)
    pools, fingerprint = _pools(study, run_id, config, chosen)
    settings = {
        "folds": config.folds,
        "seed": config.seed,
        "group_by": config.group_by,
        "pairs": fingerprint,
        "most_samples": MOST_SAMPLES,
        "n_permutations": N_PERMUTATIONS,
        "version": VERSION,
    }
    asked = [run_id, chosen.family, chosen.layer, chosen.form_rule, config.mode, config.pool]
    identity = hash_of(["activation quality", *asked, settings])
    with connect(study) as cursor:
        if cursor.execute(query("activation_quality.measured"), {"quality_id": identity}).fetchone():
            return identity
    # Under what is asked for, so that parts found with other pairs or folds, and never finished, go with these.
    parts = Parts(study, f"activations-{hash_of(asked)}", identity)
    scores, quadrants = _transfer(study, run_id, config, chosen, pools, parts, bar)
    samples = load_samples(study, run_id, config, layer=chosen.layer, form_rule=chosen.form_rule, most=MOST_SAMPLES)
    top = ActivationQualityRow(
        identity,
        run_id,
        chosen.family,
        chosen.layer,
        config.mode,
        config.pool,
        chosen.form_rule,
        json.dumps(settings | {"n_samples_compared": len(samples.names), "n_not_finite": samples.n_not_finite}),
        now(),
    )
    moved = transfer_rows(identity, scores, quadrants)
    write_rows(study, [top, *moved, *alignment_rows(identity, samples, seed=config.seed, bar=bar)])
    parts.forget()
    return identity


def _pools(study: Path, run_id: str, config: StudyConfig, chosen: QualityChoice) -> tuple[list[tuple[str, ...]], str]:
    """Concepts that are measured together, as training would pool them with rows twice as wide, and the pairs' fingerprint."""
    with connect(study) as cursor:
        values = {"run_id": run_id, "mode": config.mode, "layers": [chosen.layer]}
        of_phase = [
            cursor.execute(query("stages.pair_sets"), values | {"phase": phase}).fetchall()
            for phase in ("prompt", "output")
        ]
        width = cursor.execute(query("stages.width"), {"run_id": run_id}).fetchone()
    captured = [CapturedPairs(concept, (layer,), n, pairs) for concept, layer, n, pairs in of_phase[1]]
    families = {chosen.family: FAMILIES[chosen.family]}
    groups = lens_groups(run_id, config, families, captured, width=2 * (width[0] if width else 1), concepts=None)
    return [group.pool for group in groups if len(group.layers) == 1], hash_of(of_phase)


def _transfer(
    study: Path,
    run_id: str,
    config: StudyConfig,
    chosen: QualityChoice,
    pools: Sequence[Sequence[str]],
    parts: Parts,
    bar: Progress | None,
) -> tuple[dict[str, TransferScores | str], dict[str, str | None]]:
    """Scores of each concept, or why it has none, and the quadrant of each."""
    found: dict[str, TransferScores | str] = {}
    with connect(study) as cursor:
        profiles = cursor.execute(query("findings.quadrants"), {"run_id": run_id}).fetchall()
    quadrants = {row[0]: row[1] for row in profiles}
    task = bar.add_task("transfer", total=sum(map(len, pools)), note="") if bar else None
    for pool in pools:
        kept = parts.part(
            json.dumps(pool),
            lambda pool=pool: _as_arrays(pool, _transfer_of_pool(study, run_id, config, chosen, pool)),  # type: ignore[misc]
        )
        found |= _from_arrays(pool, kept)
        if bar and task is not None:
            bar.advance(task, len(pool))
    return {concept: found[concept] for concept in quadrants if concept in found}, quadrants


def _transfer_of_pool(
    study: Path, run_id: str, config: StudyConfig, chosen: QualityChoice, pool: Sequence[str]
) -> dict[str, TransferScores | str]:
    both = load_both_phases(study, run_id, config, concepts=pool, layer=chosen.layer, form_rule=chosen.form_rule)
    prepared = prepare([one.pairs for one in both.values()], n_folds=config.folds, repeats=1, seed=config.seed)
    held = hold_out_transfer(FAMILIES[chosen.family], prepared, seed=config.seed)
    return {one.name: one.reason or _scores(both[one.name], held[one.name]) for one in prepared}


def _as_arrays(pool: Sequence[str], found: Mapping[str, TransferScores | str]) -> dict[str, NDArray[Any]]:
    """Scores as arrays to keep, under the place of the concept and the name of the score; a reason as a text."""
    arrays: dict[str, NDArray[Any]] = {}
    for place, concept in enumerate(pool):
        scores = found[concept]
        if isinstance(scores, str):
            arrays[f"{place}.reason"] = np.array(scores)
        else:
            arrays |= {f"{place}.{name}": getattr(scores, name) for name in _SCORES}
    return arrays


def _from_arrays(pool: Sequence[str], arrays: Arrays) -> dict[str, TransferScores | str]:
    return {
        concept: str(arrays[f"{place}.reason"])
        if f"{place}.reason" in arrays
        else TransferScores(concept, **{name: arrays[f"{place}.{name}"] for name in _SCORES})
        for place, concept in enumerate(pool)
    }


def _scores(both: BothPhases, held: TransferHeld) -> TransferScores:
    return TransferScores(
        concept=both.pairs.name,
        arms=held.arms == 1,
        within=held.within,
        transfer=held.transfer,
        control_arms=held.control_arms == 1,
        control=held.control,
        groups=held.groups,
        is_good=both.is_good,
    )
