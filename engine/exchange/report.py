"""The findings of a run as one JSON document and as a readable table. Shares are fractions of 1; unknown is null."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb
from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from db import connect, query
from engine.config import StudyConfig, order_families
from engine.errors import ConfigError, RunMissing, StudyMissing
from engine.exchange.activation_report import load_activations
from engine.exchange.correlations import build_correlations, load_topic_accuracy
from engine.exchange.curves import curve_json, load_curves
from engine.exchange.lens_measures import NO_LENS, PARTS, RATES, load_lens_measures, parts_json
from engine.exchange.reported import load_reported, reported_table
from engine.exchange.sensitivity import sensitivity_json
from engine.stats.ceiling import Ceiling
from engine.stats.estimate import Estimate
from engine.stats.findings import (
    NO_LAYER,
    ArmCounts,
    Finding,
    Findings,
    LensResult,
    Settings,
    count_concepts,
    explain_excess,
    find,
    summarise_lenses,
)
from engine.stats.form import FormRule
from engine.stats.gap_clusters import UNSEEN_BELOW
from engine.stats.layers import layers_name
from engine.terminal import visible

Json = dict[str, Any]
_IS_DEFAULT = 8
"""Place of that column in rows of `findings.runs`."""
_LENS_ID, _UNLIKE = 20, 21
"""Places of these columns in rows of `findings.lenses`."""
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
    with connect(study) as cursor:
        run = find_run(cursor, study, run_id)
        config = cursor.execute(query("stages.run"), {"run_id": run}).fetchall()[0][1]
        judges = cursor.execute(query("findings.judges"), {"run_id": run}).fetchall()
        judge = judge_id or (judges[0][0] if judges else None)
        profiles = cursor.execute(query("findings.quadrants"), {"run_id": run}).fetchall()
        values = {"run_id": run, "judge_id": judge, "concept": None, "form_rule": form_rule}
        counts = cursor.execute(query("findings.counts"), values).fetchall()
        lenses = cursor.execute(query("findings.lenses"), {"run_id": run, "concept": None}).fetchall()
        totals = cursor.execute(query("stages.totals"), {"run_id": run}).fetchone() or (0, 0, 0)
        require_trained(run, family, lenses)
        if family is None:
            asked = json.loads(config).get("lenses") or StudyConfig().lenses
            family = [*order_families((row[1] for row in lenses), asked), *asked][0]
        curves = load_curves(cursor, run, family=family)
        reported = load_reported(cursor, run)
        topic_accuracy = load_topic_accuracy(cursor, run, judge)
        measures = load_lens_measures(cursor, run)
    quadrants: dict[str, str | None] = {concept: quadrant for concept, quadrant, *_ in profiles}
    layers: dict[str, int | None] = {profile[0]: profile[_PACK_LAYER] for profile in profiles}
    counted = count_concepts(counts, quadrants=quadrants, pack_layers=layers, curves=curves)
    found = find(counted, settings=settings or Settings())
    own = own_lenses(lenses, family=family)
    chosen = deepest_lenses(own)
    beside = {concept: measures.get(row[_LENS_ID], {}) for concept, row in deepest_rows(own).items()}
    of_concept = _by_concept(lenses, measures)
    return {
        "run": run,
        "judge": _judge(judges, judge),
        "form_rule": form_rule,
        "n_samples": totals[1],
        "n_pairs": totals[2],
        "lens": {"family": family, "layer": _deepest(own)},
        "settings": {
            "k": found.settings.k,
            "stability": found.settings.stability,
            "user_target": found.settings.user_target,
            "target_from": found.settings.model,
        },
        "caution": explain_excess(
            summarise_lenses(chosen.values()),
            found.overall.ceilings[found.settings.model].estimate,
            model=found.settings.model,
        ),
        "overall": _group(found.overall, chosen),
        "quadrants": {name: _group(finding, chosen) for name, finding in found.quadrants.items()},
        "pack_layers": {name: _group(finding, chosen) for name, finding in found.pack_layers.items()},
        "activation_quality": load_activations(study, run, judge_id=judge, k=found.settings.k, form_rule=form_rule),
        "correlations": build_correlations(profiles, found.concepts, chosen, topic_accuracy),
        "concepts": [
            {
                **_concept(found, profile, chosen, beside),
                "lenses": of_concept.get(profile[0], []),
                "reported": reported.get(profile[0], {}),
                **({"sensitivity": sensitivity_json(found.concepts[profile[0]])} if concept_sensitivity else {}),
            }
            for profile in profiles
        ],
    }


def require_trained(run: str, family: str | None, lenses: Iterable[tuple[Any, ...]]) -> None:
    """Raise ConfigError for a family that is asked for by name and that the run has no lens of."""
    trained = sorted({row[1] for row in lenses})
    if family is not None and family not in trained:
        hint = f"It has {', '.join(trained)}; train others: lensgap train." if trained else "Train them: lensgap train."
        raise ConfigError(f"Run {run} has no {family} lenses.", hint=hint)


def find_run(cursor: duckdb.DuckDBPyConnection, study: Path, run_id: str | None) -> str:
    """The run that is asked for, by default the newest that has samples; StudyMissing where there is none."""
    if run_id:
        found = cursor.execute(query("stages.run"), {"run_id": run_id}).fetchone()
    else:
        rows = cursor.execute(query("findings.runs")).fetchall()
        found = next((row for row in rows if row[_IS_DEFAULT]), None)
    if found is None and run_id:
        raise RunMissing(f"{study} holds no run {run_id}.", hint=f"See the runs: lensgap status {study}.")
    if found is None:
        raise StudyMissing(f"{study} holds no run yet.", hint="Start one with: lensgap run")
    return str(found[0])


def own_lenses(rows: Iterable[tuple[Any, ...]], *, family: str) -> list[tuple[Any, ...]]:
    """The lenses of a family that read one layer and are nearest to the run's settings, from rows of `findings.lenses`.

    Lenses that read several layers joined, or another phase, mode or pool, stand beside them in the report.
    """
    of_family = [row for row in rows if row[1] == family and len(row[2]) == 1]
    nearest = min((row[_UNLIKE] for row in of_family), default=0)
    return [row for row in of_family if row[_UNLIKE] == nearest]


def deepest_rows(rows: Iterable[tuple[Any, ...]]) -> dict[str, tuple[Any, ...]]:
    """The row of each concept at the deepest trained layer."""
    deepest: dict[str, tuple[Any, ...]] = {}
    for row in rows:
        if row[0] not in deepest or row[2] > deepest[row[0]][2]:
            deepest[row[0]] = row
    return deepest


def deepest_lenses(rows: Iterable[tuple[Any, ...]]) -> dict[str, LensResult]:
    """The lens of each concept at the deepest trained layer."""
    return {
        concept: LensResult(
            concept=concept,
            f1=row[5],
            f1_low=row[6],
            f1_high=row[7],
            always_positive_f1=row[12],
            shuffled_f1=row[13],
            text_only_f1=row[14],
            length_only_f1=row[15],
            n=row[16] + row[17],
            reason=row[19],
        )
        for concept, row in deepest_rows(rows).items()
    }


def _deepest(rows: Iterable[tuple[Any, ...]]) -> int | None:
    return max((row[2][0] for row in rows), default=None)


def _by_concept(
    rows: Iterable[tuple[Any, ...]], measures: Mapping[str, Mapping[str, Estimate]]
) -> dict[str, list[Json]]:
    """Every lens of each concept, with what it reads."""
    found: dict[str, list[Json]] = {}
    for row in rows:
        concept, family, layers, phase, mode, f1, low, high, _, _, auc, *_, reason, lens_id, _ = row
        lens = {"family": family, "reads": layers_name(layers), "layers": layers, "phase": phase, "mode": mode}
        lens |= {"f1": f1, "low": low, "high": high, "auc": auc, "reason": reason}
        lens |= parts_json(measures.get(lens_id, {}), reason=reason)
        found.setdefault(concept, []).append(lens)
    return found


def _judge(judges: Iterable[tuple[Any, ...]], judge_id: str | None) -> Json | None:
    for row in judges:
        if row[0] == judge_id:
            return {"id": row[0], "backend": row[1], "model": row[2], "is_baseline": row[4], "cost_usd": row[6]}
    return None


def _concept(
    found: Findings,
    profile: tuple[Any, ...],
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
        "lens": _lens(lens, beside.get(concept, {})),
    }


def _group(finding: Finding, lenses: Mapping[str, LensResult]) -> Json:
    """A finding on several concepts, with the lenses of those and the intervals of both bootstraps beside those shown."""
    own = [lenses[concept.concept] for concept in finding.concepts if concept.concept in lenses]
    bootstrap = {"ratings": finding.gap_bootstrap, "concepts": finding.cluster_bootstrap}
    return {
        **_finding(finding, own),
        "gap_bootstrap": {units: _estimate(found) if found else None for units, found in bootstrap.items()},
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
        "gap_within_ratings": _estimate(finding.gap),
        "gap_welch": _estimate(finding.gap_welch),
        "topicality": _estimate(finding.best_decomposition.topicality),
        "degeneracy": _estimate(finding.best_decomposition.degeneracy),
        "parts_weak_because": finding.weak_because,
        "topicality_within_ratings": _estimate(finding.decomposition.topicality),
        "degeneracy_within_ratings": _estimate(finding.decomposition.degeneracy),
        "form": {"positive": _form(finding.positive), "negative": _form(finding.negative)},
        "n_formed": {"positive": finding.positive.n_measured, "negative": finding.negative.n_measured},
        "ratings": {
            "positive": list(finding.positive.histogram.counts),
            "negative": list(finding.negative.histogram.counts),
        },
        "ceilings": {name: _ceiling(ceiling) for name, ceiling in finding.ceilings.items()},
        "learning_curve": curve_json(finding.curve),
        "target": {"value": finding.target.value, "tier": finding.target.tier, "reason": finding.target.reason},
        "lens": _lens_summary(lenses),
    }


def _form(arm: ArmCounts) -> Json:
    return {form: share for form, share in arm.form_shares().items()}  # noqa: C416 -- plain str keys


def _estimate(estimate: Estimate) -> Json:
    return {
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "n": estimate.n,
        "method": estimate.method,
        "reason": estimate.reason,
    }


def _ceiling(ceiling: Ceiling) -> Json:
    return {
        **_estimate(ceiling.estimate),
        "formula": ceiling.formula,
        "inputs": dict(ceiling.inputs),
        "reference_labels": ceiling.reference_labels,
        "prevalence": ceiling.prevalence,
        "floor": ceiling.floor,
    }


def _lens_summary(lenses: Iterable[LensResult]) -> Json:
    summary = summarise_lenses(lenses)
    return {
        "mean_f1": summary.f1.value,
        "low": summary.f1.low,
        "high": summary.f1.high,
        "n": summary.f1.n,
        "reason": summary.f1.reason,
        "always_positive_f1": summary.always_positive.value,
        "shuffled_f1": summary.shuffled.value,
        "text_only_f1": summary.text_only.value,
        "over_text_only": _estimate(summary.over_text),
        "length_only_f1": summary.length_only.value,
        "baselines": {
            "always_positive_f1": _estimate(summary.always_positive),
            "shuffled_f1": _estimate(summary.shuffled),
            "text_only_f1": _estimate(summary.text_only),
            "length_only_f1": _estimate(summary.length_only),
        },
    }


def _lens(lens: LensResult | None, measures: Mapping[str, Estimate]) -> Json:
    if lens is None:
        return {"f1": None, "reason": NO_LENS, **parts_json({}, reason=NO_LENS, names=(*PARTS, *RATES))}
    return {
        "f1": lens.f1,
        "low": lens.f1_low,
        "high": lens.f1_high,
        "n": lens.n,
        "reason": lens.reason,
        "always_positive_f1": lens.always_positive_f1,
        "shuffled_f1": lens.shuffled_f1,
        "text_only_f1": lens.text_only_f1,
        "length_only_f1": lens.length_only_f1,
        **parts_json(measures, reason=lens.reason, names=(*PARTS, *RATES)),
    }


COLUMNS = ("pairs", "pos", "neg", "gap", "95 % of gap", "good", "ceil", "ask", "F1", "base")


def report_table(report: Json) -> Group:
    """The report for a terminal: one line a quadrant, one a pack layer where there are several, one a concept.

    From 80 columns on only names are ever shortened.

    Concepts stand by quadrant, those without one last, and within it by gap, the largest first and the unknown last.
    """
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0, header_style="bold")
    table.add_column("")
    for name in COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    overall = report["overall"]
    table.add_row(_label(f"overall{_mark(overall)}"), *_cells(overall), style="bold", end_section=True)
    for name, finding in report["quadrants"].items():
        table.add_row(_label(f"quadrant {name}{_mark(finding)}"), *_cells(finding))
    table.add_section()
    for name, finding in report["pack_layers"].items() if len(report["pack_layers"]) > 1 else ():
        table.add_row(_label(f"{_layer_name(name)}{_mark(finding)}"), *_cells(finding))
    table.add_section()
    for concept in sorted(report["concepts"], key=_place):
        lens = {**concept["lens"], "mean_f1": concept["lens"]["f1"]}
        label = _label(f"{concept['quadrant'] or '–'} {concept['concept']}")
        table.add_row(label, *_cells({**concept, "lens": lens}))
    title = Text("Relevance gap, ceiling and measured F1\n", style="italic")
    caution = [Text(f"\nCaution: {report['caution']}", style="yellow")] if report["caution"] else []
    theirs = filter(None, [reported_table(report["concepts"])])
    return Group(title, table, *caution, _legend(report), *theirs)


def _place(concept: Json) -> tuple[bool, str, bool, float]:
    quadrant, gap = concept["quadrant"], concept["gap"]
    return quadrant is None, quadrant or "", gap is None, -(gap or 0.0)


def _layer_name(name: str) -> str:
    return "no pack layer" if name == NO_LAYER else f"layer {name}"


def _mark(finding: Json) -> str:
    return "*" if finding["gap_weak"] else ""


def _label(text: str) -> Text:
    return Text(visible(text), no_wrap=True, overflow="ellipsis")


def _legend(report: Json) -> Text:
    judge = report["judge"]
    name = visible(f"{judge['backend']} ({judge['model']})") if judge else "none yet"
    caution = " – a baseline, no language model" if judge and judge["is_baseline"] else ""
    family, layer = visible(report["lens"]["family"]), report["lens"]["layer"]
    lens = (
        "F1: no lens has been trained." if layer is None else f"F1: measured out of fold, {family} lens, layer {layer}."
    )
    reason = report["overall"]["gap_reason"]
    gap = f"\nThe overall gap is unknown: {visible(reason)}." if reason else ""
    groups = (report["overall"], *report["quadrants"].values(), *report["pack_layers"].values())
    few = (
        f" *: under {UNSEEN_BELOW} concepts, which may lack a rare kind that fails." if any(map(_mark, groups)) else ""
    )
    return Text(
        f"\npos, neg: mean rating of the arms. good: share of positives in good form. ceil: the label-noise "
        f"ceiling, of several concepts their mean. ask: recommended target. {lens} base: F1 of always saying "
        f"yes.{few}{gap}\nJudge: {name}{caution}.",
        style="dim",
    )


def _cells(finding: Json) -> list[str]:
    lens, low, high = finding["lens"], finding["gap_low"], finding["gap_high"]
    return [
        f"{finding['n_positive'] + finding['n_negative']:,}",
        _number(finding["positive_mean"]),
        _number(finding["negative_mean"]),
        _number(finding["gap"]),
        "–" if low is None else f"[{_number(low)}, {_number(high)}]",
        _number(finding["form"]["positive"]["good"]),
        _number(finding["ceilings"]["label_noise"]["value"]),
        _number(finding["target"]["value"]),
        _number(lens.get("mean_f1")),
        _number(lens.get("always_positive_f1")),
    ]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}".replace("-", "−")
