"""What goes with the measured F1 over a run's concepts, for the report: the gap, and each other predictor."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import duckdb

from db import query
from engine.stats.findings import Finding
from engine.stats.lens_results import LensResult
from engine.stats.predictors import Values, correlate_predictors

Json = dict[str, Any]
SEED = 0
"""Of the resamples that check an interval."""
_CELLS = 200_000
"""Ranks that are resampled: of thousands of concepts fewer times, for Fisher's interval is the one that is shown."""


def load_topic_accuracy(cursor: duckdb.DuckDBPyConnection, run_id: str, judge_id: str | None) -> dict[str, float]:
    """Share of a judge's votes on a concept's texts that name the concept, by concept; those without a vote are missing."""
    values = {"run_id": run_id, "judge_id": judge_id}
    rows = cursor.execute(query("correlations.topic_accuracy"), values).fetchall()
    return {concept: share for concept, _, share in rows}


def build_correlations(
    profiles: Iterable[tuple[Any, ...]],
    findings: Mapping[str, Finding],
    lenses: Mapping[str, LensResult],
    topic_accuracy: Mapping[str, float],
) -> list[Json]:
    """Correlate each predictor with the F1 of the lenses, over the concepts of rows of `findings.quadrants`.

    A concept counts where it has the predictor and a measured lens.
    """
    rows = list(profiles)
    concepts = [row[0] for row in rows]
    own = [lenses.get(concept) for concept in concepts]
    found = correlate_predictors(
        predictor_values(rows, findings, topic_accuracy),
        [lens.f1 if lens else None for lens in own],
        n_pairs=[lens.n if lens else None for lens in own],
        seed=SEED,
        n_resamples=max(100, min(1000, _CELLS // max(len(concepts), 1))),
    )
    return [asdict(one) for one in found]


def predictor_values(
    profiles: Iterable[tuple[Any, ...]], findings: Mapping[str, Finding], topic_accuracy: Mapping[str, float]
) -> dict[str, Values]:
    """Every predictor of F1, its values in the order of rows of `findings.quadrants`, None where unknown."""
    rows = list(profiles)
    concepts = [row[0] for row in rows]
    return {
        "gap": [findings[concept].best_gap.value for concept in concepts],
        "good share": [findings[concept].positive.form_shares()["good"] for concept in concepts],
        "number of senses": [row[3] for row in rows],
        "number of siblings": [row[4] for row in rows],
        "topic accuracy": [topic_accuracy.get(concept) for concept in concepts],
    }
