"""The findings of a run as one JSON document. Shares are fractions of 1; unknown is null."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from db import connect, query
from engine.config import StudyConfig, order_families
from engine.exchange.activation_report import load_activations
from engine.exchange.correlations import build_correlations, load_topic_accuracy
from engine.exchange.curves import curve_json, load_curves
from engine.exchange.lens_measures import load_lens_measures
from engine.exchange.report_lenses import (
    LENS_ID,
    deepest_layer,
    deepest_lenses,
    deepest_rows,
    lens_json,
    lens_summary_json,
    lenses_by_concept,
    own_lenses,
    require_trained,
)
from engine.exchange.reported import Reported, load_reported
from engine.exchange.runs import find_run
from engine.exchange.sensitivity import sensitivity_json
from engine.stats.ceiling import Ceiling
from engine.stats.estimate import Estimate
from engine.stats.findings import ArmCounts, ConceptCounts, Finding, Findings, Settings, count_concepts, find
from engine.stats.form import FormRule
from engine.stats.learning_curve import LearningCurve
from engine.stats.lens_results import LensResult, explain_mean_excess

Json = dict[str, Any]
Row = tuple[Any, ...]
_PACK_LAYER = 6
"""Place of that column in rows of `findings.quadrants`."""


def build_report(
    study: Path,
    *,
    run_id: str | None = None,
    judge_id: str | None = None,
    family: str | None = None,
    form_rule: FormRule = "loop",
    settings: Settings | None = None,
    concept_sensitivity: bool = False,
) -> Json:
    """The report of one run, one judge (by default those that the dashboard shows first) and one lens family
    (by default the first trained of those that the run asked for).

    Lenses are those of the phase, mode and pool of the run's settings, else the nearest to them, at the deepest layer trained.
    ``concept_sensitivity`` adds to each concept what its ceilings would be, which takes seconds for thousands.
    StudyMissing when the study holds no such run.
    """
    kept = _load(study, run_id=run_id, judge_id=judge_id, family=family, form_rule=form_rule)
    found = find(_counted(kept), settings=settings or Settings())
    own = own_lenses(kept.lenses, family=kept.family)
    chosen = deepest_lenses(own)
    return {
        "run": kept.run,
        "judge": _judge(kept.judges, kept.judge),
        "form_rule": form_rule,
        "n_samples": kept.totals[1],
        "n_pairs": kept.totals[2],
        "lens": {"family": kept.family, "layer": deepest_layer(own)},
        "settings": {
            "k": found.settings.k,
            "stability": found.settings.stability,
            "user_target": found.settings.user_target,
            "target_from": found.settings.model,
        },
        "caution": explain_mean_excess(chosen.values(), found.overall.concept_ceilings, model=found.settings.model),
        "overall": _group(found.overall, chosen),
        "quadrants": {name: _group(finding, chosen) for name, finding in found.quadrants.items()},
        "pack_layers": {name: _group(finding, chosen) for name, finding in found.pack_layers.items()},
        "activation_quality": load_activations(
            study, kept.run, judge_id=kept.judge, k=found.settings.k, form_rule=form_rule
        ),
        "correlations": build_correlations(kept.profiles, found.concepts, chosen, kept.topic_accuracy),
        "concepts": _concepts(kept, found, own, with_sensitivity=concept_sensitivity),
    }


@dataclass(frozen=True, slots=True)
class _Kept:
    """What the study holds of a run, in rows of the statements that are named so, and whose judgments and lenses are meant."""

    run: str
    judge: str | None
    family: str
    judges: list[Row]
    totals: Row
    profiles: list[Row]
    counts: list[Row]
    lenses: list[Row]
    curves: Mapping[str, LearningCurve]
    reported: Reported
    topic_accuracy: Mapping[str, float]
    measures: Mapping[str, Mapping[str, Estimate]]


def _load(study: Path, *, run_id: str | None, judge_id: str | None, family: str | None, form_rule: FormRule) -> _Kept:
    with connect(study) as cursor:
        run = find_run(cursor, study, run_id)
        of_run: dict[str, str | None] = {"run_id": run}
        judges = cursor.execute(query("findings.judges"), of_run).fetchall()
        judge = judge_id or (judges[0][0] if judges else None)
        of_judge = of_run | {"judge_id": judge, "concept": None, "form_rule": form_rule}
        lenses = cursor.execute(query("findings.lenses"), of_run | {"concept": None}).fetchall()
        require_trained(run, family, lenses)
        if family is None:
            config = cursor.execute(query("stages.run"), of_run).fetchall()[0][1]
            asked = json.loads(config).get("lenses") or StudyConfig().lenses
            family = [*order_families((row[1] for row in lenses), asked), *asked][0]
        return _Kept(
            run=run,
            judge=judge,
            family=family,
            judges=judges,
            totals=cursor.execute(query("stages.totals"), of_run).fetchone() or (0, 0, 0),
            profiles=cursor.execute(query("findings.quadrants"), of_run).fetchall(),
            counts=cursor.execute(query("findings.counts"), of_judge).fetchall(),
            lenses=lenses,
            curves=load_curves(cursor, run, family=family),
            reported=load_reported(cursor, run),
            topic_accuracy=load_topic_accuracy(cursor, run, judge),
            measures=load_lens_measures(cursor, run),
        )


def _counted(kept: _Kept) -> list[ConceptCounts]:
    quadrants: dict[str, str | None] = {concept: quadrant for concept, quadrant, *_ in kept.profiles}
    layers: dict[str, int | None] = {profile[0]: profile[_PACK_LAYER] for profile in kept.profiles}
    return count_concepts(kept.counts, quadrants=quadrants, pack_layers=layers, curves=kept.curves)


def _concepts(kept: _Kept, found: Findings, own: Sequence[Row], *, with_sensitivity: bool) -> list[Json]:
    """Every concept, in the run's order, with its lens, all lenses there are, and what others reported of it."""
    chosen = deepest_lenses(own)
    beside = {concept: kept.measures.get(row[LENS_ID], {}) for concept, row in deepest_rows(own).items()}
    every = lenses_by_concept(kept.lenses, kept.measures)
    return [
        {
            **_concept(found, profile, chosen, beside),
            "lenses": every.get(profile[0], []),
            "reported": kept.reported.get(profile[0], {}),
            **({"sensitivity": sensitivity_json(found.concepts[profile[0]])} if with_sensitivity else {}),
        }
        for profile in kept.profiles
    ]


