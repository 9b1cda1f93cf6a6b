"""The command `lensgap layers`: which layer serves which concept, and whether choosing pays.

Thin body as in engine.cli: data on stdout, everything else on stderr.
"""

import json
from typing import Annotated

import typer

from engine.commands.shared import DEFAULT_STUDY, JsonOption, StudyArgument, wide_console


def layers(
    study: StudyArgument = DEFAULT_STUDY,
    run_id: Annotated[str | None, typer.Option("--run", help="Run id; by default the latest run with samples.")] = None,
    family: Annotated[str | None, typer.Option(help="Lens family; by default all with two or more layers.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare layers: what each reaches, alone or joined, and which layer is best for which concept.

    Layers are chosen on one half of the folds and measured on the other.
    The results are stored in the study.
    """
    from engine.exchange.layer_sweep import sweep_run
    from engine.exchange.layer_table import layer_tables

    found = sweep_run(study, run_id=run_id, family=family)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        wide_console().print(layer_tables(found))
