"""The command `lensgap export`: write what a study has made for other tools.

Thin bodies as in engine.cli: data on stdout, everything else on stderr; nothing is ever overwritten.
"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from engine.commands import DEFAULT_STUDY, StudyArgument

app = typer.Typer(help="Write what a study has made for other tools: lens-pack.", no_args_is_help=True)


@app.callback()
def exports() -> None:
    """Keep the subcommand's name, which a group of one command would do without."""


@app.command("lens-pack")
def lens_pack(
    out: Annotated[Path, typer.Option("--out", help="New folder for the pack.")],
    study: StudyArgument = DEFAULT_STUDY,
    layout: Annotated[
        Literal["native", "hatcat"],
        typer.Option(help="native: safetensors; hatcat: production's state dicts, of one --layer."),
    ] = "native",
    run_id: Annotated[str | None, typer.Option("--run", help="Run id; the latest if not given.")] = None,
    family: Annotated[str | None, typer.Option(help="Lens family; the first that the run was set to train.")] = None,
    phase: Annotated[Literal["prompt", "output"] | None, typer.Option(help="Phase; that of the latest lens.")] = None,
    mode: Annotated[Literal["in_context", "output_only"] | None, typer.Option(help="Mode; likewise.")] = None,
    pool: Annotated[Literal["mean", "last"] | None, typer.Option(help="Pool; likewise.")] = None,
    layer: Annotated[list[int] | None, typer.Option(help="Layer of the model; all that were trained.")] = None,
    concept: Annotated[list[str] | None, typer.Option(help="Concept; all that were trained.")] = None,
    min_f1: Annotated[float | None, typer.Option(help="Leave out lenses below this F1.", min=0, max=1)] = None,
    fold_threshold: Annotated[
        bool, typer.Option("--fold-threshold", help="Shift each lens so that logit 0 decides.")
    ] = False,
) -> None:
    """Write the lenses of a run as a folder that other tools can load, with a manifest of what each is worth."""
    from engine.exchange.lens_pack_choice import Choice
    from engine.exchange.lens_pack_export import export_lens_pack

    choice = Choice(family, phase, mode, pool, tuple(layer or ()), tuple(concept or ()), min_f1)
    made = export_lens_pack(study, out, layout=layout, run_id=run_id, choice=choice, fold_threshold=fold_threshold)
    n_concepts, layers = len({lens.concept for lens in made.lenses}), sorted({lens.layer for lens in made.lenses})
    told = f"{len(made.lenses):,} {made.lenses[0].family} lenses of {n_concepts:,} concepts, layers {', '.join(map(str, layers))}"
    typer.echo(f"{told}; {len(made.left_out):,} left out.", err=True)
    typer.echo(str(out))
