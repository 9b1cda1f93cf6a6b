"""The command `lensgap curve`: what F1 more pairs would give.

Thin body as in engine.cli: data on stdout, everything else on stderr.
"""

import json
from typing import Annotated

import typer

from engine.commands.shared import DEFAULT_STUDY, JsonOption, StudyArgument, wide_console


def curve(
    study: StudyArgument = DEFAULT_STUDY,
    run_id: Annotated[str | None, typer.Option("--run", help="Run id; the latest with samples if not given.")] = None,
    family: Annotated[str | None, typer.Option(help="Lens family; the first that the run trains.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure learning curves: where F1 leads as pairs are added, and what twice as many would give.

    Lenses are fitted on fewer pairs than there are and scored on the same held-out ones. Curves are kept in the study, and
    give its empirical ceilings. Killed at any moment, the same command goes on.
    """
    from engine.exchange.curve_table import build_curves, curve_table

    found = build_curves(study, run_id=run_id, family=family)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        wide_console().print(curve_table(found))