def _judge(judges: Iterable[Row], judge_id: str | None) -> Json | None:
    for row in judges:
        if row[0] == judge_id:
            return {"id": row[0], "backend": row[1], "model": row[2], "is_baseline": row[4], "cost_usd": row[6]}
    return None


def _concept(
    found: Findings,
    profile: Row,
    lenses: Mapping[str, LensResult],
    beside: Mapping[str, Mapping[str, Estimate]],
) -> Json:
    concept, quadrant, reason, n_senses, n_siblings, sibling_count, pack_layer = profile
    lens = lenses.get(concept)
    return {
        "concept": concept,
        "quadrant": quadrant,
        "quadrant_reason": reason,
        "pack_layer": pack_layer,
        "n_senses": n_senses,
        "n_siblings": n_siblings,
        "sibling_count": sibling_count,
        **_finding(found.concepts[concept], [lens] if lens else []),
        "lens": lens_json(lens, beside.get(concept, {})),
    }


def _group(finding: Finding, lenses: Mapping[str, LensResult]) -> Json:
    """A finding on several concepts, with the lenses of those and the intervals of both bootstraps beside those shown."""
    own = [lenses[concept.concept] for concept in finding.concepts if concept.concept in lenses]
    bootstrap = {"ratings": finding.gap_bootstrap, "concepts": finding.cluster_bootstrap}
    return {
        **_finding(finding, own),
        "gap_bootstrap": {units: asdict(found) if found else None for units, found in bootstrap.items()},
        "sensitivity": sensitivity_json(finding),
    }


def _finding(finding: Finding, lenses: Iterable[LensResult]) -> Json:
    gap = finding.best_gap
    return {
        "n_concepts": finding.n_concepts,
        "n_positive": finding.positive.n,
        "n_negative": finding.negative.n,
        "n_positive_rated": finding.positive.histogram.n,
        "n_negative_rated": finding.negative.histogram.n,
        "positive_mean": finding.positive.histogram.mean,
        "negative_mean": finding.negative.histogram.mean,
        "gap": gap.value,
        "gap_low": gap.low,
        "gap_high": gap.high,
        "gap_method": gap.method,
        "gap_n": gap.n,
        "gap_weak": finding.cluster.weak if finding.cluster else None,
        "gap_weak_because": finding.weak_because,
        "gap_reason": gap.reason,
        "gap_within_ratings": asdict(finding.gap),
        "gap_welch": asdict(finding.gap_welch),
        "topicality": asdict(finding.best_decomposition.topicality),
        "degeneracy": asdict(finding.best_decomposition.degeneracy),
        "parts_weak_because": finding.weak_because,
        "topicality_within_ratings": asdict(finding.decomposition.topicality),
        "degeneracy_within_ratings": asdict(finding.decomposition.degeneracy),
        "form": {"positive": _form(finding.positive), "negative": _form(finding.negative)},
        "n_formed": {"positive": finding.positive.n_measured, "negative": finding.negative.n_measured},
        "ratings": {
            "positive": list(finding.positive.histogram.counts),
            "negative": list(finding.negative.histogram.counts),
        },
        "ceilings": {name: _ceiling(ceiling) for name, ceiling in finding.ceilings.items()},
        "learning_curve": curve_json(finding.curve),
        "target": {"value": finding.target.value, "tier": finding.target.tier, "reason": finding.target.reason},
        "lens": lens_summary_json(lenses),
    }


def _form(arm: ArmCounts) -> Json:
    return {form: share for form, share in arm.form_shares().items()}  # noqa: C416 -- plain str keys


def _ceiling(ceiling: Ceiling) -> Json:
    return {
        **asdict(ceiling.estimate),
        "formula": ceiling.formula,
        "inputs": dict(ceiling.inputs),
        "reference_labels": ceiling.reference_labels,
        "prevalence": ceiling.prevalence,
        "floor": ceiling.floor,
    }
