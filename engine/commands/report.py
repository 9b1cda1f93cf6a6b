"""The command `lensgap report`: a run's findings as a table, as JSON, or as files.

A thin body as in engine.cli: data on stdout, everything else on stderr.
"""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.commands.shared import DEFAULT_STUDY, JsonOption, StudyArgument, wide_console
from engine.stats.ceiling_models import CeilingName
from engine.terminal import visible


def report(
    study: StudyArgument = DEFAULT_STUDY,
    as_json: JsonOption = False,
    run_id: Annotated[str | None, typer.Option("--run", help="Run id; by default the latest run with samples.")] = None,
    family: Annotated[
        str | None, typer.Option(help="Lens family to report; by default the first that the run trained.")
    ] = None,
    form_rule: Annotated[str, typer.Option(help="Form rule: loop or study.")] = "loop",
    k: Annotated[int, typer.Option(help="Ratings above k count as on topic.", min=1, max=4)] = 2,
    stability: Annotated[float, typer.Option(help="Stability s of the propagation ceiling.", min=0, max=1)] = 0.75,
    target: Annotated[float, typer.Option(help="The F1 that you want.", min=0, max=1)] = 0.95,
    ceiling: Annotated[
        CeilingName, typer.Option(help="The ceiling that sets the recommended targets.")
    ] = "label_noise",
    sensitivity: Annotated[
        bool,
        typer.Option(
            "--sensitivity", help="Show ceilings and targets at other stabilities and cut-offs, also by concept."
        ),
    ] = False,
    html: Annotated[Path | None, typer.Option(help="Write the report as one HTML page that works offline.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write a short version as Markdown.")] = None,
    plots: Annotated[
        Path | None, typer.Option(help="Write the charts as SVG and PNG to this folder; needs kaleido.")
    ] = None,
) -> None:
    """Report gaps, ceilings, targets and measured F1 overall, by quadrant and by concept, as a table or as files."""
    from engine.exchange.report import build_report
    from engine.exchange.report_table import report_table
    from engine.exchange.sensitivity import sensitivity_table
    from engine.stats.findings import Settings

    if form_rule not in ("loop", "study"):
        raise typer.BadParameter("must be loop or study", param_hint="--form-rule")
    settings = Settings(k=k, stability=stability, user_target=target, model=ceiling)
    found = build_report(
        study,
        run_id=run_id,
        family=family,
        form_rule=form_rule,  # type: ignore[arg-type]
        settings=settings,
        concept_sensitivity=sensitivity,
    )
    if html or markdown or plots:
        _write_report(study, found, html=html, markdown=markdown, plots=plots, to_stdout=not as_json)
    if as_json:
        from engine.exchange.claims import what_stands_beside

        typer.echo(json.dumps(found | what_stands_beside(study, found), indent=2))
    elif not (html or markdown or plots):
        wide_console().print(sensitivity_table(found) if sensitivity else report_table(found))


def _write_report(
    study: Path, found: dict[str, Any], *, html: Path | None, markdown: Path | None, plots: Path | None, to_stdout: bool
) -> None:
    """Write the report's files and tell which: on stdout, or beside JSON on stderr."""
    from engine.exchange.document.build import build_document
    from engine.exchange.report_files import write_report

    for file in write_report(build_document(study, found), html=html, markdown=markdown, plots=plots):
        typer.echo(visible(str(file)), err=not to_stdout)
