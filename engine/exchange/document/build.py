"""Build the whole document from a study: findings first, then what stands beside them."""

import hashlib
import json
import shlex
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.exchange.agreement import build_agreement
from engine.exchange.claims import what_stands_beside
from engine.exchange.document.activations import activation_section
from engine.exchange.document.ceilings import ceiling_section
from engine.exchange.document.evidence import agreement_section, claim_section, correlation_section
from engine.exchange.document.facts import StudyFacts, read_facts
from engine.exchange.document.form import form_section
from engine.exchange.document.gaps import gap_section
from engine.exchange.document.lenses import lens_section
from engine.exchange.document.model import Document, Section
from engine.exchange.document.place import map_section
from engine.exchange.document.summary import QUESTION, short_answer, summary_section
from engine.exchange.document.texts import example_section, glossary_section, method_section

Json = Mapping[str, Any]


def build_document(study: Path, report: Json, *, now: datetime | None = None) -> Document:
    """The document of a report as `build_report` gives it; StudyMissing where the study is gone."""
    judge = report["judge"]
    facts = read_facts(
        study, run_id=report["run"], judge_id=judge["id"] if judge else None, form_rule=report["form_rule"]
    )
    report = _with_evidence(study, report)
    sections = tuple(_sections(study, report, facts))
    return Document(
        title=QUESTION,
        answer=short_answer(report),
        study=study.absolute().name,
        facts=tuple(_facts(study, report, facts, now or datetime.now(UTC))),
        snapshot=_snapshot(report, facts),
        sections=sections,
        warnings=tuple(_warnings(report)),
    )


def numbers_hash(report: Json) -> str:
    """A hash of the report's numbers: equal as long as all of them are."""
    text = json.dumps(report, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _with_evidence(study: Path, report: Json) -> Json:
    """The report with what stands beside it: claims, and agreement of all who rated."""
    beside = {} if "claims" in report else what_stands_beside(study, dict(report))
    return {**report, **beside, "agreement": build_agreement(study, run_id=report["run"])}


def _sections(study: Path, report: Json, facts: StudyFacts) -> Iterator[Section]:
    command = shlex.quote(str(study))
    yield summary_section(report)
    yield map_section(report, facts)
    yield gap_section(report, facts)
    yield form_section(report)
    yield ceiling_section(report)
    yield lens_section(report, facts, study=command)
    yield claim_section(report, study=command)
    yield correlation_section(report)
    yield activation_section(report, study=command)
    yield agreement_section(report["audit_agreement"], report["agreement"])
    yield example_section(facts)
    yield method_section(report, facts)
    yield glossary_section()


def _facts(study: Path, report: Json, facts: StudyFacts, now: datetime) -> Iterator[tuple[str, str]]:
    run, judge = facts.run, report["judge"]
    yield "Study", study.absolute().name
    yield "Run", f"{run.run_id}{f' ({run.name})' if run.name != run.run_id else ''}, {run.created_at:%Y-%m-%d}"
    yield "Model", run.model if run.imported_from is None else f"{run.model} (texts imported)"
    yield "Pack", f"{run.pack} {run.pack_version}"
    yield "Judge", _judge(judge)
    yield "Written", f"{now:%Y-%m-%d %H:%M} UTC"


def _judge(judge: Json | None) -> str:
    if judge is None:
        return "none yet"
    return f"{judge['backend']}: {judge['model']}{', a baseline' if judge['is_baseline'] else ''}"


def _snapshot(report: Json, facts: StudyFacts) -> str:
    return (
        f"Snapshot {facts.snapshot}: the state of the study, by its runs, what each stage and each measuring has "
        f"written, audit plans and the latest rating by people. Numbers {numbers_hash(report)}: a hash of everything "
        "computed here with these settings, including claims and agreement."
    )


def _warnings(report: Json) -> Iterator[str]:
    judge = report["judge"]
    if judge and judge["is_baseline"]:
        yield (
            "The judge is a baseline, not a language model: it compares words with definitions. Gaps, ceilings and "
            "targets from its ratings only illustrate the report; they do not support decisions."
        )
