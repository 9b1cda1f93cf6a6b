"""The command `lensgap`: thin bodies, heavy imports inside, data on stdout, everything else on stderr.

Exit status 0: done; 1: an expected error, told in one sentence; 2: wrong usage.
"""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from db.patience import patient
from db.stopping import heed_ctrl_c
from engine.commands.activations import activations
from engine.commands.audit import app as audit_app
from engine.commands.benchmark import benchmark
from engine.commands.claims import claims
from engine.commands.compare import app as compare_app
from engine.commands.curve import curve
from engine.commands.export import app as export_app
from engine.commands.imports import app as import_app
from engine.commands.judge import app as judge_app
from engine.commands.layers import layers
from engine.commands.mitigate import filter_samples, refine
from engine.commands.options import Commands, SettingsCommand, with_settings
from engine.commands.pack import app as pack_app
from engine.commands.report import report
from engine.commands.score import score
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
from engine.commands.snapshot import app as snapshot_app
from engine.commands.train import escalate, train
from engine.errors import ExpectedError
from engine.start import STOPPED
from engine.terminal import visible

app = typer.Typer(
    name="lensgap",
    cls=Commands,
    help="Measure whether the texts that a model writes can support the F1 that you ask of its concept lenses.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(pack_app, name="pack")
app.add_typer(judge_app, name="judge")
app.add_typer(export_app, name="export")
app.add_typer(import_app, name="import")
app.add_typer(audit_app, name="audit")
app.add_typer(compare_app, name="compare")
app.add_typer(snapshot_app, name="snapshot")
app.command(cls=SettingsCommand)(score)
app.command()(layers)
app.command()(activations)
app.command()(curve)
app.command()(claims)
app.command()(refine)
app.command("filter")(filter_samples)
app.command(cls=SettingsCommand)(benchmark)
DEMO_STUDY = Path("studies/demo")
DEMO_SETTINGS: dict[str, Any] = {"model": "bundled", "pack": "starter", "max_new_tokens": 60}

PortOption = Annotated[int, typer.Option(help="Port of the dashboard on 127.0.0.1.", min=1, max=65_535)]


def main() -> None:
    """Run a command; tell expected errors in one sentence on stderr."""
    try:
        with patient(_tell), heed_ctrl_c():
            app()
    except ExpectedError as error:
        console = Console(stderr=True)
        console.print(f"[bold red]{error.title}.[/] ", end="")
        console.print(visible(str(error)), markup=False, highlight=False, soft_wrap=True)
        raise SystemExit(1) from None
    except (KeyboardInterrupt, SystemExit) as stop:
        # The command parser turns Ctrl-C into a silent exit with 130.
        if isinstance(stop, SystemExit) and stop.code != 130:
            raise
        Console(stderr=True).print(STOPPED)
        raise SystemExit(130) from None


def _tell(sentence: str) -> None:
    Console(stderr=True).print(visible(sentence), markup=False, highlight=False, soft_wrap=True)


def _tell_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"lensgap {version('lensgap')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_tell_version)
    ] = False,
) -> None:
    """Take the options that belong to no command."""


@app.command()
def demo(
    study: Annotated[Path, typer.Option(help="Folder for the demo study.")] = DEMO_STUDY,
    no_serve: Annotated[
        bool, typer.Option("--no-serve", help="Only make the study; do not open the dashboard.")
    ] = False,
    port: PortOption = 8501,
) -> None:
    """Run a small study with the bundled model and pack, then open the dashboard on it."""
    from engine.config import read_config
    from engine.exchange.report import build_report
    from engine.exchange.report_table import report_table
    from engine.pipeline import run as run_stages

    run_stages(study, read_config(flags=DEMO_SETTINGS))
    wide_console(stderr=True).print(report_table(build_report(study)))
    if not no_serve:
        serve(study, port=port)


