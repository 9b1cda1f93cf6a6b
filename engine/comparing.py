"""Run both sides of a comparison on one pack or one run, whatever of it is not there yet, and compare them.

Both sides have the same settings but the one that is compared, and stand in one study: the derived pack is written once into
the study's folder `packs`, under its content's hash. Killed anywhere, the same call goes on.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from db.connect import DATABASE
from engine.config import StudyConfig, change_config, read_stored_config
from engine.errors import ConfigError, RunMissing, StudyMissing
from engine.exchange.comparison import Comparison
from engine.exchange.comparison_sides import LensWish, StoredRun, judges_of, stored_runs, trained_lenses, wish_of
from engine.exchange.run_comparison import compare_lenses, compare_runs
from engine.packs.folder import load_pack
from engine.packs.pack import Pack
from engine.packs.pickers import choose_configured
from engine.packs.write import write_pack
from engine.pipeline import run
from engine.stages.imported import PREFIX, require_own
from engine.stages.judge_run import AskOptions
from engine.stages.select import prepare_run
from engine.stages.subject import stored_subject
from engine.stages.train import choose_families
from engine.subject.layers import resolve_layers

NOTHING = {"splitting": "Splitting divides none", "bucketing": "Bucketing changes the siblings of none"}


def compare_packs(
    study: Path,
    config: StudyConfig,
    derive: Callable[[Pack], Pack],
    *,
    kind: Literal["splitting", "bucketing"],
    asking: AskOptions,
) -> Comparison:
    """Run the settings on their pack and on the one derived from it; ConfigError where that changes no chosen concept.

    The run after is about the same concepts, of a split one about all its senses.
    """
    pack = load_pack(config.pack)
    derived = derive(pack)
    chosen = _counterparts(derived, [profile.concept.term for profile in choose_configured(pack, config)])
    if not any(_is_changed(pack, derived, term, kind=kind) for term in chosen):
        raise ConfigError(
            f"{NOTHING[kind]} of the {len(chosen)} chosen concepts, so there is nothing to compare.",
            hint="lensgap pack show lists what would change; choose concepts with --concepts.",
        )
    before = run(study, config, asking=asking).run_id
    folder = _written(study, derived, origin=pack)
    after = run(study, change_config(config, {"pack": str(folder), "concepts": chosen}), asking=asking).run_id
    runs = stored_runs(study)
    wish = LensWish(None, None, config.phase, config.mode, config.pool)
    return compare_runs(study, runs[before], runs[after], wishes=(wish, wish))


def _counterparts(derived: Pack, terms: Sequence[str]) -> tuple[str, ...]:
    """The concepts themselves, or the senses that they were split into."""
    senses: dict[str, list[str]] = {}
    for concept in derived.concepts:
        if concept.origin:
            senses.setdefault(concept.origin, []).append(concept.term)
    return tuple(one for term in terms for one in ([term] if term in derived.by_term else senses[term]))


def _is_changed(pack: Pack, derived: Pack, term: str, *, kind: Literal["splitting", "bucketing"]) -> bool:
    if kind == "splitting":
        return term not in pack.by_term
    return set(pack.siblings(term)) != set(derived.siblings(term))


def _written(study: Path, derived: Pack, *, origin: Pack) -> Path:
    folder = packs_folder(study) / f"{derived.name}-{derived.pack_hash}"
    if not folder.exists():
        write_pack(derived, folder, origin=origin)
    return folder


def packs_folder(study: Path) -> Path:
    """Where a study keeps the packs that were derived for it."""
    return study.resolve() / "packs"


def base_run(study: Path) -> str | None:
    """The latest run on a pack that was not derived here, whose settings a comparison of packs begins with."""
    try:
        runs = stored_runs(study)
    except StudyMissing:
        return None
    own = packs_folder(study)
    return next((one.run_id for one in reversed(runs.values()) if own not in Path(one.settings["pack"]).parents), None)


def choose_runs(study: Path, asked: Sequence[str]) -> tuple[StoredRun, list[StoredRun]]:
    """The run that others are compared with, and these: those asked for, else all that have samples, oldest first.

    A run is named by its id, one of another study as FOLDER:RUN, or by the folder alone, which names its newest with samples.
    """
    runs = stored_runs(study)
    named = [runs[name] if name in runs else _run_elsewhere(study, name) for name in dict.fromkeys(asked)]
    chosen = named or [one for one in runs.values() if one.has_samples]
    if len(chosen) < 2:
        there = "one run" if chosen else "no run"
        raise ConfigError(
            "A comparison needs two runs." if asked else f"{study} holds {there} with samples; a comparison needs two.",
            hint=_another(chosen),
        )
    return chosen[0], chosen[1:]


def _another(chosen: Sequence[StoredRun]) -> str:
    """Where a second run may come from: texts that were imported have no settings that could be others."""
    if chosen and all(str(one.settings["model"]).startswith(PREFIX) for one in chosen):
        return "Import another run into the study, or name a run of another study as FOLDER:RUN."
    return "Start another run with different settings, such as lensgap run --sibling-share 0."


def _run_elsewhere(study: Path, name: str) -> StoredRun:
    folder, _, run_id = name.rpartition(":")
    if (Path(name) / DATABASE).is_file():
        there = list(stored_runs(Path(name)).values())
        if there:
            return next((one for one in reversed(there) if one.has_samples), there[-1])
    elif folder and (Path(folder) / DATABASE).is_file():
        elsewhere = stored_runs(Path(folder))
        if run_id in elsewhere:
            return elsewhere[run_id]
        raise RunMissing(f"{folder} holds no run {run_id}.", hint=f"See the runs: lensgap status {folder}.")
    raise RunMissing(
        f"{study} holds no run {name}.", hint=f"See the runs: lensgap status {study}. Those of others are FOLDER:RUN."
    )


def choose_judges(study: Path, run_id: str, asked: Sequence[str]) -> tuple[StoredRun, str, list[str]]:
    """The run, the judge that others are compared with, and these: those asked for, else all, the one shown first before."""
    run = stored_runs(study)[run_id]
    judges = list(dict.fromkeys(asked)) or [str(row[0]) for row in judges_of(run)]
    if len(judges) < 2:
        raise ConfigError(
            f"A comparison needs two judges, and run {run_id} has {'one' if judges else 'none'}.",
            hint="Add another judge with: lensgap judge --judge",
        )
    return run, judges[0], judges[1:]


def compare_settings(study: Path, run_id: str, before: dict[str, Any], after: dict[str, Any]) -> Comparison:
    """Compare lenses of one run that differ in mode, phase, pool, layer or family; those that are missing are trained.

    `before` changes the settings of the run, `after` changes these.
    """
    stored = stored_runs(study)[run_id]
    first = _complete(study, stored, _wish(wish_of(stored), before))
    second = _wish(first, after)
    if first == second:
        raise ConfigError(
            "Both sides are the same lenses.", hint="Name what should differ, such as --mode output_only."
        )
    config = read_stored_config(json.dumps(dict(stored.settings)))
    if prepare_run(config).run_id != run_id:
        raise ConfigError(
            f"The model, the pack or the templates of run {run_id} have changed, so it cannot continue.",
            hint="Restore them where the run's settings expect them; lensgap status --json lists the settings.",
        )
    # What is asked of both sides is checked before either is worked on.
    for side in [_checked_side(study, run_id, config, wish) for wish in (first, second)]:
        run(study, side, only=("capture", "train"))
    return compare_lenses(study, stored, first, second)


def _checked_side(study: Path, run_id: str, config: StudyConfig, wish: LensWish) -> StudyConfig:
    """The settings that make a side's lenses; ConfigError for a family or layer that there cannot be."""
    changes = {"mode": wish.mode, "phase": wish.phase, "pool": wish.pool, "lenses": (wish.family,)}
    side = change_config(config, changes | {"layers": (wish.layer,)})
    choose_families(side)
    if side.layers and (subject := stored_subject(study, run_id)):
        resolve_layers(side.layers, n_layers=subject.n_layers, model=side.model)
    return side


def _wish(wish: LensWish, changes: dict[str, Any]) -> LensWish:
    return replace(wish, **{name: value for name, value in changes.items() if value is not None})


def _complete(study: Path, stored: StoredRun, wish: LensWish) -> LensWish:
    """The wish with family and layer: the first family of the settings, and the deepest layer that it is trained at."""
    trained = trained_lenses(stored, wish)
    family = wish.family or next((name for name in stored.settings["lenses"] if name in {f for f, _ in trained}), None)
    layer = wish.layer if wish.layer is not None else max((n for name, n in trained if name == family), default=None)
    if family is None or layer is None:
        require_own(read_stored_config(json.dumps(dict(stored.settings))))
        raise ConfigError(
            f"Run {stored.run_id} has no lenses to compare with yet.", hint="Train them first: lensgap train."
        )
    return replace(wish, family=family, layer=layer)
