"""The whole of a run, stage after stage; each stage does what is pending and nothing else."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from rich.progress import Progress

from db import connect, query
from engine.config import StudyConfig
from engine.errors import ConfigError, StudyMissing
from engine.judges.costs.preflight import Preflight
from engine.judges.open import open_judge
from engine.packs.folder import load_pack
from engine.stages.capture import capturing, drop_lost_shards
from engine.stages.form import form
from engine.stages.generate import generation
from engine.stages.imported import imported_run
from engine.stages.judge import Tally, judge_id
from engine.stages.judge_run import AskOptions, forecast, judge_run
from engine.stages.lacking_layers import leave_out_lacking
from engine.stages.plan import plan
from engine.stages.pricing import require_payable
from engine.stages.progress import progress_bars
from engine.stages.select import PreparedRun, prepare_run, select
from engine.stages.stage import run_stage
from engine.stages.subject import remember_subject, stored_subject
from engine.stages.train import choose_families, training
from engine.subject.layers import choose_layers, resolve_layers
from engine.subject.load import Subject, load_options, load_subject

StageName = Literal["select", "generate", "capture", "judge", "train"]
LoadSubject = Callable[[], Subject]
STAGES: tuple[StageName, ...] = ("select", "generate", "capture", "judge", "train")


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What one call did: items worked off in each stage, and of the judge's answers how many have no score.

    A second call does nothing, so all are 0.
    """

    run_id: str
    n_concepts: int
    n_done: dict[str, int]
    judged: dict[str, Tally] = field(default_factory=dict)


def run(
    study: Path,
    config: StudyConfig,
    *,
    only: Sequence[StageName] = STAGES,
    asking: AskOptions | None = None,
    quiet: bool = False,
) -> RunSummary:
    """Do what is pending of these stages. Settings are checked before anything is written or loaded."""
    if only == ("judge",) and (imported := imported_run(config)):
        return _judge_imported(study, imported, config, asking or AskOptions(), quiet=quiet)
    choose_families(config)
    prepared = prepare_run(config)
    if tuple(only) in (("judge",), ("train",)):
        require_run(study, prepared.run_id, what="train" if only[0] == "train" else "judge")
    asking = asking or AskOptions()
    judge = open_judge(config, prepared.pack, is_asked="judge" in only, again=asking.again)
    if "judge" in only and len(only) > 1:
        agreed = asking.yes or config.budget is not None
        require_payable(study, prepared.run_id, judge, config, agreed=agreed)
    subject = open_subject(study, prepared, is_needed="generate" in only or "capture" in only)
    chosen = select(study, prepared)
    plan(study, prepared, [profile.concept.term for profile in chosen])
    n_done: dict[str, int] = {}
    judged: dict[str, Tally] = {}
    with progress_bars(quiet=quiet) as bar:
        if "generate" in only or "capture" in only:
            n_done |= work_with_model(study, prepared, subject, only, bar)
        if "judge" in only:
            judged = judge_run(study, prepared.run_id, judge, config, prepared.pack, bar, asking)
            n_done |= {kind: tally.n for kind, tally in judged.items()}
        if "train" in only:
            leave_out_lacking(study, prepared.run_id, mode=config.mode, bar=bar)
            stage = training(study, prepared.run_id, config, layers=stored_layers(study, prepared))
            n_done["train"] = run_stage(study, prepared.run_id, stage, bar)
    return RunSummary(prepared.run_id, len(chosen), n_done, judged)


def _judge_imported(study: Path, run_id: str, config: StudyConfig, asking: AskOptions, *, quiet: bool) -> RunSummary:
    """Judge a run whose texts were imported, which has no model and no plan."""
    require_run(study, run_id)
    pack = load_pack(config.pack)
    judge = open_judge(config, pack, again=asking.again)
    with progress_bars(quiet=quiet) as bar:
        judged = judge_run(study, run_id, judge, config, pack, bar, asking)
    return RunSummary(run_id, len(config.concepts), {kind: tally.n for kind, tally in judged.items()}, judged)


def price_judge(study: Path, config: StudyConfig, asking: AskOptions, *, run_id: str | None = None) -> Preflight:
    """What the judge of the settings would take for all that is pending; nothing is asked. ConfigError before a run exists."""
    run_id = run_id or imported_run(config) or prepare_run(config).run_id
    require_run(study, run_id)
    judge = open_judge(config, load_pack(config.pack), is_asked=False, again=asking.again)
    return forecast(study, run_id, judge, config, asking)