@app.command(cls=SettingsCommand)
@with_settings
def run(
    study: StudyArgument = DEFAULT_STUDY,
    config: ConfigOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Pay for judging without asking for confirmation.")] = False,
    **settings: Any,
) -> None:
    """Run a whole study, or what is left of it: select, generate, capture, judge, train.

    Settings that are not given are taken from the study's latest run.
    If interrupted, run it again to continue.
    """
    from engine.pipeline import STAGES
    from engine.stages.judge_run import AskOptions

    run_stages(study, config, settings, only=STAGES, asking=AskOptions(yes=yes))


@app.command(cls=SettingsCommand)
@with_settings
def select(study: StudyArgument = DEFAULT_STUDY, config: ConfigOption = None, **settings: Any) -> None:
    """Choose the concepts and plan every prompt and pair, without loading the model."""
    from engine.exchange.forecast import build_forecast, forecast_table

    run_stages(study, config, settings, only=("select",))
    wide_console(stderr=True).print(forecast_table(build_forecast(study, chosen_settings(study, config, settings))))


@app.command(cls=SettingsCommand)
@with_settings
def plan(
    study: StudyArgument = DEFAULT_STUDY, config: ConfigOption = None, as_json: JsonOption = False, **settings: Any
) -> None:
    """Show what a run would need: prompts, pairs, reused texts, tokens and time. Nothing is written."""
    from dataclasses import asdict

    from engine.exchange.forecast import build_forecast, forecast_table

    found = build_forecast(study, chosen_settings(study, config, settings))
    if as_json:
        typer.echo(json.dumps(asdict(found), indent=2))
    else:
        wide_console().print(forecast_table(found))


@app.command(cls=SettingsCommand)
@with_settings
def generate(study: StudyArgument = DEFAULT_STUDY, config: ConfigOption = None, **settings: Any) -> None:
    """Generate the planned samples with the subject model, and measure their form."""
    run_stages(study, config, settings, only=("generate",))


@app.command(cls=SettingsCommand)
@with_settings
def capture(study: StudyArgument = DEFAULT_STUDY, config: ConfigOption = None, **settings: Any) -> None:
    """Capture the activations of the samples."""
    require_study(study)
    run_stages(study, config, settings, only=("capture",))


app.command(cls=SettingsCommand)(train)
app.command(cls=SettingsCommand)(escalate)


@app.command()
def status(study: StudyArgument = DEFAULT_STUDY, as_json: JsonOption = False) -> None:
    """Show the runs of a study and the progress of each stage."""
    from engine.exchange.status import build_status, status_table

    found = build_status(study)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        wide_console().print(status_table(found))


app.command()(report)


@app.command()
def serve(
    study: StudyArgument = DEFAULT_STUDY,
    port: PortOption = 8501,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on, 127.0.0.1 by default; any other requires sign-in.")
    ] = None,
) -> None:
    """Open the dashboard on a study, on 127.0.0.1 by default."""
    from db import connect
    from engine.serving import become_dashboard, choose_place

    place = choose_place(host, port)
    with connect(study):
        pass  # every reason why the study cannot be opened is told here, before a server starts
    become_dashboard(study, place)


@app.command()
def doctor(
    study: Annotated[Path, typer.Argument(help="Folder in which studies will be stored.")] = DEFAULT_STUDY,
    as_json: JsonOption = False,
) -> None:
    """Check versions, device, disk, key, WordNet and browser."""
    from dataclasses import asdict

    from engine.doctor import examine

    checks = list(examine(study))
    if as_json:
        typer.echo(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        console = Console()
        for check in checks:
            mark = "[green]✓[/]" if check.is_well else "[red]✗[/]" if check.needed else "[yellow]–[/]"
            console.print(f"{mark} {check.name:<18}", end="")
            console.print(" ".join(filter(None, (check.found, check.advice))), markup=False, highlight=False)
    if any(check.needed and not check.is_well for check in checks):
        raise typer.Exit(1)


if __name__ == "__main__":
    main()
