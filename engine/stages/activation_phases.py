"""Activations of prompts and outputs side by side: of a concept's pairs, and of samples; joined by sample, never by position."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from db import connect, query
from engine.config import StudyConfig
from engine.lenses.interface import AnyFloats, BoolArray
from engine.lenses.pairs import PairSet
from engine.stages.not_finite import finite_rows
from engine.stages.training_sets import ConceptPairs, load_concepts
from engine.stats.form import FormRule
from engine.subject.shards import FloatArray, read_vectors


@dataclass(frozen=True, slots=True, eq=False)
class BothPhases:
    """One concept's pairs that have a finite activation of both phases; `pairs` reads them side by side [n, 2d].

    `is_good` [n] tells of which the output is in good form.
    """

    pairs: PairSet
    is_good: BoolArray


@dataclass(frozen=True, slots=True, eq=False)
class PhaseSamples:
    """Samples with the activations of both phases [n, d]; `n_not_finite` others were left out.

    `prompts` is equal where the prompt is, `quadrants` is of the concept that was asked about, None where the run lacks it.
    """

    names: tuple[str, ...]
    concepts: tuple[str, ...]
    templates: tuple[str, ...]
    prompts: tuple[str, ...]
    quadrants: tuple[str | None, ...]
    is_good: BoolArray
    prompt: FloatArray
    output: FloatArray
    n_not_finite: int


def load_both_phases(
    study: Path, run_id: str, config: StudyConfig, *, concepts: Sequence[str], layer: int, form_rule: FormRule
) -> dict[str, BothPhases]:
    """Gather the pairs of concepts that have both phases at a layer."""
    with connect(study) as cursor:
        values = {"run_id": run_id, "layer": layer, "mode": config.mode, "form_rule": form_rule}
        rows = cursor.execute(query("activation_quality.samples"), values).fetchall()
    is_good = {row[0]: bool(row[4]) for row in rows}
    prompt, output = (
        load_concepts(study, run_id, replace(config, phase=phase), concepts=concepts, layers=[layer])
        for phase in ("prompt", "output")
    )
    return {concept: _join(prompt[concept], output[concept], is_good) for concept in concepts}


def _join(prompt: ConceptPairs, output: ConceptPairs, is_good: Mapping[str, bool]) -> BothPhases:
    place = {name: row for row, name in enumerate(prompt.sample_ids)}
    kept = [row for row, name in enumerate(output.sample_ids) if name in place and name in is_good]
    ids = [output.sample_ids[row] for row in kept]
    of_prompt = [place[name] for name in ids]
    old = output.pairs
    pairs = PairSet(
        name=old.name,
        y=old.y[kept],
        templates=[old.templates[row] for row in kept],
        texts=[old.texts[row] for row in kept],
        read=partial(_side_by_side, prompt.pairs, of_prompt, old, kept),
        prompt_concepts=[old.prompt_concepts[row] for row in kept] if old.prompt_concepts is not None else None,
    )
    return BothPhases(pairs, np.array([is_good[name] for name in ids], dtype=np.bool_))


def _side_by_side(prompt: PairSet, of_prompt: Sequence[int], output: PairSet, of_output: Sequence[int]) -> AnyFloats:
    return np.concatenate([prompt.read()[of_prompt], output.read()[of_output]], axis=1)


def load_samples(
    study: Path, run_id: str, config: StudyConfig, *, layer: int, form_rule: FormRule, most: int
) -> PhaseSamples:
    """Read the activations of the run's samples; of more than `most` a random part, drawn by the seed of the settings."""
    with connect(study) as cursor:
        values = {"run_id": run_id, "layer": layer, "mode": config.mode, "form_rule": form_rule}
        rows = cursor.execute(query("activation_quality.samples"), values).fetchall()
        found = cursor.execute(query("stages.width"), {"run_id": run_id}).fetchone()
    width = found[0] if found else None
    if len(rows) > most:
        drawn = np.random.default_rng(config.seed).choice(len(rows), size=most, replace=False)
        rows = [rows[place] for place in sorted(drawn.tolist())]
    suffix = "-last" if config.pool == "last" else ""
    prompt = _read(study, rows, f"{layer}.prompt{suffix}", at=5, width=width)
    output = _read(study, rows, f"{layer}.output{suffix}", at=7, width=width)
    finite = finite_rows(prompt) & finite_rows(output)
    own = [row for row, is_finite in zip(rows, finite, strict=True) if is_finite]
    return PhaseSamples(
        names=tuple(row[0] for row in own),
        concepts=tuple(row[1] for row in own),
        templates=tuple(row[2] for row in own),
        prompts=tuple(f"{row[1]}\0{row[2]}" for row in own),
        quadrants=tuple(row[3] for row in own),
        is_good=np.array([row[4] for row in own], dtype=np.bool_),
        prompt=prompt[finite],
        output=output[finite],
        n_not_finite=len(rows) - len(own),
    )


def _read(study: Path, rows: Sequence[tuple[Any, ...]], tensor: str, *, at: int, width: int | None) -> FloatArray:
    places = [(row[at], int(row[at + 1])) for row in rows]
    return read_vectors(study, tensor, places, sample_ids=[row[0] for row in rows], width=width)
