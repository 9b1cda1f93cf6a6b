"""What the modules of the command line share: arguments, consoles, and the settings that a command works with."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

DEFAULT_STUDY = Path("studies/study")

StudyArgument = Annotated[Path, typer.Argument(help="Study folder.")]
ConfigOption = Annotated[Path | None, typer.Option("--config", help="study.toml with settings; flags win over it.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def wide_console(*, stderr: bool = False) -> Console:
    """A console that is wide where nobody told how wide it is, as in a file, so that a table keeps all its names."""
    console = Console(stderr=stderr)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = 160
    return console


def chosen_settings(study: Path, file: Path | None, settings: dict[str, Any], *, run_id: str | None = None) -> Any:
    """Flags over the file; without a file, over the settings of the run that is named, or of the study's latest."""
    from engine.config import read_config, read_stored_config
    from engine.pipeline import stored_config

    flags = {name: tuple(v) if isinstance(v, list) else v for name, v in settings.items() if v not in (None, [])}
    stored = None if file else stored_config(study, run_id=run_id)
    base = read_stored_config(stored[1]) if stored else None
    return read_config(file, flags=flags, base=base)


def run_stages(study: Path, config: Path | None, settings: dict[str, Any], *, only: Any, asking: Any = None) -> None:
    """Run stages with the chosen settings; what was done goes to stderr, the run's id to stdout."""
    from engine import pipeline

    summary = pipeline.run(study, chosen_settings(study, config, settings), only=only, asking=asking)
    done = {stage: n for stage, n in summary.n_done.items() if n}
    said = ", ".join(f"{stage} {n:,}" for stage, n in done.items()) or "nothing was left to do"
    Console(stderr=True).print(f"Run {summary.run_id} with {summary.n_concepts} concepts: {said}.", highlight=False)
    typer.echo(summary.run_id)
