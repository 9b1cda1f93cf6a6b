"""The command `lensgap pack`: look at concept packs, check them, make them, and choose from them.

Thin bodies as in engine.cli: data on stdout, everything else on stderr; nothing is ever overwritten.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from engine.commands.options import SettingsCommand, with_settings
from engine.commands.shared import (
    JsonOption,
    MaxGroupsOption,
    MaxSizeOption,
    MinSensesOption,
    MinSimilarityOption,
    MinSizeOption,
    SpecificDepthOption,
    installed_synsets,
    wide_console,
)
from engine.terminal import counted

if TYPE_CHECKING:
    from engine.packs.pack import Pack

app = typer.Typer(help="Concept packs: list, show, validate, build, select, split, bucket, undo.", no_args_is_help=True)
build = typer.Typer(help="Build a pack from WordNet or SUMO.", no_args_is_help=True)
app.add_typer(build, name="build")

PackArgument = Annotated[str, typer.Argument(help="'starter' or a pack folder.")]
OutArgument = Annotated[Path, typer.Argument(help="New folder for the pack.")]
COUNTS = ("siblings", "senses_low", "senses_high", "siblings_low", "siblings_high")


@app.command("list")
def list_packs(
    folders: Annotated[list[Path] | None, typer.Argument(help="Folders that hold packs.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the bundled packs and those in the folders."""
    from engine.packs.catalogue import list_packs as find

    found = find(folders or [])
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for one in found:
        told = (
            one["problem"]
            or f"{counted(one['n_concepts'], 'concept')} in {counted(one['n_layers'], 'pack layer')}, {one['layout']}"
        )
        typer.echo(f"{one['pack']}: {told}")


@app.command(cls=SettingsCommand)
@with_settings(only=COUNTS)
def show(
    pack: PackArgument,
    as_json: JsonOption = False,
    unassigned: Annotated[bool, typer.Option("--unassigned", help="List each concept without a quadrant.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Do not show what splitting and bucketing would do.")] = False,
    **settings: Any,
) -> None:
    """Show pack layers, quadrants, concepts without a quadrant, and what splitting and bucketing would do."""
    from engine.packs.folder import load_pack
    from engine.packs.pickers import configured_bands
    from engine.packs.show import describe_pack, look_ahead, pack_tables

    config, loaded = _config(settings), load_pack(pack)
    outlook = None
    if not quick:
        synsets, reason = installed_synsets()
        outlook = look_ahead(loaded, synsets, reason=reason)
    found = describe_pack(
        loaded, bands=configured_bands(config), siblings=config.siblings, outlook=outlook, name_all=unassigned
    )
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        wide_console().print(pack_tables(found))


@app.command()
def validate(pack: PackArgument, as_json: JsonOption = False) -> None:
    """List every problem of a pack with file and field; exit with status 1 if there is any."""
    from engine.packs.validate import validate_pack

    found = validate_pack(pack)
    n_sound = len(found.pack.concepts) if found.pack else 0
    if as_json:
        problems = [asdict(problem) for problem in found.problems]
        typer.echo(json.dumps({"pack": pack, "n_sound": n_sound, "problems": problems}, indent=2))
    else:
        for problem in found.problems:
            typer.echo(str(problem))
    _say(f"{counted(len(found.problems), 'problem')}; {counted(n_sound, 'concept is', 'concepts are')} sound.")
    if found.problems:
        raise typer.Exit(1)


@app.command(cls=SettingsCommand)
@with_settings(only=("pack_layer", "picker", "concepts", "per_quadrant", "seed", *COUNTS))
def select(pack: PackArgument, as_json: JsonOption = False, **settings: Any) -> None:
    """Choose concepts as a study would, without making one."""
    from engine.packs.folder import load_pack
    from engine.packs.pickers import choose_configured

    config = _config(settings)
    rows = [
        {
            "concept": profile.concept.term,
            "name": profile.concept.name,
            "pack_layer": profile.concept.pack_layer,
            "quadrant": profile.quadrant,
            "reason": profile.reason,
            "n_senses": profile.n_senses,
            "n_siblings": profile.n_siblings,
            "sibling_count": config.siblings,
        }
        for profile in choose_configured(load_pack(pack), config)
    ]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    else:
        _print_choice(rows)