def require_run(study: Path, run_id: str, *, what: Literal["judge", "train"] = "judge") -> None:
    """Raise StudyMissing or ConfigError where there is nothing to work on, so that a mistyped folder does not become a study.

    Nor does another seed, say, become a run without texts that later commands would take for the latest.
    """
    with connect(study):
        pass
    if stored_config(study, run_id=run_id) is None:
        raise ConfigError(
            f"There is no such run to {what} yet.",
            hint=(
                "Settings that affect the texts, such as the seed, define a separate run. Generate its samples "
                "first: lensgap generate."
            ),
        )


def ask_about(study: Path, run_id: str, config: StudyConfig, asking: AskOptions) -> tuple[str, int]:
    """Ask the judge of the settings about chosen pairs of a run that is there; the judge's id, and how many it answered."""
    pack = load_pack(config.pack)
    judge = open_judge(config, pack)
    with progress_bars() as bar:
        judged = judge_run(study, run_id, judge, config, pack, bar, asking)
    return judge_id(judge.identity), sum(tally.n for tally in judged.values())


def open_subject(study: Path, prepared: PreparedRun, *, is_needed: bool) -> LoadSubject:
    """The subject model, loaded when the first batch asks for it: a call that finds nothing to do takes no time for that."""
    config = prepared.config
    subject: LoadSubject = functools.cache(functools.partial(load_subject, config.model, load_options(config)))
    if is_needed and stored_config(study, run_id=prepared.run_id) is None:
        # A new run writes nothing down before its model has proved to be one.
        choose_layers(subject(), config.layers)
    return subject


def work_with_model(
    study: Path, prepared: PreparedRun, subject: LoadSubject, only: Sequence[StageName], bar: Progress
) -> dict[str, int]:
    """Generate what has no text, capture what has no activations; how many of each were done."""
    run_id, config, n_done = prepared.run_id, prepared.config, {}

    @functools.cache
    def remembered() -> Subject:
        remember_subject(study, run_id, subject())
        return subject()

    if "generate" in only:
        n_done["generate"] = run_stage(study, run_id, generation(run_id, config, remembered), bar)
        n_done["form"] = run_stage(study, run_id, form(run_id), bar)
    if "capture" in only:
        layers = _layers_to_capture(study, prepared, remembered)
        for shard, fault in drop_lost_shards(study, run_id, mode=config.mode).items():
            bar.console.print(
                f"{study / shard} is captured again: {fault}.", markup=False, highlight=False, soft_wrap=True
            )
        stage = capturing(study, run_id, remembered, layers=layers, mode=config.mode, dtype=config.activations)
        n_done["capture"] = run_stage(study, run_id, stage, bar)
    return n_done


def _layers_to_capture(study: Path, prepared: PreparedRun, subject: LoadSubject) -> tuple[int, ...]:
    """The layers asked for; else those that were captured before, or the spread over the model."""
    asked = asked_layers(study, prepared, subject)
    return asked or captured_layers(study, prepared) or choose_layers(subject(), None)


def asked_layers(study: Path, prepared: PreparedRun, subject: LoadSubject | None = None) -> tuple[int, ...] | None:
    """The layers that the settings name, as numbers; a model that was loaded once need not be loaded to know its depth."""
    layers = prepared.config.layers
    if layers is None:
        return None
    known = stored_subject(study, prepared.run_id)
    if known:
        return resolve_layers(layers, n_layers=known.n_layers, model=prepared.config.model)
    if subject is None:
        raise ConfigError("Nothing has been captured yet.", hint="Capture first: lensgap capture.")
    return choose_layers(subject(), layers)


def stored_layers(study: Path, prepared: PreparedRun) -> tuple[int, ...]:
    """The layers asked for, or all that have been captured in this mode; ConfigError when one has not been captured."""
    config, captured = prepared.config, captured_layers(study, prepared)
    asked = asked_layers(study, prepared) if captured else None
    missing = sorted(set(asked or ()) - set(captured))
    if missing or not captured:
        what = f"Layer {missing[0]} has" if missing else "Activations have"
        raise ConfigError(f"{what} not been captured in mode {config.mode}.", hint="Capture first: lensgap capture.")
    return asked or captured


def captured_layers(study: Path, prepared: PreparedRun) -> tuple[int, ...]:
    """The layers of which the run holds activations in its mode."""
    values = {"run_id": prepared.run_id, "mode": prepared.config.mode}
    with connect(study) as cursor:
        return tuple(row[0] for row in cursor.execute(query("stages.captured_layers"), values).fetchall())


def stored_config(study: Path, *, run_id: str | None = None) -> tuple[str, str] | None:
    """Id and settings (JSON) of a run of the study: the one asked for, or the latest; None where there is none yet."""
    try:
        with connect(study) as cursor:
            name = "stages.run" if run_id else "stages.latest_run"
            row = cursor.execute(query(name), {"run_id": run_id} if run_id else {}).fetchone()
    except StudyMissing:
        return None
    return (row[0], row[1]) if row else None
