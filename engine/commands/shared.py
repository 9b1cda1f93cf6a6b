"""What the modules of the command line share: arguments, consoles, and the settings that a command works with."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console

from engine.terminal import counted, visible

if TYPE_CHECKING:
    from engine.packs.synsets import Synsets
    from engine.stages.judge import Tally

DEFAULT_STUDY = Path("studies/study")
MUCH: Final = 0.2
"""Share of the answers of a kind above which a warning says that they have no score."""

StudyArgument = Annotated[Path, typer.Argument(help="Study folder.")]
ConfigOption = Annotated[Path | None, typer.Option("--config", help="TOML file with settings; flags take precedence.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]

# How a pack's senses are split and its siblings bucketed, in `pack` and in `compare`.
MinSimilarityOption = Annotated[
    float, typer.Option(help="Path similarity from which senses count as close.", min=0.05, max=1)
]
SpecificDepthOption = Annotated[int, typer.Option(help="Depth from which a shared hypernym makes senses close.", min=1)]
MinSensesOption = Annotated[int, typer.Option(help="Split concepts with this many senses or more.", min=2)]
MaxGroupsOption = Annotated[int, typer.Option(help="Largest number of groups per concept.", min=2)]
MaxSizeOption = Annotated[int, typer.Option(help="Divide sibling groups larger than this.", min=2)]
MinSizeOption = Annotated[int, typer.Option(help="Merge buckets smaller than this where there is room.", min=1)]


def wide_console(*, stderr: bool = False) -> Console:
    """A console that is wide where nobody told how wide it is, as in a file, so that a table keeps all its names."""
    console = Console(stderr=stderr)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = 160
    return console


def chosen_settings(study: Path, file: Path | None, settings: dict[str, Any], *, run_id: str | None = None) -> Any:
    """Flags over the file; without a file, over the settings of the run that is named, or of the study's latest."""
    from engine.commands.flags import given_settings
    from engine.config import read_config, read_stored_config
    from engine.pipeline import stored_config

    flags = given_settings(settings)
    stored = None if file else stored_config(study, run_id=run_id)
    base = read_stored_config(stored[1]) if stored else None
    return read_config(file, flags=flags, base=base)


def require_study(study: Path) -> None:
    """Raise what keeps a study from being opened, so that a mistyped folder does not become a study."""
    from db import connect

    with connect(study):
        pass


def _described(stage: str, n: int, tally: "Tally | None") -> str:
    """What a stage did in a few words."""
    if tally is None or not tally.n_unscored:
        return f"{stage} {n:,}"
    reason = tally.commonest_reason or "unknown"
    return f"{stage} {n:,}, of which {tally.n_unscored:,} unscored (commonest reason: {reason})"


def run_stages(
    study: Path,
    config: Path | None,
    settings: dict[str, Any],
    *,
    only: Any,
    asking: Any = None,
    as_json: bool = False,
) -> None:
    """Run stages with the chosen settings; what was done goes to stderr, the run's id to stdout, or both as JSON."""
    from engine import pipeline

    summary = pipeline.run(study, chosen_settings(study, config, settings), only=only, asking=asking)
    console = Console(stderr=True)
    done = [_described(stage, n, summary.judged.get(stage)) for stage, n in summary.n_done.items() if n]
    said = ", ".join(done) or "nothing left to do"
    line = f"Run {summary.run_id} with {counted(summary.n_concepts, 'concept')}: {said}."
    console.print(visible(line), markup=False, highlight=False, soft_wrap=True)
    if much := [kind for kind, tally in summary.judged.items() if tally.n_unscored > MUCH * tally.n]:
        console.print(
            f"Warning: much of {' and '.join(much)} is unscored. The judge's replies are kept with each vote; look "
            "at them before you trust the rest.",
            style="yellow",
            highlight=False,
            soft_wrap=True,
        )
    found = {"run": summary.run_id, "n_concepts": summary.n_concepts, "n_done": summary.n_done}
    typer.echo(json.dumps(found, indent=2) if as_json else summary.run_id)


def installed_synsets() -> "tuple[Synsets | None, str]":
    """WordNet's synsets, or why there are none."""
    from engine.errors import WordNetMissing
    from engine.packs.synsets import Synsets
    from engine.packs.wordnet import load_wordnet

    try:
        return Synsets(load_wordnet()), ""
    except WordNetMissing as missing:
        return None, str(missing)
