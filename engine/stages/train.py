"""Train and measure the lenses of each concept; labels meet activations by sample, never by position.

A pair without an activation (an empty output, say) is left out and counted. The stored lens is fitted on all pairs; its
measures and scores are out of fold.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np

from db import connect, query
from db.rows import LensMeasureRow, LensRow, LensScoreRow, Row
from engine.config import StudyConfig
from engine.errors import ConfigError, StudyFull
from engine.lenses.evaluate import LensEvaluation, evaluate, evaluate_texts
from engine.lenses.files import save_lens
from engine.lenses.folds import join_groups
from engine.lenses.interface import LensFamily, State
from engine.lenses.registry import FAMILIES
from engine.stages.progress import now
from engine.stages.stage import Stage
from engine.stats.estimate import without_interval
from engine.subject.shards import FloatArray, read_vectors, unwritable


@dataclass(frozen=True, slots=True)
class PendingLens:
    """One concept at one layer, with the families that are not trained on its present pairs."""

    concept: str
    layer: int
    families: tuple[str, ...]
    pairs_hash: str


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSet:
    """Pairs of one concept at one layer that have an activation; `X` [n, d] belongs to `sample_ids`."""

    sample_ids: tuple[str, ...]
    X: FloatArray
    y: np.ndarray[tuple[int], np.dtype[np.int64]]
    templates: tuple[str, ...]
    texts: tuple[str, ...]
    n_excluded: int


def training(study: Path, run_id: str, config: StudyConfig, *, layers: Sequence[int]) -> Stage[PendingLens]:
    """The stage that trains every family at every layer for every concept."""
    families = choose_families(config.lenses)

    def pair_sets(cursor: duckdb.DuckDBPyConnection) -> list[tuple[str, int, str]]:
        values = {"run_id": run_id, "phase": config.phase, "mode": config.mode, "layers": list(layers)}
        return cursor.execute(query("stages.pair_sets"), values).fetchall()

    def pending(cursor: duckdb.DuckDBPyConnection) -> list[list[PendingLens]]:
        there = {row[0] for row in cursor.execute(query("stages.lens_ids"), {"run_id": run_id}).fetchall()}
        pairs = pair_sets(cursor)
        items = [
            PendingLens(concept, layer, missing, pairs_hash)
            for concept, layer, pairs_hash in pairs
            if (
                missing := tuple(
                    f for f in families if lens_id(run_id, config, concept, f, layer, pairs_hash) not in there
                )
            )
        ]
        return [[item] for item in items]

    def work(batch: list[PendingLens]) -> Sequence[Row]:
        return [row for item in batch for row in _train(study, run_id, config, item)]

    def n_total(cursor: duckdb.DuckDBPyConnection) -> int:
        return len(pair_sets(cursor))

    return Stage("train", pending, work, n_total)


def choose_families(names: Sequence[str]) -> dict[str, LensFamily]:
    """The families asked for; ConfigError for one that we do not know."""
    for name in names:
        if name not in FAMILIES:
            raise ConfigError(f'There is no lens family "{name}".', hint=f"Known families: {', '.join(FAMILIES)}.")
    return {name: FAMILIES[name] for name in names}


def lens_id(run_id: str, config: StudyConfig, concept: str, family: str, layer: int, pairs_hash: str) -> str:
    """Identity of a lens: hash of what it is trained on and how it is measured."""
    content = [run_id, concept, family, layer, config.phase, config.mode, config.folds, config.seed, pairs_hash]
    if config.pool != "mean":
        content.append(config.pool)
    return hashlib.blake2b(json.dumps(content).encode(), digest_size=8).hexdigest()


def load_training_set(study: Path, run_id: str, config: StudyConfig, *, concept: str, layer: int) -> TrainingSet:
    """Gather one concept's pairs with their activations at one layer."""
    values = {"run_id": run_id, "concept": concept, "layer": layer, "phase": config.phase, "mode": config.mode}
    with connect(study) as cursor:
        rows = cursor.execute(query("stages.pairs_to_train"), values).fetchall()
    kept = [row for row in rows if row[4] is not None]
    places = [(shard, place) for *_, shard, place in kept]
    tensor = f"{layer}.{config.phase}" + ("-last" if config.pool == "last" else "")
    ids = tuple(row[0] for row in kept)
    X = read_vectors(study, tensor, places, sample_ids=ids) if kept else np.zeros((0, 1), np.float32)
    return TrainingSet(
        sample_ids=ids,
        X=X,
        y=np.array([int(row[1] == "positive") for row in kept], dtype=np.int64),
        templates=tuple(row[2] for row in kept),
        texts=tuple(row[3] for row in kept),
        n_excluded=len(rows) - len(kept),
    )


