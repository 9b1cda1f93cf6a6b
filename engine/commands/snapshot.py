"""The command `lensgap snapshot`: freeze the findings, list what was frozen, and write it as files to present.

Thin bodies as in engine.cli: data on stdout, everything else on stderr.
"""

import json
from pathlib import Path
from typing import Annotated

import typer

from engine.commands.shared import DEFAULT_STUDY, JsonOption, StudyArgument
from engine.errors import ConfigError
from engine.stats.ceiling_models import CeilingName
from engine.terminal import visible

app = typer.Typer(
    help="Freeze the findings to present them; later ratings and runs do not change a snapshot.",
    no_args_is_help=True,
)


@app.command()
def freeze(
    study: StudyArgument = DEFAULT_STUDY,
    name: Annotated[str, typer.Option(help="Name of the snapshot, shown on its first page.")] = "Findings",
    by: Annotated[str, typer.Option(help="Your name, stored with the snapshot.")] = "command line",
    run_id: Annotated[str | None, typer.Option("--run", help="Run id; by default the latest run with samples.")] = None,
    judge_id: Annotated[
        str | None, typer.Option("--judge", help="Judge id; by default the one that is shown first.")
    ] = None,
    family: Annotated[str | None, typer.Option(help="Lens family; by default the first that the run trained.")] = None,
    form_rule: Annotated[str, typer.Option(help="Form rule: loop or study.")] = "loop",
    k: Annotated[int, typer.Option(help="Ratings above k count as on topic.", min=1, max=4)] = 2,
    stability: Annotated[float, typer.Option(help="Stability s of the propagation ceiling.", min=0, max=1)] = 0.75,
    target: Annotated[float, typer.Option(help="The F1 that you want.", min=0, max=1)] = 0.95,
    ceiling: Annotated[
        CeilingName, typer.Option(help="The ceiling that sets the recommended targets.")
    ] = "label_noise",
) -> None:
    """Freeze a run's current findings as pages to present and as the report; print the snapshot's id."""
    from engine.exchange.snapshots import Wish
    from engine.exchange.snapshots import freeze as freeze_now
    from engine.stats.findings import Settings

    if form_rule not in ("loop", "study"):
        raise typer.BadParameter("must be loop or study", param_hint="--form-rule")
    settings = Settings(k=k, stability=stability, user_target=target, model=ceiling)
    wish = Wish(run_id, judge_id, family, form_rule, settings)  # type: ignore[arg-type]
    typer.echo(freeze_now(study, wish, name=name, by=by))


@app.command("list")
def list_all(study: StudyArgument = DEFAULT_STUDY, as_json: JsonOption = False) -> None:
    """List the snapshots of a study, latest first."""
    from engine.exchange.snapshots import list_snapshots

    found = list_snapshots(study)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    for one in [] if as_json else found:
        typer.echo(visible(f"{one['snapshot_id']}  {one['frozen_at']}  {one['name']}, frozen by {one['frozen_by']}"))


@app.command()
def export(
    snapshot: Annotated[str, typer.Argument(help="Snapshot id.")],
    study: StudyArgument = DEFAULT_STUDY,
    report: Annotated[Path | None, typer.Option(help="Write the frozen report as HTML.")] = None,
    slides: Annotated[Path | None, typer.Option(help="Write the pages and their speaker notes as HTML.")] = None,
) -> None:
    """Write a snapshot as HTML that works offline: the report, the pages to present, or both."""
    from engine.exchange.report_files import write_text
    from engine.exchange.snapshots import load_page, render_snapshot

    if report is None and slides is None:
        raise ConfigError("There is nothing to write.", hint="Name a file with --report, --slides or both.")
    if report:
        typer.echo(visible(str(write_text(report, load_page(study, snapshot)))))
    if slides:
        typer.echo(visible(str(write_text(slides, render_snapshot(study, snapshot)))))
