"""The command `lensgap curve`: what F1 more pairs would give.

Thin body as in engine.cli: data on stdout, everything else on stderr.
"""

import json
from typing import Annotated

import typer

from engine.commands.shared import DEFAULT_STUDY, JsonOption, StudyArgument, wide_console


def curve(
    study: StudyArgument = DEFAULT_STUDY,
    run_id: Annotated[str | None, typer.Option("--run", help="Run id; by default the latest run with samples.")] = None,
    family: Annotated[str | None, typer.Option(help="Lens family; by default the first that the run trains.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure learning curves: the F1 with twice the pairs, and the limit as pairs are added.

    Lenses are fitted on part of the pairs and scored on the same held-out ones. Curves are stored in the study and
    give its empirical ceilings.
    If interrupted, run it again to continue.
    """
    from engine.exchange.curve_table import build_curves, curve_table

    found = build_curves(study, run_id=run_id, family=family)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        wide_console().print(curve_table(found))
