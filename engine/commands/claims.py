"""The command `lensgap claims`: the report's claims, decided on a study.

A thin body as in engine.cli: data on stdout, everything else on stderr.
"""

import json
from typing import Annotated

import typer

from engine.commands.shared import DEFAULT_STUDY, JsonOption, StudyArgument, wide_console


def claims(
    study: StudyArgument = DEFAULT_STUDY,
    run_id: Annotated[str | None, typer.Option("--run", help="Run id; by default the latest run with samples.")] = None,
    judge_id: Annotated[
        str | None, typer.Option("--judge", help="Judge id; by default the one that is shown first.")
    ] = None,
    family: Annotated[str | None, typer.Option(help="Lens family; by default the first that the run trained.")] = None,
    form_rule: Annotated[str, typer.Option(help="Form rule: loop or study.")] = "loop",
    k: Annotated[int, typer.Option(help="Ratings above k count as on topic.", min=1, max=4)] = 2,
    as_json: JsonOption = False,
) -> None:
    """Test what the report claims about training data on this study: holds, does not hold, or cannot tell."""
    if form_rule not in ("loop", "study"):
        raise typer.BadParameter("must be loop or study", param_hint="--form-rule")
    from engine.exchange.claims import build_claims, claims_json
    from engine.exchange.claims_table import claims_table

    found = build_claims(study, run_id=run_id, judge_id=judge_id, family=family, form_rule=form_rule, k=k)  # type: ignore[arg-type]
    if as_json:
        typer.echo(json.dumps(claims_json(found), indent=2))
    else:
        wide_console().print(claims_table(found))
