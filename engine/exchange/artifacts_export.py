"""Write a run as a study's artifacts: `samples.json`, `judgments.json`, `analysis.csv`, and a methodology document.

The files are those that `engine.exchange.artifacts_read` reads: exported and imported again, they say the same. What was not
judged, or has no score, is null and never a default. Nothing is overwritten: the folder appears whole or not at all.
"""

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from db import connect, query
from engine.errors import ArtifactsError, LensPackError
from engine.exchange.artifacts import NO_PROMPT, NO_RATING
from engine.exchange.artifacts_files import JUDGMENT_FIELDS, SAMPLE_FIELDS, TEXT_FIELDS
from engine.exchange.artifacts_methodology import Facts, methodology
from engine.exchange.artifacts_read import ANALYSIS, CUT, JUDGMENTS, SAMPLES
from engine.exchange.new_folder import new_folder
from engine.exchange.report import build_report
from engine.exchange.report_lenses import own_lenses
from engine.exchange.reported import load_reported
from engine.exchange.runs import find_run
from engine.exchange.spreadsheets import guarded

METHODOLOGY = "METHODOLOGY.md"
MEASURES = ("f1", "precision", "recall")
_PLACES = (5, 8, 9)
"""Places of these columns in rows of `findings.lenses`."""
Json = dict[str, Any]
Measures = dict[str, dict[str, float]]
"""Measures of each concept's lens, by the name of their column."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: the run, its rows, and its judge, None where nobody judged it."""

    run_id: str
    n_rows: int
    judge_id: str | None


def export_artifacts(
    study: Path,
    out: Path,
    *,
    run_id: str | None = None,
    judge_id: str | None = None,
    family: str | None = None,
    in_force: bool = False,
) -> Exported:
    """Write a run, by default that, the judge and the lens family that are shown first; with `in_force` ratings are verdicts.

    ArtifactsError when the folder holds something already, StudyMissing when there is no such run.
    """
    with connect(study) as cursor:
        run = find_run(cursor, study, run_id)
        judge = judge_id or _first_judge(cursor, run)
        values = {"run_id": run, "judge_id": judge, "in_force": in_force}
        rows = [_row(row) for row in cursor.execute(query("artifacts.rows"), values).fetchall()]
    report = build_report(study, run_id=run, judge_id=judge, family=family, form_rule="study")
    with connect(study) as cursor:
        measures, columns = _measures(cursor, run, report["lens"]["family"])
        facts = _facts(cursor, run, measures, columns, in_force=in_force)
    try:
        with new_folder(out) as folder:
            _write_json(folder / SAMPLES, [{name: row[name] for name in SAMPLE_FIELDS} for row in rows])
            if judge:
                _write_json(folder / JUDGMENTS, rows)
            _write_csv(folder / ANALYSIS, rows, measures, columns)
            (folder / METHODOLOGY).write_text(methodology(facts, report), encoding="utf-8")
    except LensPackError as error:
        raise ArtifactsError(str(error)) from error
    return Exported(run, len(rows), judge)


def _first_judge(cursor: duckdb.DuckDBPyConnection, run_id: str) -> str | None:
    judges = cursor.execute(query("findings.judges"), {"run_id": run_id}).fetchall()
    return str(judges[0][0]) if judges else None


def _row(row: Sequence[Any]) -> Json:
    """A row as the files have it; without a rating, the explanation is the reason for that."""
    concept, quadrant, arm, prompt, output, topic, rating, explanation, unscored_reason = row
    if rating is None and explanation is None and unscored_reason != NO_RATING:
        explanation = unscored_reason
    values = (concept, quadrant, arm, "" if prompt == NO_PROMPT else prompt, output, topic, rating, explanation)
    return dict(zip((*SAMPLE_FIELDS, *JUDGMENT_FIELDS), values, strict=True))


def _measures(cursor: duckdb.DuckDBPyConnection, run_id: str, family: str) -> tuple[Measures, tuple[str, ...]]:
    """What the table says of lenses, and its columns: as reported in an imported run, else what we measured."""
    found: Measures = load_reported(cursor, run_id)
    if found:
        names = {name for of_concept in found.values() for name in of_concept}
        return found, tuple(
            sorted(names, key=lambda name: (name.partition("_")[0], MEASURES.index(name.partition("_")[2])))
        )
    columns = tuple(f"lens_{measure}" for measure in MEASURES)
    rows = cursor.execute(query("findings.lenses"), {"run_id": run_id, "concept": None}).fetchall()
    # The deepest layer last, so that it stands.
    for row in sorted(own_lenses(rows, family=family), key=lambda row: list(row[2])):
        measured = zip(columns, (row[place] for place in _PLACES), strict=True)
        found[row[0]] = {name: value for name, value in measured if value is not None}
    return found, columns


def _facts(
    cursor: duckdb.DuckDBPyConnection, run_id: str, measures: Measures, columns: Sequence[str], *, in_force: bool
) -> Facts:
    run = cursor.execute(query("artifacts.run"), {"run_id": run_id}).fetchone() or ()
    name, created_at, config, model, seed, templates, pack, version, senses_mean, kind, source = run
    people = cursor.execute(query("artifacts.people"), {"run_id": run_id}).fetchone() or (0, 0)
    f1_column = columns[0] if columns and columns[0].endswith("_f1") else ""
    reported = {concept: values[f1_column] for concept, values in measures.items() if f1_column in values}
    return Facts(
        run_id=run_id,
        name=name,
        created_at=f"{created_at:%Y-%m-%d %H:%M} UTC",
        config=json.loads(config),
        model=model,
        seed=seed,
        templates=templates,
        pack=f"{pack} {version}",
        senses_mean=senses_mean,
        imported_from=source if kind else None,
        reported_f1=reported if kind else {},
        n_overrides=people[0],
        n_audited=people[1],
        in_force=in_force,
    )


def _write_json(file: Path, rows: Iterable[Json]) -> None:
    file.write_text(json.dumps(list(rows), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _write_csv(file: Path, rows: Iterable[Json], measures: Measures, columns: Sequence[str]) -> None:
    """The table: prompts and responses cut, a concept's measures in all of its rows, no text that a spreadsheet would run."""
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, [*SAMPLE_FIELDS, *JUDGMENT_FIELDS, *columns], restval="")
        writer.writeheader()
        for row in rows:
            cut = row | {name: row[name][:CUT] for name in ("prompt", "response")}
            texts = {name: guarded(cut[name]) for name in TEXT_FIELDS if cut[name] is not None}
            writer.writerow(cut | texts | measures.get(row["concept"], {}))
