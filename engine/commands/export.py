"""The command `lensgap export`: write what a study has made for other tools.

Thin bodies as in engine.cli: data on stdout, everything else on stderr; nothing is ever overwritten.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from engine.commands.options import whole_numbers
from engine.commands.shared import DEFAULT_STUDY, StudyArgument
from engine.lists import SEVERAL, parted
from engine.terminal import counted

if TYPE_CHECKING:
    from engine.exchange.lens_pack_filtered import Filtered

app = typer.Typer(
    help="Write a study's results as files for other tools: lens-pack, artifacts, dataset.", no_args_is_help=True
)


@app.command("lens-pack")
def lens_pack(
    out: Annotated[Path, typer.Option("--out", help="New folder for the pack.")],
    study: StudyArgument = DEFAULT_STUDY,
    layout: Annotated[
        Literal["native", "hatcat"],
        typer.Option(help="native: safetensors; hatcat: production's state dicts, of one --layer."),
    ] = "native",
    run_id: Annotated[str | None, typer.Option("--run", help="Run id; by default the latest run.")] = None,
    family: Annotated[str | None, typer.Option(help="Lens family; by default the first in the run's settings.")] = None,
    phase: Annotated[
        Literal["prompt", "output"] | None, typer.Option(help="Phase; by default that of the run's settings.")
    ] = None,
    mode: Annotated[Literal["in_context", "output_only"] | None, typer.Option(help="Mode; likewise.")] = None,
    pool: Annotated[Literal["mean", "last"] | None, typer.Option(help="Pool; likewise.")] = None,
    layer: Annotated[
        list[str] | None, typer.Option(help=f"Layer of the model; by default all that were trained. {SEVERAL}")
    ] = None,
    concept: Annotated[
        list[str] | None, typer.Option(help=f"Concept; by default all that were trained. {SEVERAL}")
    ] = None,
    min_f1: Annotated[float | None, typer.Option(help="Leave out lenses below this F1.", min=0, max=1)] = None,
    joined: Annotated[bool, typer.Option("--joined", help="Only lenses that read joined layers.")] = False,
    fold_threshold: Annotated[
        bool, typer.Option("--fold-threshold", help="Shift each lens so that logit 0 decides.")
    ] = False,
    refined: Annotated[
        Literal["margin", "ridge"] | None,
        typer.Option(help="Include the lenses that this pass of lensgap refine improved; others stay as trained."),
    ] = None,
    quality: Annotated[
        str | None,
        typer.Option(
            "--filter", help="Train with a quality filter: good-only, verdict>=k or weighted; needs one --layer."
        ),
    ] = None,
    judge: Annotated[
        str | None, typer.Option(help="Judge id for a filter by verdicts; by default the one that the report shows.")
    ] = None,
) -> None:
    """Write the lenses of a run as a folder that other tools can load, with a manifest of their measures."""
    from engine.exchange.lens_pack_choice import Choice
    from engine.exchange.lens_pack_export import export_lens_pack

    if joined and layer:
        raise typer.BadParameter("names single layers, and --joined asks for those joined", param_hint="--layer")
    layers = tuple(whole_numbers(layer, "--layer"))
    if quality and refined:
        raise typer.BadParameter("is of lenses as they were trained: leave --refined out", param_hint="--filter")
    filtered = _filtered(study, run_id, quality, judge) if quality else None
    choice = Choice(family, phase, mode, pool, layers, tuple(concept or ()), min_f1, joined)
    made = export_lens_pack(
        study,
        out,
        layout=layout,
        run_id=run_id,
        choice=choice,
        fold_threshold=fold_threshold,
        refined=refined,
        filtered=filtered,
    )
    n_concepts = len({lens.concept for lens in made.lenses})
    read = sorted({lens.layers for lens in made.lenses}, key=lambda layers: (len(layers), layers))
    places = ", ".join("+".join(map(str, one)) for one in read)
    family, n = made.lenses[0].family, len(made.lenses)
    lenses = counted(n, f"{family} lens", f"{family} lenses")
    told = f"{lenses} of {counted(n_concepts, 'concept')}, {'layer' if len(read) == 1 else 'layers'} {places}"
    n_refined = sum(lens.variant is not None for lens in made.lenses)
    changed = f", {n_refined:,} of them refined by {refined}" if refined else f", filter {quality}" if quality else ""
    typer.echo(f"{told}{changed}; {len(made.left_out):,} left out.", err=True)
    typer.echo(str(out))


def _filtered(study: Path, run_id: str | None, name: str, judge: str | None) -> "Filtered":
    """The filter that is asked for; ConfigError for one that we do not know."""
    from engine.commands.mitigate import BASELINE, chosen_run, chosen_verdicts
    from engine.exchange.lens_pack_filtered import Filtered
    from engine.lenses.filters import parse_filter

    how = parse_filter(name)
    run, _ = chosen_run(study, run_id)
    verdicts = chosen_verdicts(study, run, judge, "loop")
    if how.needs_verdicts and verdicts.is_baseline:
        typer.echo(BASELINE, err=True)
    return Filtered(how, verdicts)


@app.command()
def artifacts(
    out: Annotated[Path, typer.Option("--out", help="New folder for the files.")],
    study: StudyArgument = DEFAULT_STUDY,
    run_id: Annotated[str | None, typer.Option("--run", help="Run id; by default the latest run with samples.")] = None,
    judge_id: Annotated[
        str | None, typer.Option("--judge", help="Judge id; by default the one that is shown first.")
    ] = None,
    family: Annotated[
        str | None, typer.Option(help="Lens family in the table; by default the first that the run trained.")
    ] = None,
    verdicts: Annotated[
        bool, typer.Option("--verdicts", help="Write the ratings in force: people's ratings replace the judge's.")
    ] = False,
) -> None:
    """Write a run as samples.json, judgments.json, analysis.csv and a methodology document, which can be imported."""
    from engine.exchange.artifacts_export import export_artifacts

    made = export_artifacts(study, out, run_id=run_id, judge_id=judge_id, family=family, in_force=verdicts)
    judged = f"rated by judge {made.judge_id}" if made.judge_id else "which nobody has judged"
    typer.echo(f"Run {made.run_id}: {counted(made.n_rows, 'row')}, {judged}.", err=True)
    typer.echo(str(out))


@app.command()
def dataset(
    out: Annotated[Path, typer.Option("--out", help="New folder for the dataset.")],
    study: StudyArgument = DEFAULT_STUDY,
    form: Annotated[
        Literal["datasets", "parquet", "csv"],
        typer.Option(
            "--format",
            help="datasets: Parquet in the hub's layout; parquet, csv: one file per table. All include a card.",
        ),
    ] = "datasets",
    run_ids: Annotated[list[str] | None, typer.Option("--run", help=f"Run id; by default all runs. {SEVERAL}")] = None,
    anonymous: Annotated[
        bool, typer.Option("--anonymous", help="Replace reviewers' names by numbers and leave out their comments.")
    ] = False,
    push: Annotated[
        str | None,
        typer.Option(help="Also upload it to the Hugging Face hub as owner/name, private if new; needs HF_TOKEN."),
    ] = None,
) -> None:
    """Write texts, pairs, votes, verdicts, rating history and lens scores as a dataset with a card."""
    from engine.exchange.dataset_export import export_dataset
    from engine.exchange.dataset_push import hub_for, push_dataset

    hub = hub_for(push) if push else None
    made = export_dataset(study, out, form=form, runs=tuple(parted(run_ids)), anonymous=anonymous)
    told = ", ".join(f"{name} {n:,}" for name, n in made.n_rows.items() if n)
    typer.echo(f"Snapshot {made.snapshot}: {told}.", err=True)
    typer.echo(str(out))
    if push and hub:
        typer.echo(push_dataset(out, push, hub, message=f"Snapshot {made.snapshot}"))
