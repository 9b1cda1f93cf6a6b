"""The claim ledger of a run: what the report says of training data, decided on this study."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import duckdb

from db import connect, query
from engine.config import StudyConfig, order_families
from engine.errors import ConfigError
from engine.exchange.ask import Ask, asking
from engine.exchange.audit_agreement import build_audit_agreement
from engine.exchange.audited_ratings import agreement_of_judge
from engine.exchange.curves import load_curves
from engine.exchange.report_lenses import deepest_lenses, own_lenses, require_trained
from engine.exchange.reported import Reported, load_reported
from engine.exchange.runs import find_run
from engine.stats.claim_data_statements import data_statements
from engine.stats.claim_facts import (
    ArmFiring,
    ConceptFacts,
    Firing,
    LensFiring,
    StudyFacts,
    concept_facts,
    gain_of_last_doubling,
)
from engine.stats.claim_lens_statements import UNTESTABLE, lens_statements
from engine.stats.claims import Claim, Ledger, decide
from engine.stats.findings import count_concepts
from engine.stats.form import FormRule
from engine.stats.learning_curve import LearningCurve
from engine.stats.lens_results import LensResult

Json = dict[str, Any]
_CHANGED: Final = {"filter": "f1", "refinement": "top1", "splitting": "f1", "bucketing": "f1"}
"""The measure by which each kind of comparison is judged."""


@dataclass(frozen=True, slots=True)
class StudyClaims:
    """The ledger of a run, with whose ratings and which lenses decided it."""

    run: str
    judge: Json | None
    lens: Json
    n_concepts: int
    ledger: Ledger


def build_claims(
    study: Path,
    *,
    run_id: str | None = None,
    judge_id: str | None = None,
    family: str | None = None,
    form_rule: FormRule = "loop",
    k: int = 2,
    ask: Ask | None = None,
) -> StudyClaims:
    """Decide every statement on one run by one judge's verdicts and one family of lenses, chosen as in the report.

    Of an imported run without lenses the reported F1 stand in, and `lens` says so. Ratings of at most ``k`` are off topic.
    StudyMissing when the study holds no such run, ConfigError for a judge or family that it does not have.
    """
    with connect(study) as cursor:
        ask = ask or asking(cursor)
        run = find_run(cursor, study, run_id)
        judge = _judge(ask, run, judge_id)
        lenses = _lenses(cursor, run, family)
        reported = {} if lenses.rows else _reported_f1(load_reported(cursor, run))
        facts = StudyFacts(
            concepts=_concepts(
                ask, run, judge["id"] if judge else None, lenses, form_rule=form_rule, k=k, reported=reported
            ),
            agreement=agreement_of_judge(ask, run, judge["id"]) if judge else {},
            changes=_changes(cursor, run),
            transfer=[row[1:] for row in cursor.execute(query("claims.transfer"), {"run_id": run}).fetchall()],
            learning=_learning(load_curves(cursor, run, family=lenses.family).values()),
        )
    ledger = decide([*data_statements(facts), *lens_statements(facts)], untestable=UNTESTABLE)
    lens = {"family": lenses.family, "layer": lenses.layer, "is_reported": bool(reported)}
    return StudyClaims(run, judge, lens, len(facts.concepts), ledger)


def claims_json(found: StudyClaims) -> Json:
    """The ledger as JSON; unknown is null."""
    ledger = found.ledger
    return {
        "run": found.run,
        "judge": found.judge,
        "lens": found.lens,
        "n_concepts": found.n_concepts,
        "rule": ledger.rule,
        "n_tested": ledger.n_tested,
        "claims": [_claim(claim) for claim in ledger.claims],
        "untestable": [asdict(remark) for remark in ledger.untestable],
    }


def _claim(claim: Claim) -> Json:
    evidence = [
        {
            "words": one.words,
            **{name: getattr(one.estimate, name) for name in ("value", "low", "high", "n", "reason", "method")},
            "unit": one.unit,
            "side": one.side,
            "bar": one.bar,
        }
        for one in claim.evidence
    ]
    return asdict(claim) | {"evidence": evidence}


@dataclass(frozen=True, slots=True)
class _Lenses:
    """Rows of `findings.lenses` of one family: each concept's at its deepest layer."""

    family: str
    rows: Mapping[str, tuple[Any, ...]]

    @property
    def layer(self) -> int | None:
        """The deepest layer."""
        return max((row[2][0] for row in self.rows.values()), default=None)


def _lenses(cursor: duckdb.DuckDBPyConnection, run: str, family: str | None) -> _Lenses:
    rows = cursor.execute(query("findings.lenses"), {"run_id": run, "concept": None}).fetchall()
    if rows:
        require_trained(run, family, rows)
    if family is None:
        config = cursor.execute(query("stages.run"), {"run_id": run}).fetchall()[0][1]
        asked = json.loads(config).get("lenses") or StudyConfig().lenses
        family = [*order_families((row[1] for row in rows), asked), *asked][0]
    deepest: dict[str, tuple[Any, ...]] = {}
    for row in own_lenses(rows, family=family):
        if row[0] not in deepest or row[2] > deepest[row[0]][2]:
            deepest[row[0]] = row
    return _Lenses(family, deepest)


