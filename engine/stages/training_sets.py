"""Gather pairs with their activations: labels meet activations by sample, never by position.

A pair whose activation is missing or not finite is left out and counted. A sample that serves many concepts is read once.
Rows of the study are taken a few thousand at a time, and a word that comes again is held once: what a pool needs while it is
read is hardly more than what it needs then.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from db import connect, query
from engine.config import StudyConfig
from engine.lenses.folds import IntArray
from engine.lenses.measures import PairFacts
from engine.lenses.pairs import PairSet
from engine.stages.not_finite import finite_rows
from engine.subject.shards import FloatArray, read_vectors

_ROWS_AT_ONCE = 2048
_Pair = tuple[str, str, str | None]
"""Sample, arm and kind of negative."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSet:
    """Pairs of one concept at one layer that have an activation; `X` [n, d] belongs to `sample_ids`."""

    sample_ids: tuple[str, ...]
    X: FloatArray
    y: IntArray
    templates: tuple[str, ...]
    texts: tuple[str, ...]
    n_excluded: int


@dataclass(frozen=True, slots=True, eq=False)
class ConceptPairs:
    """Pairs of one concept that have a finite activation at every layer asked for, and how many have none.

    `not_finite` are the samples of those that have an activation, but one that is not finite.
    """

    sample_ids: tuple[str, ...]
    pairs: PairSet
    n_excluded: int
    not_finite: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Sample:
    template: str
    prompt_concept: str
    output: str
    form: str | None
    row: int


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """Samples that have a finite activation, rows [samples, d] that they point into, and samples whose own is not finite."""

    samples: dict[str, _Sample]
    X: FloatArray
    not_finite: frozenset[str]


def load_training_set(study: Path, run_id: str, config: StudyConfig, *, concept: str, layer: int) -> TrainingSet:
    """Gather one concept's pairs with their activations at one layer."""
    return as_training_set(load_concepts(study, run_id, config, concepts=[concept], layers=[layer])[concept])


def as_training_set(found: ConceptPairs) -> TrainingSet:
    """Read the activations of one concept's pairs."""
    return TrainingSet(
        sample_ids=found.sample_ids,
        X=np.asarray(found.pairs.read(), dtype=np.float32),
        y=found.pairs.y,
        templates=tuple(found.pairs.templates),
        texts=tuple(found.pairs.texts),
        n_excluded=found.n_excluded,
    )


def load_concepts(
    study: Path, run_id: str, config: StudyConfig, *, concepts: Sequence[str], layers: Sequence[int]
) -> dict[str, ConceptPairs]:
    """Gather the pairs of many concepts, several layers joined in their order; what they hold in common is held once."""
    values = {"run_id": run_id, "concepts": list(concepts), "phase": config.phase, "mode": config.mode}
    with connect(study) as cursor:
        width = cursor.execute(query("stages.width"), {"run_id": run_id}).fetchone()
        words: dict[str, str] = {}
        stored = [
            list(_rows(cursor.execute(query("stages.samples_of_concepts"), values | {"layer": layer}), words))
            for layer in layers
        ]
        of_concept: defaultdict[str, list[_Pair]] = defaultdict(list)
        pairs = cursor.execute(query("stages.pairs_of_concepts"), values | {"layer": layers[0]})
        for concept, sample_id, arm, kind in _rows(pairs, words):
            of_concept[concept].append((sample_id, arm, kind))
    suffix = f"{config.phase}-last" if config.pool == "last" else config.phase
    wide = width[0] if width else None
    found = _join(
        [_read(study, rows, f"{layer}.{suffix}", width=wide) for layer, rows in zip(layers, stored, strict=True)]
    )
    with_prompts = config.group_by == "template+prompt_concept"
    return {concept: _of_one(concept, of_concept.pop(concept, []), found, with_prompts) for concept in concepts}


def _rows(found: duckdb.DuckDBPyConnection, words: dict[str, str]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query, a text that is in `words` already as that very object."""
    while rows := found.fetchmany(_ROWS_AT_ONCE):
        for row in rows:
            yield tuple(words.setdefault(value, value) if isinstance(value, str) else value for value in row)


def _read(study: Path, stored: Sequence[tuple[str, ...]], tensor: str, *, width: int | None) -> _Read:
    there = [row for row in stored if row[5] is not None]
    if not there:
        return _Read({}, np.zeros((0, 1), np.float32), frozenset())
    ids = [row[0] for row in there]
    X = read_vectors(study, tensor, [(row[5], int(row[6])) for row in there], sample_ids=ids, width=width)
    finite = finite_rows(X)
    samples = {
        row[0]: _Sample(row[1], row[2], row[3], row[4], place) for place, row in enumerate(there) if finite[place]
    }
    return _Read(samples, X, frozenset(ids) - samples.keys())


def _join(read: Sequence[_Read]) -> _Read:
    """Return the samples that every layer has, and their activations side by side [samples, d·L]."""
    if len(read) == 1:
        return read[0]
    first = read[0].samples
    common = [sample_id for sample_id in first if all(sample_id in one.samples for one in read)]
    X = [one.X[[one.samples[sample_id].row for sample_id in common]] for one in read]
    samples = {name: replace(first[name], row=place) for place, name in enumerate(common)}
    return _Read(samples, np.concatenate(X, axis=1), frozenset().union(*(one.not_finite for one in read)))


def _of_one(
    concept: str,
    pairs: Sequence[_Pair],
    read: _Read,
    with_prompts: bool,
) -> ConceptPairs:
    samples = read.samples
    kept = [(samples[sample_id], sample_id, arm, kind) for sample_id, arm, kind in pairs if sample_id in samples]
    rows = np.array([sample.row for sample, *_ in kept], dtype=np.int64)
    # A concept's positives are all about itself; only negatives can be told apart by what they are about.
    about = [sample.prompt_concept if arm == "negative" else None for sample, _, arm, _ in kept]
    found = PairSet(
        name=concept,
        y=np.array([int(arm == "positive") for _, _, arm, _ in kept], dtype=np.int64),
        templates=[sample.template for sample, *_ in kept],
        texts=[sample.output for sample, *_ in kept],
        read=partial(_take, read.X, rows),
        prompt_concepts=about if with_prompts else None,
        facts=PairFacts([kind for *_, kind in kept], [sample.form for sample, *_ in kept]),
    )
    not_finite = tuple(sample_id for sample_id, *_ in pairs if sample_id in read.not_finite)
    return ConceptPairs(tuple(sample_id for _, sample_id, _, _ in kept), found, len(pairs) - len(kept), not_finite)


def _take(X: FloatArray, rows: IntArray) -> FloatArray:
    return X[rows]
