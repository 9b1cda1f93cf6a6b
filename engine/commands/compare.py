"""The command `lensgap compare`: runs, judges, two ways to train, a pack before and after splitting or bucketing.

Thin bodies as in engine.cli: data on stdout, everything else on stderr.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from engine.commands.options import SettingsCommand, with_settings
from engine.commands.shared import (
    DEFAULT_STUDY,
    ConfigOption,
    JsonOption,
    MaxGroupsOption,
    MaxSizeOption,
    MinSensesOption,
    MinSimilarityOption,
    MinSizeOption,
    SpecificDepthOption,
    StudyArgument,
    chosen_settings,
    installed_synsets,
    wide_console,
)
from engine.errors import ExpectedError
from engine.terminal import visible

if TYPE_CHECKING:
    from engine.exchange.comparison import Comparison

app = typer.Typer(
    help=(
        "Compare runs, judges, training settings, or packs before and after splitting or bucketing, concept by concept; "
        "or groups of different concepts."
    ),
    no_args_is_help=True,
)
YesOption = Annotated[bool, typer.Option("--yes", help="Pay for judging without asking for confirmation.")]
PlotOption = Annotated[
    Path | None,
    typer.Option("--plot", help="Also plot the differences, as a .html file, or as .svg or .png with kaleido."),
]
JudgeOption = Annotated[
    str | None,
    typer.Option(
        "--judge",
        help=(
            "Judge id; by default the first that rated all runs, or else one that rated both runs of each comparison."
        ),
    ),
]


@app.command()
def runs(
    study: StudyArgument = DEFAULT_STUDY,
    run: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN RUN]…",
            help="Run ids, the base first; for other studies FOLDER or FOLDER:RUN. By default all runs.",
        ),
    ] = None,
    judge: JudgeOption = None,
    family: Annotated[str | None, typer.Option(help="Lens family; by default the first that both runs have.")] = None,
    layer: Annotated[int | None, typer.Option(help="Layer; by default the deepest that both runs have.", min=0)] = None,
    plot: PlotOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare two or more runs, of one study or several: the first with each of the others.

    Only concepts that both runs have are compared. Differing settings are listed.
    """
    from dataclasses import replace

    from engine.comparing import choose_runs
    from engine.exchange.comparison_plot import require_plot_file
    from engine.exchange.comparison_sides import judge_of_all, wish_of
    from engine.exchange.run_comparison import compare_runs

    if plot:
        require_plot_file(plot)
    first, others = choose_runs(study, run or [])
    judge = judge or judge_of_all(first, others)
    found: list[Comparison] = []
    for other in others:
        wishes = [replace(wish_of(one), family=family, layer=layer) for one in (first, other)]
        try:
            found.append(compare_runs(study, first, other, judge_id=judge, wishes=(wishes[0], wishes[1])))
        except ExpectedError as error:
            if run or (other is others[-1] and not found):
                raise
            typer.echo(f"Left out: {error}", err=True)
    _tell(study, found, as_json=as_json, plot=plot)


@app.command()
def groups(
    study: StudyArgument = DEFAULT_STUDY,
    run: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RUN]…", help="Run ids; by default the latest run with samples."),
    ] = None,
    by: Annotated[Literal["pack-layer", "quadrant", "run"], typer.Option(help="What sorts concepts into groups.")] = (
        "pack-layer"
    ),
    as_json: JsonOption = False,
) -> None:
    """Compare pack layers, quadrants, or runs of different concepts: the means over their concepts.

    Nothing is matched. For runs with the same concepts, use lensgap compare runs.
    """
    from engine.exchange.group_comparison import build_group_comparison, group_table

    found = build_group_comparison(study, runs=run or [], by=by)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        wide_console().print(group_table(found))


