"""Read one side of a comparison from the study: its run, the judge and the lenses that stand for it, and what was measured.

Both sides are read with the same judge and the same rule of form: gaps of two judges are no difference between runs. (The
offline judge reads the pack of its side, so of two packs it is the same judge with two vocabularies.) Where a lens is not
named, a side gets the first family of its settings that is trained on both, and the deepest layer that both have; models
of different content have no layer in common, so each then shows its own deepest.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from db import connect, query
from engine.config import StudyConfig
from engine.errors import ConfigError
from engine.exchange.ask import Ask, Rows, asking
from engine.exchange.comparison import ComparedConcept, LensChoice, Measure, Side, SideJudge, Value
from engine.own_lenses import own_lens_ids_at
from engine.stats.ceiling_means import ceiling_values
from engine.stats.counts import stack_cells
from engine.stats.findings import CountRow, Settings, count_concepts, summarise
from engine.stats.gap_change import gap_error
from engine.stats.value_change import Spread, share_spread, spread_of

NO_LENS = Value(None, 0, "no lens has been trained")
CONTENTS = {"model_fingerprint": "model", "pack_hash": "pack", "template_hash": "template_set"}


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run as it is stored in a study, with all its settings and where its pack came from."""

    study: Path
    run_id: str
    settings: Mapping[str, Any]
    contents: Mapping[str, str]
    pack: str
    made_by: str | None
    made_from: str | None
    has_samples: bool


@dataclass(frozen=True, slots=True)
class LensWish:
    """Which lenses a side shall show: with these settings of work, of any family and layer where none is named."""

    family: str | None
    layer: int | None
    phase: str
    mode: str
    pool: str


LensRows = Mapping[str, tuple[Any, ...]]
"""Rows of the query `comparisons.lenses` by concept."""


def ask_file(study: Path) -> Ask:
    """Have the study's file answer, opened for each question."""

    def ask(name: str, values: Mapping[str, Any]) -> Rows:
        with connect(study) as cursor:
            return asking(cursor)(name, values)

    return ask


def read_lenses(run: StoredRun, lens: LensChoice) -> LensRows:
    """These lenses of the run, cross-validated as its settings say; where it has none such, the latest."""
    work = {"phase": lens.phase, "mode": lens.mode, "pool": lens.pool}
    chosen = {"run_id": run.run_id, "family": lens.family, "layer": lens.layer} | work
    with connect(run.study) as cursor:
        own = own_lens_ids_at(cursor, run.run_id, {**run.settings, **work}, family=lens.family, layer=lens.layer)
        rows = cursor.execute(query("comparisons.lenses"), chosen | {"lens_ids": own}).fetchall()
    return {concept: tuple(measures) for concept, *measures in rows}


@dataclass(frozen=True, slots=True)
class Reading:
    """Who answers what a comparison asks: the files of its studies, unless the caller keeps answers that only ratings move.

    No rating moves a run's lenses.
    """

    ask: Callable[[Path], Ask] = ask_file
    lenses: Callable[[StoredRun, LensChoice], LensRows] = read_lenses


FROM_FILES: Final = Reading()


def stored_runs(study: Path, reading: Reading = FROM_FILES) -> dict[str, StoredRun]:
    """The runs of the study by their ids, oldest first."""
    return {
        run_id: StoredRun(
            study,
            run_id,
            json.loads(StudyConfig().to_json()) | json.loads(config),
            dict(zip(CONTENTS, hashes, strict=True)),
            pack,
            made_by,
            made_from,
            has_samples,
        )
        for run_id, config, *hashes, pack, made_by, made_from, has_samples in reading.ask(study)("comparisons.runs", {})
    }


def wish_of(run: StoredRun) -> LensWish:
    """The lenses that the settings of a run ask for first."""
    return LensWish(None, None, run.settings["phase"], run.settings["mode"], run.settings["pool"])


def choose_lenses(
    trained: Sequence[set[tuple[str, int]]],
    wishes: Sequence[LensWish],
    *,
    first: Sequence[str],
    is_one_model: bool,
) -> tuple[LensChoice | None, ...]:
    """The lens of each side, of families and layers that each has: what was asked for, else the first family and the deepest
    layer that both have."""
    fitting = [
        {key for key in own if wish.family in (None, key[0]) and wish.layer in (None, key[1])}
        for own, wish in zip(trained, wishes, strict=True)
    ]
    return tuple(
        _choose(mine, fitting[1 - place], wish, first=first, is_one_model=is_one_model)
        for place, (mine, wish) in enumerate(zip(fitting, wishes, strict=True))
    )


def _choose(
    mine: set[tuple[str, int]],
    theirs: set[tuple[str, int]],
    wish: LensWish,
    *,
    first: Sequence[str],
    is_one_model: bool,
) -> LensChoice | None:
    if not mine:
        return None
    families = {family for family, _ in mine}
    common = families & {family for family, _ in theirs} or families
    family = next((name for name in first if name in common), min(common))
    layers = {layer for name, layer in mine if name == family}
    shared = layers & {layer for _, layer in theirs} if is_one_model else set()
    return LensChoice(family, max(shared or layers), wish.phase, wish.mode, wish.pool)  # type: ignore[arg-type]


def judges_of(run: StoredRun, reading: Reading = FROM_FILES) -> Rows:
    """Rows of the query `findings.judges`: who rated the run, the one that is shown first before the others."""
    return reading.ask(run.study)("findings.judges", {"run_id": run.run_id})


def side_judge(row: tuple[Any, ...]) -> SideJudge:
    """A judge as a side shows it."""
    return SideJudge(row[0], f"{row[1]}:{row[2]}", row[4])