def _reported_f1(reported: Reported) -> dict[str, LensResult]:
    """The F1 that others reported of each concept of an imported run, of one column where there are several."""
    columns = sorted({name for values in reported.values() for name in values if name.endswith("f1")})
    if not columns:
        return {}
    bare = LensResult("", None, None, None, None, None, None, None, 0, None)
    return {
        concept: replace(bare, concept=concept, f1=values[columns[0]])
        for concept, values in reported.items()
        if columns[0] in values
    }


def _learning(curves: Iterable[LearningCurve]) -> list[float]:
    """By how much F1 on all pairs of each concept exceeds that on about half of them."""
    return [gain for curve in curves if (gain := gain_of_last_doubling(curve.n_train, curve.f1)) is not None]


def _judge(ask: Ask, run: str, judge_id: str | None) -> Json | None:
    rows = ask("findings.judges", {"run_id": run})
    row = next((row for row in rows if judge_id in (None, row[0])), None)
    if row is None and judge_id is not None:
        raise ConfigError(
            f"No judge {judge_id} has been asked about run {run}.", hint="See them: lensgap judge compare"
        )
    return {"id": row[0], "backend": row[1], "model": row[2], "is_baseline": row[4]} if row else None


def _concepts(
    ask: Ask,
    run: str,
    judge: str | None,
    lenses: _Lenses,
    *,
    form_rule: FormRule,
    k: int,
    reported: Mapping[str, LensResult],
) -> tuple[ConceptFacts, ...]:
    profiles = {row[0]: row for row in ask("findings.quadrants", {"run_id": run})}
    values = {"run_id": run, "judge_id": judge, "concept": None, "form_rule": form_rule}
    counts = ask("findings.counts", values)
    graduated: dict[str, bool] = dict(ask("claims.graduated", {"run_id": run}))
    firing = _firing(ask, run, judge, lenses, form_rule=form_rule, k=k)
    results = reported or deepest_lenses(lenses.rows.values())
    return tuple(
        concept_facts(
            one,
            n_senses=profiles[one.concept][3],
            n_siblings=profiles[one.concept][4],
            k=k,
            lens=results.get(one.concept),
            firing=firing.get(one.concept),
            graduated=graduated.get(one.concept),
        )
        for one in count_concepts(counts, quadrants={name: row[1] for name, row in profiles.items()})
    )


def _firing(
    ask: Ask, run: str, judge: str | None, lenses: _Lenses, *, form_rule: FormRule, k: int
) -> dict[str, LensFiring]:
    """Where the lens of each concept fires out of fold."""
    chosen = [row[_LENS_ID] for row in lenses.rows.values()]
    values = {"run_id": run, "judge_id": judge, "lens_ids": chosen, "form_rule": form_rule, "concept": None}
    rows = ask("claims.firing", values) if chosen else []
    concepts: dict[str, list[tuple[Any, ...]]] = {}
    for concept, arm, kind, is_degenerate, rating, *counts in rows:
        is_off_topic = None if rating is None else rating <= k
        concepts.setdefault(concept, []).append((arm, kind, is_degenerate, is_off_topic, *counts))
    return {concept: _lens_firing(rows) for concept, rows in concepts.items()}


_LENS_ID = 20
"""Place of that column in rows of `findings.lenses`."""


def _lens_firing(rows: Sequence[tuple[Any, ...]]) -> LensFiring:
    """Add up rows of (arm, negative_kind, is_degenerate, is_off_topic, n, n_fires)."""

    def total(arm: str, place: int, value: object) -> Firing:
        chosen = (Firing(*row[4:]) for row in rows if row[0] == arm and row[place] == value)
        return sum(chosen, Firing())

    def both(place: int, value: bool) -> ArmFiring:
        return ArmFiring(total("positive", place, value), total("negative", place, value))

    return LensFiring(
        good=both(2, False),
        degenerate=both(2, True),
        off_topic=both(3, True),
        sibling=total("negative", 1, "sibling"),
        unrelated=total("negative", 1, "unrelated"),
    )


def _changes(cursor: duckdb.DuckDBPyConnection, run: str) -> dict[str, list[float]]:
    """What the latest comparison of each kind changed, a value a concept, of a refinement a value a group of siblings."""
    found = {}
    for kind, comparison, settings in cursor.execute(query("claims.comparisons"), {"run_id": run}).fetchall():
        values = {"comparison_id": comparison, "measure": _CHANGED[kind]}
        differences = dict(cursor.execute(query("claims.differences"), values).fetchall())
        groups = json.loads(settings).get("groups") or [[concept] for concept in differences]
        known = [[differences[c] for c in group if c in differences] for group in groups]
        found[kind] = [sum(group) / len(group) for group in known if group]
    return found


def what_stands_beside(study: Path, report: Json) -> Json:
    """Claims and agreement on audited pairs, as keys of a report's JSON, by its run, judge, lenses and settings."""
    judge = report["judge"]
    claims = build_claims(
        study,
        run_id=report["run"],
        judge_id=judge["id"] if judge else None,
        family=report["lens"]["family"],
        form_rule=report["form_rule"],
        k=report["settings"]["k"],
    )
    return {"claims": claims_json(claims), "audit_agreement": build_audit_agreement(study, run_id=report["run"])}