@app.command()
def judges(
    study: StudyArgument = DEFAULT_STUDY,
    judge: Annotated[
        list[str] | None,
        typer.Argument(metavar="[JUDGE JUDGE]…", help="Judge ids, the base first; by default all judges of the run."),
    ] = None,
    run_id: Annotated[str | None, typer.Option("--run", help="Run id; by default the latest run with samples.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare gaps and ceilings by two or more judges of one run: the first with each of the others.

    For agreement text by text, use lensgap judge compare.
    """
    from db import connect
    from engine.comparing import choose_judges
    from engine.exchange.run_comparison import compare_judges
    from engine.exchange.runs import find_run

    with connect(study) as cursor:
        run_id = find_run(cursor, study, run_id)
    run, first, others = choose_judges(study, run_id, judge or [])
    _tell(study, [compare_judges(study, run, first, other) for other in others], as_json=as_json)


@app.command()
def settings(
    study: StudyArgument = DEFAULT_STUDY,
    run_id: Annotated[str | None, typer.Option("--run", help="Run id; by default the latest run with samples.")] = None,
    mode: Annotated[Literal["in_context", "output_only"] | None, typer.Option(help="Mode after.")] = None,
    phase: Annotated[Literal["prompt", "output"] | None, typer.Option(help="Phase after.")] = None,
    pool: Annotated[Literal["mean", "last"] | None, typer.Option(help="Pool after.")] = None,
    layer: Annotated[int | None, typer.Option(help="Layer after.", min=0)] = None,
    family: Annotated[str | None, typer.Option(help="Lens family after.")] = None,
    from_mode: Annotated[Literal["in_context", "output_only"] | None, typer.Option(help="Mode before.")] = None,
    from_phase: Annotated[Literal["prompt", "output"] | None, typer.Option(help="Phase before.")] = None,
    from_pool: Annotated[Literal["mean", "last"] | None, typer.Option(help="Pool before.")] = None,
    from_layer: Annotated[int | None, typer.Option(help="Layer before.", min=0)] = None,
    from_family: Annotated[str | None, typer.Option(help="Lens family before.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare lenses of one run trained in two ways, such as with --mode output_only.

    Other settings are the run's own. Missing activations and lenses are captured and trained first.
    """
    from db import connect
    from engine.comparing import compare_settings
    from engine.exchange.runs import find_run

    with connect(study) as cursor:
        run_id = find_run(cursor, study, run_id)
    before = {"mode": from_mode, "phase": from_phase, "pool": from_pool, "layer": from_layer, "family": from_family}
    after = {"mode": mode, "phase": phase, "pool": pool, "layer": layer, "family": family}
    _tell(study, [compare_settings(study, run_id, before, after)], as_json=as_json)


@app.command(cls=SettingsCommand)
@with_settings
def split(
    study: StudyArgument = DEFAULT_STUDY,
    config: ConfigOption = None,
    min_similarity: MinSimilarityOption = 0.25,
    specific_depth: SpecificDepthOption = 7,
    min_senses: MinSensesOption = 2,
    max_groups: MaxGroupsOption = 6,
    yes: YesOption = False,
    as_json: JsonOption = False,
    **settings: Any,
) -> None:
    """Run a pack as it is and with its senses split, and compare each concept with the mean over its senses.

    Settings that are not given are taken from the latest run on a pack that was not derived here.
    If interrupted, run it again to continue.
    """
    from engine.packs.senses import SplitSettings, split_pack
    from engine.packs.synsets import Synsets
    from engine.packs.wordnet import load_wordnet

    chosen = _settings(study, config, settings)
    synsets, how = Synsets(load_wordnet()), SplitSettings(min_similarity, specific_depth, min_senses, max_groups)
    _compare_packs(study, chosen, lambda pack: split_pack(pack, synsets, how), "splitting", yes=yes, as_json=as_json)


@app.command(cls=SettingsCommand)
@with_settings
def bucket(
    study: StudyArgument = DEFAULT_STUDY,
    config: ConfigOption = None,
    max_size: MaxSizeOption = 12,
    min_size: MinSizeOption = 3,
    yes: YesOption = False,
    as_json: JsonOption = False,
    **settings: Any,
) -> None:
    """Run a pack as it is and with its large sibling groups in buckets, and compare concept by concept.

    Settings that are not given are taken from the latest run on a pack that was not derived here.
    If interrupted, run it again to continue.
    """
    from engine.packs.buckets import BucketSettings, bucket_pack

    chosen, how = _settings(study, config, settings), BucketSettings(max_size, min_size)
    synsets, reason = installed_synsets()
    if reason:
        typer.echo(f"Only definitions decide: {reason}", err=True)
    _compare_packs(study, chosen, lambda pack: bucket_pack(pack, synsets, how), "bucketing", yes=yes, as_json=as_json)


def _settings(study: Path, config: Path | None, settings: dict[str, Any]) -> Any:
    from engine.comparing import base_run

    return chosen_settings(study, config, settings, run_id=base_run(study))


def _compare_packs(
    study: Path, config: Any, derive: Any, kind: Literal["splitting", "bucketing"], *, yes: bool, as_json: bool
) -> None:
    from engine.comparing import compare_packs
    from engine.stages.judge_run import AskOptions

    _tell(study, [compare_packs(study, config, derive, kind=kind, asking=AskOptions(yes=yes))], as_json=as_json)


def _tell(study: Path, found: "list[Comparison]", *, as_json: bool, plot: Path | None = None) -> None:
    """Keep the comparisons and print them; JSON is a list of them. The plot's file is told on stderr."""
    from engine.exchange.comparison_json import comparison_json
    from engine.exchange.comparison_table import comparison_tables, overview_table
    from engine.exchange.kept_comparisons import keep_comparison
    from engine.exchange.told_comparisons import tell_together

    told = tell_together(found)
    if plot:
        from engine.exchange.comparison_plot import write_plot

        typer.echo(f"Plot: {visible(str(write_plot(plot, told)))}", err=True)
    kept = [keep_comparison(study, one) for one in found]
    if as_json:
        typer.echo(json.dumps([comparison_json(*each) for each in zip(kept, told, strict=True)], indent=2))
        return
    if len(found) > 1:
        wide_console().print(overview_table(found))
    for one in told:
        wide_console().print(comparison_tables(one))
