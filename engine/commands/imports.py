"""The command `lensgap import`: bring texts of others into a study, with what was said and reported of them.

Thin bodies as in engine.cli: the run's id on stdout, everything else on stderr; all of an import is written, or nothing.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from engine.terminal import counted, visible

if TYPE_CHECKING:
    from engine.exchange.artifacts import Imported, Problem

app = typer.Typer(help="Import existing texts into a study: artifacts, samples.", no_args_is_help=True)

IntoOption = Annotated[Path, typer.Option("--into", help="Study folder; created if it does not exist.")]
PackOption = Annotated[
    str | None, typer.Option(help="Pack of the concepts, for senses, siblings and definitions; by default none.")
]
SiblingsOption = Annotated[Literal["distinct", "study"], typer.Option(help="Which sibling count of the pack to use.")]
ModelOption = Annotated[str, typer.Option(help="Name of the model that wrote the texts.")]
JudgeOption = Annotated[str, typer.Option(help="Name of the judge whose ratings are imported.")]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print as JSON what was imported, and which rows were left out and why.")
]
SkipOption = Annotated[
    bool, typer.Option("--skip-bad", help="Skip and list invalid rows instead of importing nothing.")
]


@app.command()
def artifacts(
    folder: Annotated[Path, typer.Argument(help="Folder with samples.json, judgments.json and analysis.csv.")],
    into: IntoOption,
    pack: PackOption = None,
    siblings: SiblingsOption = "distinct",
    model: ModelOption = "unknown",
    judge: JudgeOption = "unknown",
    skip_bad: SkipOption = False,
    as_json: JsonOption = False,
) -> None:
    """Import a study's artifacts: samples, judgments, and F1 values, which stay marked as reported.

    Quadrants are taken from the files. The run opens in dashboard and report, and can be judged again and audited.
    """
    from engine.exchange.artifacts_read import read_artifacts

    _store(into, read_artifacts(folder, skip_bad=skip_bad), pack, siblings, model, judge, as_json=as_json)


@app.command()
def samples(
    source: Annotated[
        str,
        typer.Argument(
            help="A .jsonl, .json, .csv, .tsv or .parquet file, the folder of a dataset, or hf://owner/name from the hub."
        ),
    ],
    into: IntoOption,
    concept: Annotated[str | None, typer.Option(help="Column of the concept; by default guessed by name.")] = None,
    arm: Annotated[
        str | None, typer.Option(help="Column that tells positives from negatives; by default guessed.")
    ] = None,
    text: Annotated[str | None, typer.Option(help="Column of the text; by default guessed.")] = None,
    prompt: Annotated[
        str | None, typer.Option(help="Column of the prompt, if there is one; by default guessed.")
    ] = None,
    rating: Annotated[
        str | None, typer.Option(help="Column of a judge's rating from 1 to 5, if there is one; by default guessed.")
    ] = None,
    positive_value: Annotated[
        str | None, typer.Option(help="Value in the arm column that marks positives; any other value marks negatives.")
    ] = None,
    config: Annotated[str | None, typer.Option(help="Configuration, if the dataset has several.")] = None,
    split: Annotated[str | None, typer.Option(help="Split, if the dataset has several.")] = None,
    pack: PackOption = None,
    siblings: SiblingsOption = "distinct",
    model: ModelOption = "unknown",
    judge: JudgeOption = "unknown",
    skip_bad: SkipOption = False,
    as_json: JsonOption = False,
) -> None:
    """Import anyone's texts, one row per text with concept and arm. Guessed and unread columns are listed.

    Quadrants come from the pack. Without a pack, concepts have no quadrant.
    """
    from engine.exchange.import_samples import Columns, read_samples

    asked = Columns(concept, arm, text, prompt, rating)
    read = read_samples(source, asked, positive_value=positive_value, config=config, split=split, skip_bad=skip_bad)
    _store(into, read, pack, siblings, model, judge, as_json=as_json)


def _store(
    study: Path,
    imported: "Imported",
    pack: str | None,
    siblings: Literal["distinct", "study"],
    model: str,
    judge: str,
    *,
    as_json: bool,
) -> None:
    """Write what was read, tell what it is, and print the run's id, or all of that as JSON."""
    from engine.exchange.artifacts_rows import Origin, store

    for notice in imported.notices:
        _tell(notice)
    stored = store(study, imported, Origin(pack, siblings, model, judge))
    for notice in stored.notices:
        _tell(notice)
    counts = {
        "n_samples": len(imported.samples),
        "n_concepts": len(imported.concepts),
        "n_judged": sum(sample.judgment is not None for sample in imported.samples),
        "n_reported": len(imported.reported),
    }
    texts = f"{counted(counts['n_samples'], 'sample')} of {counted(counts['n_concepts'], 'concept')}"
    what = f"{texts}, {counts['n_judged']:,} judged, {counted(counts['n_reported'], 'reported measure')}"
    _tell(f"Run {stored.run_id}: {what}." if stored.is_new else f"Run {stored.run_id} already exists: {what}.")
    if as_json:
        left_out = _left_out(imported.left_out)
        typer.echo(
            json.dumps({"run": stored.run_id, "is_new": stored.is_new, **counts, "left_out": left_out}, indent=2)
        )
    else:
        typer.echo(stored.run_id)


def _left_out(problems: "Sequence[Problem]") -> dict[str, Any]:
    from engine.exchange.artifacts import count_reasons, count_rows

    rows = [asdict(problem) for problem in problems]
    return {"n_rows": count_rows(problems), "reasons": count_reasons(problems), "rows": rows}


def _tell(text: str) -> None:
    typer.echo(visible(text), err=True)
