"""The command `lensgap score`: run a lens pack on new texts with the subject model."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from engine.commands.options import whole_numbers, with_settings
from engine.commands.shared import JsonOption, wide_console
from engine.errors import ConfigError
from engine.lists import SEVERAL

if TYPE_CHECKING:
    from engine.exchange.lens_pack import PackedModel
    from engine.subject.load import LoadOptions

LOADING = ("revision", "trust_remote_code", "dtype", "quantize", "chat", "device", "device_map")


@with_settings(only=LOADING)
def score(
    pack: Annotated[Path, typer.Argument(metavar="LENS_PACK", help="Folder of a lens pack, in either layout.")],
    text: Annotated[list[str] | None, typer.Argument(metavar="TEXT", help="Texts to score.")] = None,
    file: Annotated[
        str | None, typer.Option("--file", help="File with one text per line, or - for standard input.")
    ] = None,
    prompt: Annotated[str | None, typer.Option(help="Prompt that each text follows; by default none.")] = None,
    model: Annotated[str | None, typer.Option(help="Subject model; by default the one that the pack names.")] = None,
    model_layer: Annotated[
        int | None,
        typer.Option(help="For a pack without a manifest: the layer of the model that its lenses read.", min=0),
    ] = None,
    layer: Annotated[list[str] | None, typer.Option(help=f"Score with lenses of this layer only. {SEVERAL}")] = None,
    concept: Annotated[
        list[str] | None, typer.Option(help=f"Score with lenses of this concept only. {SEVERAL}")
    ] = None,
    top: Annotated[int, typer.Option(help="Concepts to show for each text; JSON always lists all.", min=1)] = 5,
    as_json: JsonOption = False,
    **settings: Any,
) -> None:
    """Find the concepts of a lens pack in new texts.

    The pack names the model unless an option does. Code that comes with the model runs only if you trust it.
    """
    from engine.exchange.lens_pack import load_lens_pack
    from engine.exchange.score_table import caution_lines, score_table
    from engine.exchange.scoring import choose_packed, score_texts
    from engine.subject.load import load_subject

    texts = [*(text or []), *(_read_lines(file) if file else [])]
    if not texts:
        raise typer.BadParameter("name at least one text, or a file of them with --file", param_hint="TEXT")
    found = load_lens_pack(pack, model_layer=model_layer)
    lenses = choose_packed(found, concepts=concept or [], layers=whole_numbers(layer, "--layer"))
    told = found.manifest.model
    name = model or told.name
    if name is None:
        raise ConfigError(f"{pack} does not name its subject model.", hint="Name it with --model.")
    scored = score_texts(
        found, lenses, load_subject(name, _options(told, settings, is_own=model is None)), texts, prompt=prompt
    )
    for line in caution_lines(scored["cautions"]):
        typer.echo(line, err=True)
    if as_json:
        typer.echo(json.dumps(scored, indent=2))
    else:
        wide_console().print(score_table(scored, n_strongest=top))


def _read_lines(file: str) -> list[str]:
    """The lines of a file that hold more than white space."""
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        lines = content.decode("utf-8-sig").split("\n")
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} is no UTF-8 text ({error.reason} at byte {error.start:,}).") from error
    return [stripped for line in lines if (stripped := line.rstrip("\r")).strip()]


def _options(told: "PackedModel", settings: dict[str, Any], *, is_own: bool) -> "LoadOptions":
    """How to load the model: as it was loaded for training where it is the pack's own, unless an option is given."""
    from engine.subject.load import Dtype, LoadOptions

    stored = {"revision": told.revision, "quantize": told.quantize, "dtype": told.dtype} if is_own else {}
    if stored.get("dtype") not in get_args(Dtype):
        stored.pop("dtype", None)
    if told.chat is not None and is_own:
        stored["chat"] = "on" if told.chat else "off"
    given = {key: value for key, value in settings.items() if value is not None}
    return LoadOptions(**{key: value for key, value in (stored | given).items() if value is not None})