def common_judge(
    before: StoredRun, after: StoredRun, asked: str | None, reading: Reading = FROM_FILES
) -> tuple[SideJudge | None, SideJudge | None]:
    """The judge asked for, else the one that the run before shows first of those that rated both runs."""
    mine, theirs = (
        {_same_judge(row): side_judge(row) for row in reversed(judges_of(run, reading))} for run in (before, after)
    )
    common = [(judge, theirs[key]) for key, judge in reversed(mine.items()) if key in theirs]
    if not asked:
        return common[0] if common else (None, None)
    found = next((pair for pair in common if asked in (pair[0].judge_id, pair[1].judge_id)), None)
    if found is None:
        known = ", ".join(judge.judge_id for judge, _ in common) or "none"
        raise ConfigError(f'Judge "{asked}" has not rated both runs.', hint=f"Those that have: {known}.")
    return found


def judge_of_all(first: StoredRun, others: Sequence[StoredRun], reading: Reading = FROM_FILES) -> str | None:
    """The judge that the first run shows first of those that rated all the runs; None where no one did."""
    theirs = [{_same_judge(row) for row in judges_of(run, reading)} for run in others]
    rows = judges_of(first, reading)
    return next((str(row[0]) for row in rows if all(_same_judge(row) in one for one in theirs)), None)


def _same_judge(row: tuple[Any, ...]) -> str:
    """What makes a judge the same on both sides: all of it but the pack that a judge without a rubric reads."""
    _, backend, model, rubric, _, _, _, _, rubric_hash, parameters = row
    told = json.loads(parameters)
    is_by_pack = told.pop("pack", None) is not None
    return json.dumps([backend, model, rubric, None if is_by_pack else rubric_hash, told], sort_keys=True)


def trained_lenses(run: StoredRun, wish: LensWish, reading: Reading = FROM_FILES) -> set[tuple[str, int]]:
    """The families and layers of the run's lenses in this phase, mode and pool."""
    values = {"run_id": run.run_id, "phase": wish.phase, "mode": wish.mode, "pool": wish.pool}
    return {(family, layer) for family, layer in reading.ask(run.study)("comparisons.trained", values)}


def read_side(run: StoredRun, judge: SideJudge | None, lens: LensChoice | None, reading: Reading = FROM_FILES) -> Side:
    """All that is compared of a run, with this judge and these lenses."""
    ask = reading.ask(run.study)
    rows = ask("comparisons.concepts", {"run_id": run.run_id})
    concepts = {term: ComparedConcept(term, *facts, tuple(siblings)) for term, *facts, siblings in rows}  # type: ignore[call-arg]
    values = {"run_id": run.run_id, "judge_id": judge.judge_id if judge else None, "concept": None, "form_rule": "loop"}
    counts: dict[str, list[CountRow]] = {}
    for row in ask("findings.counts", values):
        counts.setdefault(row[0], []).append(row)
    lenses = reading.lenses(run, lens) if lens else {}
    measured = {
        term: {
            **_text_values(term, tuple(counts.get(term, ())), has_judge=judge is not None),
            **_lens_values(lenses.get(term)),
        }
        for term in concepts
    }
    return Side(run.run_id, run.pack, run.made_from, judge, lens, concepts, measured)


@lru_cache(maxsize=20_000)
def _text_values(concept: str, rows: tuple[CountRow, ...], *, has_judge: bool) -> Mapping[Measure, Value]:
    """What the counts of a concept say; kept, for of all concepts a rating moves one."""
    (counted,) = count_concepts(rows, quadrants={concept: None})
    finding, settings = summarise(concept, (counted,), Settings()), Settings()
    gap, good = finding.gap, finding.positive.form_shares()["good"]
    arms = finding.positive.histogram, finding.negative.histogram
    # People rate what they come across: without a judge that rated both sides their few ratings compare nothing.
    known_gap = gap.value if has_judge else None
    reason = None if known_gap is not None else gap.reason if has_judge else "no judge has rated both sides"
    limits = ceiling_values(stack_cells((counted,)), k=settings.k, stability=settings.stability)[settings.model]
    return {
        "gap": Value(known_gap, gap.n, reason, gap_error(*arms)),
        "good": _good_value(good, finding.positive.n_measured),
        "ceiling": Value(
            None if known_gap is None else float(limits[0]),
            gap.n,
            reason,
            spread_of(finding.ceilings[settings.model].estimate),
        ),
    }


def _good_value(good: float | None, n: int) -> Value:
    if good is None:
        return Value(None, n, "no positive has a known form")
    return Value(good, n, None, share_spread(good, n))


def _lens_values(row: tuple[Any, ...] | None) -> dict[Measure, Value]:
    if row is None:
        return {"f1": NO_LENS, "auc": NO_LENS, "text_only_f1": NO_LENS}
    f1, auc, text_only_f1, n, reason, n_groups, *ends = row
    spreads = {"f1": _spread(ends[:2], n, n_groups), "text_only_f1": _spread(ends[2:], n, n_groups)}
    values: dict[Measure, float | None] = {"f1": f1, "auc": auc, "text_only_f1": text_only_f1}
    because = reason or "it was not measured"
    return {
        name: Value(value, n, because if value is None else None, spreads.get(name)) for name, value in values.items()
    }


def _spread(ends: Sequence[float | None], n: int, n_groups: int) -> Spread | None:
    """The interval of a lens's measure, which is Student's t over its groups."""
    low, high = ends
    return None if low is None or high is None or n_groups < 2 else Spread(low, high, n, n_groups - 1)
