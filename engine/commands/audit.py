"""The command `lensgap audit`: draw pairs for people to rate blind, and say what their ratings license.

Thin bodies as in engine.cli: data on stdout, everything else on stderr.
"""

import json
from typing import Annotated, Literal

import typer

from engine.commands.shared import DEFAULT_STUDY, JsonOption, StudyArgument, wide_console

app = typer.Typer(
    help="Audit a judge with blind ratings of randomly drawn pairs: plan, estimate, agreement.", no_args_is_help=True
)

RunOption = Annotated[str | None, typer.Option("--run", help="Run id; by default the latest run with samples.")]
JudgeOption = Annotated[str | None, typer.Option("--judge", help="Judge id; by default the one that is shown first.")]


@app.command()
def plan(
    study: StudyArgument = DEFAULT_STUDY,
    ratings: Annotated[
        int | None,
        typer.Option(help="Total number of ratings in the audit, including existing ones.", min=1),
    ] = None,
    half_width: Annotated[
        float | None, typer.Option(help="Half-width of the overall gap's interval to reach.", min=0.001)
    ] = None,
    target: Annotated[
        Literal["samples", "future"],
        typer.Option(help="What --half-width refers to: these samples, or future generations."),
    ] = "samples",
    floor: Annotated[
        float, typer.Option(help="Lowest probability with which any pair is drawn.", min=0.05, max=1)
    ] = 0.05,
    run_id: RunOption = None,
    judge_id: JudgeOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan without storing it.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Draw the fewest pairs for blind rating that measure the gap well.

    Without --ratings or --half-width the current plan is shown. A later plan only adds pairs.
    The JSON lists the pairs left to rate.
    """
    if ratings is not None and half_width is not None:
        raise typer.BadParameter("name either --ratings or --half-width", param_hint="--half-width")
    from engine.exchange.audit_planning import Wish, build_plan
    from engine.exchange.audit_table import plan_table

    wish = None if ratings is None and half_width is None else Wish(ratings, half_width, target, floor)
    found = build_plan(study, wish, run_id=run_id, judge_id=judge_id, store=not dry_run)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        wide_console().print(plan_table(found))


@app.command()
def estimate(
    study: StudyArgument = DEFAULT_STUDY,
    half_width: Annotated[
        float,
        typer.Option(
            help="Half-width of the overall gap's interval for which to report the missing ratings.", min=0.001
        ),
    ] = 0.2,
    run_id: RunOption = None,
    judge_id: JudgeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Estimate gap and means of all pairs from the audit's ratings, with intervals and the number of missing ratings."""
    from engine.exchange.audit import build_estimate
    from engine.exchange.audit_table import estimate_table

    found = build_estimate(study, run_id=run_id, judge_id=judge_id, half_width=half_width)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        wide_console().print(estimate_table(found))


@app.command()
def agreement(study: StudyArgument = DEFAULT_STUDY, run_id: RunOption = None, as_json: JsonOption = False) -> None:
    """Show how far judges and people agree on drawn pairs, in each arm, and whether a judge drifts over time or rubrics."""
    from engine.exchange.audit_agreement import build_audit_agreement
    from engine.exchange.audit_agreement_table import audit_agreement_table

    found = build_audit_agreement(study, run_id=run_id)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        wide_console().print(audit_agreement_table(found))
