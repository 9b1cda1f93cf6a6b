"""The command behind `make subject-model`: train, measure the later checkpoints, choose one, write folder and card."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from engine.bundled.training.card import write_card
from engine.bundled.training.checkpoint import checkpoints
from engine.bundled.training.choice import Candidate, choose
from engine.bundled.training.measure import Measurement, Sampling, measure
from engine.bundled.training.recipe import Recipe
from engine.bundled.training.train import train
from engine.bundled.training.vocabulary import Vocabulary
from engine.packs.folder import load_pack
from engine.packs.pack import Pack
from engine.packs.wordnet import load_wordnet

OUT = Path(__file__).resolve().parents[1] / "subject-model"
WORK = Path("build/subject-model")
QUICK = Sampling(n_concepts=24, n_each=2)
FULL = Sampling()


def build(
    tokens: Annotated[int, typer.Option(help="Tokens to train on.")] = Recipe.tokens,
    minutes: Annotated[
        float, typer.Option(help="Minutes of training at most; the learning rate adapts.")
    ] = Recipe.minutes,
    out: Annotated[Path, typer.Option(help="Folder that the chosen model and its card go to.")] = OUT,
    work: Annotated[Path, typer.Option(help="Folder of checkpoints; a second call continues what it holds.")] = WORK,
    seed: Annotated[int, typer.Option(help="Seed of weights and documents.")] = Recipe.seed,
    pack: Annotated[str, typer.Option(help="Pack to train on: a bundled name or a folder.")] = "starter",
    training: Annotated[bool, typer.Option("--train/--no-train", help="Or only measure and choose.")] = True,
    from_share: Annotated[float, typer.Option(help="Leave out checkpoints before this part of the training.")] = 0.4,
) -> None:
    """Train the bundled subject model from WordNet and a pack, measure it, and write its folder with the card."""
    import torch

    # One thread is the fastest at this size, and keeps a run repeatable.
    torch.set_num_threads(1)
    concepts = load_pack(pack)
    recipe = Recipe(tokens=tokens, minutes=minutes, seed=seed)
    if training:
        train(Vocabulary(load_wordnet(), concepts), recipe, work)
    candidates = [_candidate(folder, concepts) for folder in late_checkpoints(work, from_share)]
    chosen = choose(candidates)
    print(f"chosen: {chosen.folder.name}")
    measurement, _ = measure(chosen.folder, concepts, sampling=FULL)
    print(describe(measurement))
    install(chosen.folder, out)
    write_card(out / "README.md", chosen=chosen, candidates=candidates, measurement=measurement, work=work)


def late_checkpoints(work: Path, from_share: float) -> list[Path]:
    """Return the checkpoints of the last part of a training, at least the last one; ValueError when there is none."""
    folders = checkpoints(work)
    if not folders:
        raise ValueError(f"{work} holds no checkpoint")
    return folders[min(int(from_share * len(folders)), len(folders) - 1) :]


def describe(measurement: Measurement) -> str:
    """Return a measurement as one line of names and numbers."""
    return " ".join(f"{name}={_shown(value)}" for name, value in vars(measurement).items())


def _shown(value: float | tuple[float, ...]) -> str:
    if isinstance(value, tuple):
        return "/".join(map(_shown, value))
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def install(checkpoint: Path, out: Path) -> None:
    """Copy a checkpoint's files to `out`, leaving other files there alone."""
    out.mkdir(parents=True, exist_ok=True)
    for path in checkpoint.iterdir():
        shutil.copyfile(path, out / path.name)


def _candidate(folder: Path, pack: Pack) -> Candidate:
    measurement, _ = measure(folder, pack, sampling=QUICK)
    print(f"{folder.name}: {describe(measurement)}", flush=True)
    return Candidate(folder, measurement)


def main() -> None:
    """Run the command."""
    typer.run(build)