def _train(study: Path, run_id: str, config: StudyConfig, item: PendingLens) -> Iterator[Row]:
    data = load_training_set(study, run_id, config, concept=item.concept, layer=item.layer)
    groups = join_groups(data.templates, data.texts)
    baselines = evaluate_texts(data.y, groups=groups, texts=data.texts, seed=config.seed, n_folds=config.folds)
    for name in item.families:
        family = FAMILIES[name]
        evaluation = evaluate(
            family,
            data.X,
            data.y,
            groups=groups,
            texts=data.texts,
            seed=config.seed,
            n_folds=config.folds,
            baselines=baselines,
        )
        identity = lens_id(run_id, config, item.concept, name, item.layer, item.pairs_hash)
        if evaluation.scores is not None:
            fitted = family.fit(data.X, data.y, groups=groups, seed=config.seed)
            _save(fitted.state(), study / "lenses" / run_id / f"layer{item.layer}" / f"{identity}.safetensors")
        yield _lens_row(identity, run_id, config, item, evaluation, data.n_excluded)
        yield from _measure_rows(identity, evaluation)
        yield from _score_rows(identity, data, evaluation)


def _save(state: State, file: Path) -> None:
    from safetensors import SafetensorError

    try:
        save_lens(state, file)
    except OSError as error:
        raise unwritable(file, error) from error
    except SafetensorError as error:
        # safetensors gives no error number, only the system's words.
        raise StudyFull(f"{file} could not be written: {error}.", hint="Free some space and run it again.") from error


def _lens_row(
    identity: str, run_id: str, config: StudyConfig, item: PendingLens, found: LensEvaluation, n_excluded: int
) -> LensRow:
    return LensRow(
        lens_id=identity,
        run_id=run_id,
        concept=item.concept,
        family=found.family,
        layers=(item.layer,),
        phase=config.phase,
        mode=config.mode,
        pool=config.pool,
        n_positive=found.n_positive,
        n_negative=found.n_negative,
        n_excluded=n_excluded,
        n_groups=found.n_groups,
        threshold=None,
        fit_seconds=None,
        n_parameters=None,
        reason=found.reason,
        n_pairs_more=None,
        trained_at=now(),
    )


def _measure_rows(identity: str, found: LensEvaluation) -> Iterator[LensMeasureRow]:
    if found.scores is None:
        return
    n = found.n_positive + found.n_negative
    always = without_interval(
        found.always_positive_f1 or 0.0, n=n, method="2π / (1 + π)", because="it follows from the arms"
    )
    measures = {
        "f1": found.f1,
        "precision": found.precision,
        "recall": found.recall,
        "auc": found.auc,
        "average_precision": found.average_precision,
        "always_positive_f1": always,
        "shuffled_f1": found.shuffled_f1,
        "text_only_f1": found.text_only_f1,
        "length_only_f1": found.length_only_f1,
    }
    for name, each in measures.items():
        yield LensMeasureRow(identity, name, each.value, each.low, each.high, each.n, each.reason, each.method)


def _score_rows(identity: str, data: TrainingSet, found: LensEvaluation) -> Iterator[LensScoreRow]:
    if found.scores is None:
        return
    scores = zip(
        data.sample_ids,
        found.scores.fold.tolist(),
        found.scores.probability.tolist(),
        found.scores.fires.tolist(),
        strict=True,
    )
    for sample_id, fold, probability, fires in scores:
        yield LensScoreRow(identity, sample_id, 0, fold, probability, fires)
