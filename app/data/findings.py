"""What the findings screen reads beside the counts: the claim ledger, what goes with F1, and what activations hold.

Each is worked out by the same functions as the report, once for all readers, and again when a rating or a measurement comes.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.data.concepts import Lens
from app.data.later import measured
from app.data.memory import remembered
from app.data.rated import asker
from app.data.study import Profile
from db import connect
from engine.exchange.activation_report import load_activations
from engine.exchange.claims import StudyClaims, build_claims
from engine.exchange.correlations import build_correlations, load_topic_accuracy, predictor_values
from engine.stats.findings import Finding
from engine.stats.form import FormRule

Json = dict[str, Any]


def load_claims(
    folder: Path, run_id: str, judge_id: str | None, *, family: str | None, form_rule: FormRule, k: int
) -> StudyClaims:
    """The claim ledger of a run by one judge's verdicts and one family of lenses; the first time seconds on a large study."""
    return build_claims(
        folder, run_id=run_id, judge_id=judge_id, family=family, form_rule=form_rule, k=k, ask=asker(folder)
    )


def load_activation_report(
    folder: Path, run_id: str, judge_id: str | None, *, form_rule: FormRule, k: int
) -> Json | None:
    """What was measured last of the run's activations, with outputs against activations; None where nothing was."""
    return remembered(
        folder,
        ("activations", run_id, judge_id, form_rule, k),
        lambda: load_activations(folder, run_id, judge_id=judge_id, k=k, form_rule=form_rule, ask=asker(folder)),
        also=measured(folder),
    )


def load_accuracy(folder: Path, run_id: str, judge_id: str | None) -> Mapping[str, float]:
    """Share of a judge's votes that name the concept they were asked about, by concept."""

    def accuracy() -> dict[str, float]:
        with connect(folder) as cursor:
            return load_topic_accuracy(cursor, run_id, judge_id)

    return remembered(folder, ("topic accuracy", run_id, judge_id), accuracy)


def load_correlations(
    folder: Path,
    run_id: str,
    judge_id: str | None,
    *,
    profiles: Sequence[Profile],
    findings: Mapping[str, Finding],
    lenses: Mapping[str, Lens],
) -> list[Json]:
    """What goes with the measured F1 of these lenses, one a concept; seconds for many concepts."""
    results = {concept: lens.result for concept, lens in lenses.items()}
    return build_correlations(_rows(profiles), findings, results, load_accuracy(folder, run_id, judge_id))


def load_predictors(
    folder: Path, run_id: str, judge_id: str | None, *, profiles: Sequence[Profile], findings: Mapping[str, Finding]
) -> dict[str, Sequence[float | None]]:
    """Every predictor of F1 with its values in the order of the profiles."""
    return predictor_values(_rows(profiles), findings, load_accuracy(folder, run_id, judge_id))


def _rows(profiles: Sequence[Profile]) -> list[tuple[Any, ...]]:
    return [(p.concept, p.quadrant, p.quadrant_reason, p.n_senses, p.n_siblings) for p in profiles]
