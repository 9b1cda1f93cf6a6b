"""The commands that train lenses: on the pairs that are there, or with more of them until each concept graduates."""

import json
from typing import TYPE_CHECKING, Any

import typer

from engine.commands.options import with_settings
from engine.commands.shared import (
    DEFAULT_STUDY,
    ConfigOption,
    JsonOption,
    StudyArgument,
    chosen_settings,
    require_study,
    run_stages,
    wide_console,
)

if TYPE_CHECKING:
    from pathlib import Path

    from engine.escalation import Graduation


@with_settings
def train(
    study: StudyArgument = DEFAULT_STUDY, config: ConfigOption = None, as_json: JsonOption = False, **settings: Any
) -> None:
    """Train and measure the lenses; with --targets, show which concepts reach theirs."""
    from engine.escalation import train_to_targets

    chosen = chosen_settings(study, config, settings)
    require_study(study)
    if chosen.targets is None:
        run_stages(study, config, settings, only=("train",), as_json=as_json)
    else:
        _show(study, train_to_targets(study, chosen), as_json=as_json)


@with_settings
def escalate(
    study: StudyArgument = DEFAULT_STUDY, config: ConfigOption = None, as_json: JsonOption = False, **settings: Any
) -> None:
    """Generate, capture and train step by step until each concept graduates, its ceiling rules that out, or nothing is left.

    Settings that are not given are taken from the study's latest run.
    If interrupted, run it again to continue.
    """
    from engine.escalation import escalate as work_off

    _show(study, work_off(study, chosen_settings(study, config, settings)), as_json=as_json)


def _show(study: "Path", graduation: "Graduation", *, as_json: bool) -> None:
    from engine.exchange.graduation import build_graduation, graduation_table

    found = build_graduation(
        study, graduation.run_id, graduation.rule_hash, rule=graduation.rule, sources=graduation.sources
    )
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        wide_console(stderr=True).print(graduation_table(found))
        typer.echo(graduation.run_id)
