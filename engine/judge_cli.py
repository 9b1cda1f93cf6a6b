"""The command `lensgap judge`: ask a judge, compare judges, try a rubric.

`lensgap judge STUDY` asks; a study folder that is called like a subcommand is named with its path, ./compare. Thin bodies as in
engine.cli: data on stdout, everything else on stderr.
"""

import json
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from engine.commands import (
    DEFAULT_STUDY,
    ConfigOption,
    JsonOption,
    StudyArgument,
    chosen_settings,
    run_stages,
    wide_console,
)
from engine.options import with_settings


class AskUnlessNamed(TyperGroup):
    """A group whose arguments go to its command `ask` unless the first one names another."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the name of the default command before arguments that name none."""
        if not args or args[0] not in self.commands:
            args = ["ask", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=AskUnlessNamed, help="Have a judge name topics and rate relevance; compare judges; try a rubric.")


@app.command()
@with_settings
def ask(
    study: StudyArgument = DEFAULT_STUDY,
    config: ConfigOption = None,
    retry_unscored: Annotated[bool, typer.Option("--retry-unscored", help="Ask unscored votes once more.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what it would cost, and ask nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Spend without asking back.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what --dry-run tells as JSON.")] = False,
    **settings: Any,
) -> None:
    """Have the judge name topics and rate relevance. `lensgap judge STUDY` is short for this.

    What it costs is shown before anything is asked. Killed at any moment, the same command goes on and pays for no answer twice.

    See also: lensgap judge compare, lensgap judge try.
    """
    from engine.stages.judging import AskOptions

    if not dry_run:
        asking = AskOptions(again=retry_unscored, yes=yes)
        run_stages(study, config, settings, only=("judge",), asking=asking)
        return
    from engine.judges.preflight import preflight_json, preflight_table
    from engine.pipeline import price_judge

    found = price_judge(study, chosen_settings(study, config, settings), AskOptions(again=retry_unscored))
    if as_json:
        typer.echo(json.dumps(preflight_json(found), indent=2))
    else:
        wide_console().print(preflight_table(found))


@app.command()
def compare(
    study: StudyArgument = DEFAULT_STUDY,
    run_id: Annotated[str | None, typer.Option("--run", help="Run id; the latest if not given.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show how far judges agree with each other and with people, with intervals."""
    from engine.exchange.agreement import agreement_table, build_agreement

    found = build_agreement(study, run_id=run_id)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        wide_console().print(agreement_table(found))
