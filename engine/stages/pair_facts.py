"""The captured pairs of a whole run at one layer, with what is known of each; activations are read when they are needed."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from db import connect, query
from engine.config import StudyConfig
from engine.lenses.interface import AnyFloats
from engine.stages.not_finite import finite_rows
from engine.stats.form import FormRule
from engine.subject.shards import read_vectors


@dataclass(frozen=True, slots=True)
class PairFact:
    """One pair of a concept: arm 1 (positive) or 0, form, and the verdict in force or None."""

    sample_id: str
    arm: int
    template: str
    prompt_concept: str
    text: str
    shard: str
    shard_row: int
    form: str | None
    verdict: float | None
    verdict_source: str | None


@dataclass(frozen=True, slots=True, eq=False)
class FiniteRows:
    """Pairs whose activation is finite, with it: `X` [n, d] belongs to `pairs`; the samples of the others are `left_out`."""

    pairs: tuple[PairFact, ...]
    X: AnyFloats
    left_out: frozenset[str]


def load_pairs(
    study: Path,
    run_id: str,
    config: StudyConfig,
    *,
    layer: int,
    judge_id: str | None = None,
    form_rule: FormRule = "loop",
) -> dict[str, list[PairFact]]:
    """The pairs of every concept, in the run's order."""
    values = {
        "run_id": run_id,
        "layer": layer,
        "phase": config.phase,
        "mode": config.mode,
        "judge_id": judge_id,
        "form_rule": form_rule,
    }
    found: dict[str, list[PairFact]] = {}
    with connect(study) as cursor:
        for concept, sample_id, arm, *rest in cursor.execute(query("refinement.pairs"), values).fetchall():
            found.setdefault(concept, []).append(PairFact(sample_id, int(arm == "positive"), *rest))
    return found


def read_rows(
    study: Path, config: StudyConfig, pairs: Sequence[PairFact], *, layer: int, width: int | None
) -> FiniteRows:
    """The activations of pairs, those that are not finite left out; each sample is read once.

    ActivationsError for those of another width than the run's model has, where that is known.
    """
    tensor = f"{layer}.{config.phase}" + ("-last" if config.pool == "last" else "")
    places = {pair.sample_id: (pair.shard, pair.shard_row) for pair in pairs}
    vectors = np.asarray(read_vectors(study, tensor, list(places.values()), sample_ids=tuple(places), width=width))
    is_finite = dict(zip(places, finite_rows(vectors), strict=True))
    at = {sample_id: place for place, sample_id in enumerate(places)}
    kept = tuple(pair for pair in pairs if is_finite[pair.sample_id])
    left_out = frozenset(sample_id for sample_id in places if not is_finite[sample_id])
    return FiniteRows(kept, vectors[[at[pair.sample_id] for pair in kept]], left_out)


def pairs_hash(pairs: Mapping[str, Sequence[PairFact]], *, with_verdicts: bool = False) -> str:
    """Fingerprint of the pairs, and of what decides which of them are used."""
    content = hashlib.blake2b(digest_size=8)
    for concept, own in pairs.items():
        for pair in sorted(own, key=lambda one: one.sample_id):
            judged = (pair.form, pair.verdict) if with_verdicts else ()
            content.update(repr((concept, pair.sample_id, pair.arm, *judged)).encode(errors="surrogatepass"))
    return content.hexdigest()
