"""Runs whose every rating, form and lens is planted, so that what a comparison must find is known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from db import create_study, insert, transaction
from db.rows import (
    ConceptRow,
    FormRow,
    JudgeRow,
    JudgmentRow,
    LensMeasureRow,
    LensRow,
    PackRow,
    PairRow,
    PromptRow,
    Row,
    RunConceptRow,
    RunRow,
    SampleRow,
    SiblingRow,
)
from engine.config import StudyConfig

START = datetime(2026, 3, 1, 12)
Work = tuple[str, int, str, str]
"""Family, layer, phase and mode of a lens."""
LOGISTIC: Work = ("logistic", 2, "output", "in_context")


@dataclass(frozen=True)
class Planted:
    """A concept of a run: ratings of both arms, how many positives are good, and its lenses' F1 with the words' alone."""

    positive: tuple[int, ...] = (4, 5)
    negative: tuple[int, ...] = (1, 2)
    n_good: int = 2
    f1: float | None = 0.8
    text: float | None = 0.5
    definition: str = "a thing"
    origin: str | None = None
    siblings: tuple[str, ...] = ()


@dataclass(frozen=True)
class PlantedRun:
    """A run on a pack that holds just its concepts; `judges` rated all of it."""

    run_id: str
    concepts: Mapping[str, Planted]
    config: StudyConfig = field(default_factory=StudyConfig)
    pack: str = "pack"
    made_by: str | None = None
    made_from: str | None = None
    judges: tuple[str, ...] = ("reader",)
    lenses: tuple[Work, ...] = (LOGISTIC,)
    model: str = "model"


def build_runs(folder: Path, runs: Sequence[PlantedRun]) -> Path:
    """Make a study with these runs, the first the oldest."""
    create_study(folder)
    with transaction(folder) as cursor:
        for number, run in enumerate(runs):
            rows = _run_rows(run, START + timedelta(hours=number))
            kinds: dict[type[Row], list[Row]] = {}
            for row in rows:
                kinds.setdefault(type(row), []).append(row)
            for same in kinds.values():
                insert(cursor, same)
    return folder


def _run_rows(run: PlantedRun, when: datetime) -> list[Row]:
    pack = f"hash of {run.pack}"
    n = len(run.concepts)
    rows: list[Row] = [PackRow(pack, run.pack, "1", "folder", "made up", n, run.made_by, run.made_from)]
    rows += [
        ConceptRow(pack, term, 1, one.definition, (), ("root",), 1, 2, 2, origin=one.origin)
        for term, one in run.concepts.items()
    ]
    rows += [SiblingRow(pack, term, other) for term, one in run.concepts.items() for other in one.siblings]
    rows.append(
        RunRow(
            run.run_id, "run", when, run.config.to_json(), run.model, run.model, pack, "standard", "templates", 0, "{}"
        )
    )
    rows += [JudgeRow(name, "test", name, "standard", "hash", "{}", False, START) for name in run.judges]
    for position, (term, one) in enumerate(run.concepts.items()):
        rows.append(RunConceptRow(run.run_id, term, position, "A", None, 1, 2, "distinct"))
        rows += _texts(run, term, one, when)
        rows += [row for work in run.lenses for row in _lens(run.run_id, term, one, work, when)]
    return rows


def _texts(run: PlantedRun, term: str, one: Planted, when: datetime) -> list[Row]:
    rows: list[Row] = []
    ratings = [("positive", rating) for rating in one.positive] + [("negative", rating) for rating in one.negative]
    for i, (arm, rating) in enumerate(ratings):
        sample = f"{run.run_id}-{term}-{i}"
        form = "good" if arm == "negative" or i < one.n_good else "empty"
        kind = None if arm == "positive" else "sibling"
        rows += [
            PromptRow(sample, run.run_id, term, "define", i, "Define it.", 0, i),
            SampleRow(sample, "a text", "stop", (1,), 3, when),
            FormRow(sample, 6, 2, 0.0, 0.0, 1.0, 1.0, 1, form, form),  # type: ignore[arg-type]
            PairRow(run.run_id, term, sample, arm, kind, 0.5, i),  # type: ignore[arg-type]
        ]
        rows += [JudgmentRow(name, term, sample, 0, rating, "", None, "", 1, 1, 0.0, when) for name in run.judges]
    return rows


def _lens(run_id: str, term: str, one: Planted, work: Work, when: datetime) -> list[Row]:
    family, layer, phase, mode = work
    identity, n = f"{run_id}|{term}|{work}", (len(one.positive), len(one.negative))
    reason = None if one.f1 is not None else "too few pairs"
    lens = LensRow(
        identity,
        run_id,
        term,
        family,
        (layer,),
        phase,
        mode,
        "mean",
        *n,
        0,
        2,
        None,
        None,
        None,
        reason,
        None,
        when,  # type: ignore[arg-type]
    )
    measures = {"f1": one.f1, "text_only_f1": one.text}
    return [
        lens,
        *(
            LensMeasureRow(identity, name, value, None, None, sum(n), None if value is not None else "unknown", "made")
            for name, value in measures.items()
        ),
    ]
