"""Compare two runs, of one study or two, two judges of a run, or its lenses that were trained in two ways: concept by concept."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from db.rows import ComparisonKind
from engine.errors import ConfigError
from engine.exchange.comparison import (
    Comparison,
    LensChoice,
    Measure,
    Setting,
    Side,
    SideJudge,
    compare_sides,
)
from engine.exchange.comparison_sides import (
    CONTENTS,
    FROM_FILES,
    LensWish,
    Reading,
    StoredRun,
    choose_lenses,
    common_judge,
    judges_of,
    read_side,
    side_judge,
    trained_lenses,
    wish_of,
)

RUN_MEASURES: tuple[Measure, ...] = ("gap", "good", "ceiling", "f1", "text_only_f1")
LENS_MEASURES: tuple[Measure, ...] = ("f1", "auc", "text_only_f1")
JUDGE_MEASURES: tuple[Measure, ...] = ("gap", "ceiling")

_APART: Final = frozenset({"lenses", "layers", "join_layers", "phase", "mode", "pool"})
"""Settings that the choice of lenses tells more exactly."""

_JUDGING: Final = ("judge", "base_url", "rubric", "votes", "text_limit", "budget", "rpm", "tpm", "batches", "prices")
_DECIDING: Final = ("target", "falloff", "train_gap", "graduate_by", "targets")
_NO_MATTER: Final = frozenset({"device", "device_map", *_JUDGING, *_DECIDING})
"""Settings that change nothing of what is compared: both sides are read with one judge."""


def compare_runs(
    study: Path,
    before: StoredRun,
    after: StoredRun,
    *,
    judge_id: str | None = None,
    wishes: tuple[LensWish, LensWish] | None = None,
    reading: Reading = FROM_FILES,
) -> Comparison:
    """Compare two runs over the concepts that both have; ConfigError where they have none in common.

    Without wishes, each side shows the lenses that its settings ask for.
    """
    if (before.study.resolve(), before.run_id) == (after.study.resolve(), after.run_id):
        raise ConfigError(f"Run {before.run_id} cannot be compared with itself.")
    runs, wished = (before, after), wishes or (wish_of(before), wish_of(after))
    judges = common_judge(before, after, judge_id, reading)
    trained = [trained_lenses(*each, reading) for each in zip(runs, wished, strict=True)]
    is_one_model = before.contents["model_fingerprint"] == after.contents["model_fingerprint"]
    choices = choose_lenses(trained, wished, first=before.settings["lenses"], is_one_model=is_one_model)
    sides = [_side(study, *each, reading) for each in zip(runs, judges, choices, strict=True)]
    return compare_sides(
        _kind(before, after),
        *sides,
        settings=(*differing_settings(before, after), *_differing_choices(*choices)),
        measures=RUN_MEASURES,
    )


def _side(study: Path, run: StoredRun, judge: SideJudge | None, lens: LensChoice | None, reading: Reading) -> Side:
    """One side, named with its study where that is not the one that is asked."""
    side = read_side(run, judge, lens, reading)
    return side if run.study.resolve() == study.resolve() else replace(side, study=str(run.study))


def compare_judges(
    study: Path, run: StoredRun, before: str, after: str, *, reading: Reading = FROM_FILES
) -> Comparison:
    """Compare two judges on the same texts of a run; ConfigError for one that has not rated it.

    What people said stands on both sides, as it stands in the findings beside either judge.
    """
    judges = {row[0]: row for row in judges_of(run, reading)}
    for judge in (before, after):
        if judge not in judges:
            known = ", ".join(judges) or "none"
            raise ConfigError(f'Judge "{judge}" has not rated run {run.run_id}.', hint=f"Those that have: {known}.")
    if before == after:
        raise ConfigError(f"Judge {before} cannot be compared with itself.")
    sides = [_without_errors(_side(study, run, side_judge(judges[one]), None, reading)) for one in (before, after)]
    names = ("backend", "model", "rubric", "rubric_hash", "parameters")
    told = ((name, _judge_fact(judges[before], name), _judge_fact(judges[after], name)) for name in names)
    differ = (Setting(f"judge's {name}", one, other) for name, one, other in told if one != other)
    settings = (Setting("judge", before, after), *differ)
    return compare_sides("setting", *sides, settings=settings, measures=JUDGE_MEASURES)


def _judge_fact(row: tuple[Any, ...], name: str) -> object:
    return row[{"backend": 1, "model": 2, "rubric": 3, "rubric_hash": 8, "parameters": 9}[name]]


def _without_errors(side: Side) -> Side:
    """The side with values that cannot be tested one by one: both sides read the same texts, so that their errors go together."""
    values = {
        concept: {measure: replace(value, error=None) for measure, value in measures.items()}
        for concept, measures in side.values.items()
    }
    return replace(side, values=values)


def compare_lenses(study: Path, run: StoredRun, before: LensWish, after: LensWish) -> Comparison:
    """Compare lenses of one run that were trained in two ways; ConfigError where a side has none."""
    trained = [trained_lenses(run, wish) for wish in (before, after)]
    choices = choose_lenses(trained, [before, after], first=run.settings["lenses"], is_one_model=True)
    for name, wish, choice in zip(("before", "after"), (before, after), choices, strict=True):
        if choice is None:
            raise ConfigError(
                f"Run {run.run_id} has no such lenses for the side {name}: {_shown(wish)}.",
                hint="Train them first: lensgap train.",
            )
    sides = [_without_errors(_side(study, run, None, choice, FROM_FILES)) for choice in choices]
    settings = _differing_choices(*choices)
    if not settings:
        raise ConfigError("Both sides are the same lenses.", hint="Name what shall differ, such as --mode output_only.")
    return compare_sides("setting", *sides, settings=settings, measures=LENS_MEASURES)


def differing_settings(before: StoredRun, after: StoredRun) -> tuple[Setting, ...]:
    """The settings that are not the same on both sides, and contents that differ under one name."""
    # A derived pack is run on the same concepts, or their senses, by name.
    untold = _APART | _NO_MATTER | (set() if _kind(before, after) == "setting" else {"picker", "concepts"})
    told = [
        Setting(name, value, after.settings.get(name))
        for name, value in before.settings.items()
        if value != after.settings.get(name) and name not in untold
    ]
    named = {setting.name for setting in told}
    changed = (
        Setting(f"content of {name}", before.contents[key], after.contents[key])
        for key, name in CONTENTS.items()
        if name not in named and before.contents[key] != after.contents[key]
    )
    return (*told, *changed)


def _differing_choices(before: LensChoice | None, after: LensChoice | None) -> tuple[Setting, ...]:
    names = ("family", "layer", "phase", "mode", "pool") if before and after else ()
    values = ((name, getattr(before, name), getattr(after, name)) for name in names)
    return tuple(Setting(name, one, other) for name, one, other in values if one != other)


def _kind(before: StoredRun, after: StoredRun) -> ComparisonKind:
    made: dict[str | None, ComparisonKind] = {"split": "splitting", "bucket": "bucketing"}
    return made.get(after.made_by, "setting") if after.made_from == before.pack else "setting"


def _shown(wish: LensWish) -> str:
    asked = {"family": wish.family, "layer": wish.layer, "phase": wish.phase, "mode": wish.mode, "pool": wish.pool}
    return ", ".join(f"{name} {value}" for name, value in asked.items() if value is not None)
