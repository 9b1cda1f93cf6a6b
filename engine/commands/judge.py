"""The command `lensgap judge`: ask a judge, compare judges, try a rubric.

`lensgap judge STUDY` asks; a study folder that is called like a subcommand is named with its path, ./compare. Thin bodies as in
engine.cli: data on stdout, everything else on stderr.
"""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from engine.commands.options import SettingsCommand, with_settings
from engine.commands.shared import (
    DEFAULT_STUDY,
    ConfigOption,
    JsonOption,
    StudyArgument,
    chosen_settings,
    run_stages,
    wide_console,
)
from engine.errors import ConfigError

if TYPE_CHECKING:
    from engine.judges.costs.preflight import Preflight

JUDGE_SETTINGS = ("judge", "base_url", "rubric", "text_limit", "budget", "rpm", "tpm", "prices", "device")


class AskUnlessNamed(TyperGroup):
    """A group whose arguments go to its command `ask` unless the first one names another."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the name of the default command before arguments that name none."""
        if not args or args[0] not in self.commands:
            args = ["ask", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=AskUnlessNamed, help="Have a judge name topics and rate relevance; compare judges; try a rubric.")


@app.command(cls=SettingsCommand)
@with_settings(first="Judge")
def ask(
    study: StudyArgument = DEFAULT_STUDY,
    config: ConfigOption = None,
    retry_unscored: Annotated[
        bool, typer.Option("--retry-unscored", help="Ask again for votes that are unscored.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what it would cost without asking anything.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Spend without asking for confirmation.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result of --dry-run as JSON.")] = False,
    **settings: Any,
) -> None:
    """Have the judge name topics and rate relevance. `lensgap judge STUDY` is short for this.

    The cost is shown before anything is asked. If interrupted, run it again to continue; no answer is paid for twice.

    See also: lensgap judge compare | try | rubric.
    """
    from engine.stages.judge_run import AskOptions

    if not dry_run:
        asking = AskOptions(again=retry_unscored, yes=yes)
        run_stages(study, config, settings, only=("judge",), asking=asking)
        return
    from engine.pipeline import price_judge

    found = price_judge(study, chosen_settings(study, config, settings), AskOptions(again=retry_unscored))
    _tell_price(found, as_json=as_json)


@app.command()
def compare(
    study: StudyArgument = DEFAULT_STUDY,
    run_id: Annotated[str | None, typer.Option("--run", help="Run id; by default the latest run with samples.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show how far judges agree with each other and with people, with intervals."""
    from engine.exchange.agreement import agreement_table, build_agreement

    found = build_agreement(study, run_id=run_id)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        wide_console().print(agreement_table(found))


@app.command("try", cls=SettingsCommand)
@with_settings(only=JUDGE_SETTINGS)
def try_judge(
    study: StudyArgument = DEFAULT_STUDY,
    pair: Annotated[
        list[str] | None,
        typer.Option("--pair", help="A pair to ask about, as SAMPLE_ID:CONCEPT. Repeat for several pairs."),
    ] = None,
    run_id: Annotated[str | None, typer.Option("--run", help="Run id; by default the latest run.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what it would cost without asking anything.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Spend without asking for confirmation.")] = False,
    as_json: JsonOption = False,
    **settings: Any,
) -> None:
    """Ask a judge about a few pairs only, to try a rubric or a model before a whole run is judged.

    The votes are kept: judging the run with the same rubric later does not pay for them again.
    """
    from engine.pipeline import ask_about, price_judge, stored_config
    from engine.stages.judge_run import AskOptions

    stored = stored_config(study, run_id=run_id)
    if stored is None:
        raise ConfigError("There is no such run.", hint=f"See the runs: lensgap status {study}.")
    chosen = _pairs(pair or [])
    config = chosen_settings(study, None, settings, run_id=stored[0])
    asking = AskOptions(yes=yes, chosen=chosen)
    if dry_run:
        _tell_price(price_judge(study, config, asking, run_id=stored[0]), as_json=as_json)
        return
    judge, n_asked = ask_about(study, stored[0], config, asking)
    typer.echo(json.dumps({"judge": judge, "n_asked": n_asked, "n_pairs": len(chosen)}) if as_json else judge)


@app.command()
def rubric(
    name: Annotated[str, typer.Argument(help="A bundled rubric, or a file to check.")] = "standard",
) -> None:
    """Print a rubric as a TOML file to edit and pass with --rubric, or check a file of your own."""
    from engine.prompts.rubrics import load_rubric, rubric_toml

    typer.echo(rubric_toml(load_rubric(name)), nl=False)


def _pairs(given: list[str]) -> tuple[tuple[str, str], ...]:
    """Pairs of concept and sample, as the options name them."""
    parts = [one.partition(":") for one in given]
    if not parts or any(not sample_id or not concept for sample_id, _, concept in parts):
        raise typer.BadParameter("name at least one pair, as SAMPLE_ID:CONCEPT", param_hint="--pair")
    return tuple(dict.fromkeys((concept, sample_id) for sample_id, _, concept in parts))


def _tell_price(found: "Preflight", *, as_json: bool) -> None:
    from engine.judges.costs.preflight import preflight_json, preflight_table

    if as_json:
        typer.echo(json.dumps(preflight_json(found), indent=2))
    else:
        wide_console().print(preflight_table(found))
