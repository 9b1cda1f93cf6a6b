"""The command `lensgap benchmark`: what to ask of lenses, before any is trained."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from engine.commands.options import with_settings
from engine.commands.shared import DEFAULT_STUDY, ConfigOption, JsonOption, StudyArgument, chosen_settings, wide_console
from engine.config import StudyConfig

_NOT_OURS: Final = frozenset(
    {"picker", "concepts", "per_quadrant", "layers", "activations", "mode", "target", "targets"}
)
"""Settings that the drawing decides, or that nothing here depends on."""


def _names() -> tuple[str, ...]:
    """The settings up to those of lenses."""
    names = [setting.name for setting in fields(StudyConfig)]
    return tuple(name for name in names[: names.index("lenses")] if name not in _NOT_OURS)


@with_settings(only=_names())
def benchmark(
    study: StudyArgument = DEFAULT_STUDY,
    config: ConfigOption = None,
    per_cell: Annotated[
        int, typer.Option(help="Number of concepts to draw from each quadrant in each pack layer.", min=1)
    ] = 3,
    target: Annotated[float, typer.Option(help="The F1 that you want.", min=0, max=1)] = 0.95,
    k: Annotated[int, typer.Option(help="Ratings above k count as on topic.", min=1, max=4)] = 2,
    out: Annotated[
        Path | None,
        typer.Option(
            help="File for the targets; by default targets.json in the study. The report is written next to it."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Pay for judging without asking for confirmation.")] = False,
    as_json: JsonOption = False,
    **settings: Any,
) -> None:
    """Before training, find the F1 that the data permit, on concepts drawn from each quadrant and pack layer.

    Their texts are generated and judged; targets.json gives the target of each concept and why, for lensgap train --targets.
    If interrupted, run it again to continue.
    """
    from engine.benchmark import keep_report, keep_targets, run_benchmark
    from engine.exchange.benchmark_report import benchmark_json, benchmark_page, benchmark_table, empty_cells
    from engine.stages.judge_run import AskOptions
    from engine.stats.findings import Settings

    found = run_benchmark(
        study,
        chosen_settings(study, config, settings),
        per_cell=per_cell,
        settings=Settings(k=k, user_target=target),
        asking=AskOptions(yes=yes),
    )
    file = out or study / "targets.json"
    kept = keep_targets(file, found.targets)
    page = keep_report(file.with_suffix(".md"), benchmark_page(found))
    if kept:
        typer.echo(f"The earlier targets were moved to {kept}.", err=True)
    if empty := empty_cells(found.cells):
        typer.echo(f"Nothing to draw from: {empty}.", err=True)
    typer.echo(f"Targets: {file}. Report: {page}.", err=True)
    if as_json:
        typer.echo(json.dumps(benchmark_json(found, files={"targets": str(file), "report": str(page)}), indent=2))
    else:
        wide_console().print(benchmark_table(found))