def _print_choice(rows: list[dict[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    columns = ("quadrant", "concept", "name", "pack_layer", "n_senses", "n_siblings", "reason")
    table = Table(*(column.replace("_", " ") for column in columns))
    for row in rows:
        table.add_row(*(Text("–" if row[column] is None else str(row[column])) for column in columns))
    wide_console().print(table)


@build.command("wordnet")
def build_wordnet(
    out: OutArgument,
    kind: Annotated[
        Literal["lemma", "synset"], typer.Option(help="Make one concept per noun or per synset.")
    ] = "lemma",
    root: Annotated[str, typer.Option(help="Take only what lies below this synset.")] = "entity.n.01",
    max_layer: Annotated[int | None, typer.Option(help="Deepest pack layer.", min=0)] = None,
    no_instances: Annotated[
        bool, typer.Option("--no-instances", help="Leave out individual things, such as named rivers.")
    ] = False,
) -> None:
    """Build a pack from the WordNet on this machine."""
    from engine.packs.wordnet import load_wordnet
    from engine.packs.wordnet_pack import build_wordnet_pack

    made = build_wordnet_pack(load_wordnet(), kind=kind, root=root, max_layer=max_layer, instances=not no_instances)
    _write(made, out)


@build.command("sumo")
def build_sumo(
    checkout: Annotated[Path, typer.Argument(help="Folder of a SUMO checkout, with its .kif files.")],
    out: OutArgument,
    no_instances: Annotated[
        bool, typer.Option("--no-instances", help="Leave out terms that are only instances.")
    ] = False,
) -> None:
    """Build a pack from a checkout of SUMO and its mappings to WordNet."""
    from engine.packs.sumo_pack import build_sumo_pack

    _write(build_sumo_pack(checkout, instances=not no_instances), out)


@app.command()
def split(
    pack: PackArgument,
    out: OutArgument,
    min_similarity: MinSimilarityOption = 0.25,
    specific_depth: SpecificDepthOption = 7,
    min_senses: MinSensesOption = 2,
    max_groups: MaxGroupsOption = 6,
) -> None:
    """Make a pack in which each group of close senses becomes its own concept."""
    from engine.packs.folder import load_pack
    from engine.packs.senses import SplitSettings, split_pack
    from engine.packs.synsets import Synsets
    from engine.packs.wordnet import load_wordnet

    origin, settings = load_pack(pack), SplitSettings(min_similarity, specific_depth, min_senses, max_groups)
    _write(split_pack(origin, Synsets(load_wordnet()), settings), out, origin=origin)


@app.command()
def bucket(
    pack: PackArgument,
    out: OutArgument,
    max_size: MaxSizeOption = 12,
    min_size: MinSizeOption = 3,
) -> None:
    """Make a pack in which large sibling groups are divided into buckets."""
    from engine.packs.buckets import BucketSettings, bucket_pack
    from engine.packs.folder import load_pack

    origin = load_pack(pack)
    synsets, reason = installed_synsets()
    if reason:
        _say(f"Only definitions decide: {reason}")
    _write(bucket_pack(origin, synsets, BucketSettings(max_size, min_size)), out, origin=origin)


@app.command()
def undo(pack: PackArgument, out: OutArgument) -> None:
    """Write the pack that a split or bucketed pack was made from."""
    from engine.packs.write import undo_pack

    _write(undo_pack(pack), out)


def _config(settings: dict[str, Any]) -> Any:
    from engine.config import read_config

    return read_config(flags={name: tuple(v) if isinstance(v, list) else v for name, v in settings.items() if v != []})


def _write(pack: "Pack", out: Path, *, origin: "Pack | None" = None) -> None:
    from engine.packs.write import write_pack

    write_pack(pack, out, origin=origin)
    layers = {concept.pack_layer for concept in pack.concepts}
    _say(f"{pack.name}: {counted(len(pack.concepts), 'concept')} in {counted(len(layers), 'pack layer')}.")
    typer.echo(str(out))


def _say(text: str) -> None:
    typer.echo(text, err=True)
