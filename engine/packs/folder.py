"""Read a pack from a folder in Lensgap's own format (docs/pack-format.md): `pack.json` and `layers/layerN.json`.

Every problem names its file and field, because people write these files by hand.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.errors import PackError
from engine.packs.pack import Concept, Pack, Sense

FORMAT = "lensgap-pack/1"
BUNDLED = {"starter": Path(__file__).parent.parent / "bundled" / "starter-pack"}


def load_pack(name: str) -> Pack:
    """Return the bundled pack of that name, or the pack in that folder; PackError when it is missing or malformed."""
    folder = BUNDLED.get(name, Path(name))
    if not folder.is_dir():
        raise PackError(
            f"There is no concept pack at {folder}.",
            hint=f"Name a folder, or a bundled pack: {', '.join(BUNDLED)}.",
        )
    manifest_file = folder / "pack.json"
    manifest = _read_object(manifest_file)
    if manifest.get("format") != FORMAT:
        raise PackError(f'{manifest_file}: field "format" must be "{FORMAT}", not {manifest.get("format")!r}.')
    concepts = tuple(concept for file in _layer_files(folder) for concept in _read_layer(file))
    _refuse_duplicates(concepts, folder)
    _refuse_unknown_parents(concepts, folder)
    return Pack(
        name=_text(manifest, "name", manifest_file),
        version=_text(manifest, "version", manifest_file),
        source=str(folder),
        senses_mean=_text(manifest, "senses_mean", manifest_file),
        concepts=concepts,
    )


def _layer_files(folder: Path) -> list[Path]:
    files = sorted(
        (file for file in (folder / "layers").glob("layer*.json") if file.stem[5:].isdecimal()),
        key=lambda file: int(file.stem[5:]),
    )
    if not files:
        raise PackError(f"{folder / 'layers'} holds no layerN.json, so the pack has no concepts.")
    return files


def _read_layer(file: Path) -> Iterator[Concept]:
    layer = _read_object(file)
    number, entries = layer.get("layer"), layer.get("concepts")
    if type(number) is not int or number != int(file.stem[5:]):
        raise PackError(f'{file}: field "layer" must be {int(file.stem[5:])}, not {number!r}.')
    if not isinstance(entries, list):
        raise PackError(f'{file}: field "concepts" must be a list.')
    for position, entry in enumerate(entries):
        yield _read_concept(entry, file=file, place=f"concepts[{position}]", pack_layer=number)


def _read_concept(entry: object, *, file: Path, place: str, pack_layer: int) -> Concept:
    if not isinstance(entry, dict):
        raise PackError(f"{file}: {place} must be an object.")
    senses = entry.get("senses", [])
    if not isinstance(senses, list):
        raise PackError(f'{file}: field "{place}.senses" must be a list.')
    term, parents = _text(entry, "term", file, place), _texts(entry, "parents", file, place)
    if term in parents:
        raise PackError(f'{file}: field "{place}.parents" names "{term}" itself.')
    _refuse_repeated_senses(senses, file, place)
    return Concept(
        term=term,
        pack_layer=pack_layer,
        parents=parents,
        definition=_text(entry, "definition", file, place),
        aliases=_texts(entry, "aliases", file, place),
        senses=tuple(_read_sense(sense, file, f"{place}.senses[{i}]") for i, sense in enumerate(senses)),
        n_senses=len(senses),
        opposites=_texts(entry, "opposites", file, place),
    )


def _refuse_repeated_senses(senses: list[Any], file: Path, place: str) -> None:
    ids = [sense.get("id") for sense in senses if isinstance(sense, dict)]
    for position, sense_id in enumerate(ids):
        if sense_id in ids[:position]:
            raise PackError(f'{file}: field "{place}.senses[{position}].id" repeats {sense_id!r}.')


def _read_sense(entry: object, file: Path, place: str) -> Sense:
    if not isinstance(entry, dict):
        raise PackError(f"{file}: {place} must be an object.")
    return Sense(
        id=_text(entry, "id", file, place),
        definition=_text(entry, "definition", file, place),
        aliases=_texts(entry, "aliases", file, place),
    )


def _read_object(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PackError(f"{file} is missing.") from None
    except OSError as error:
        raise PackError(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise PackError(f"{file} is not UTF-8 text (byte {error.start}).") from error
    except json.JSONDecodeError as error:
        raise PackError(f"{file} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from error
    except RecursionError as error:
        raise PackError(f"{file} is nested too deeply.") from error
    if not isinstance(content, dict):
        raise PackError(f"{file} must hold a JSON object.")
    return content


def _text(entry: dict[str, Any], field: str, file: Path, place: str = "") -> str:
    value, where = entry.get(field), f"{place}.{field}" if place else field
    if not isinstance(value, str) or not value.strip():
        raise PackError(f'{file}: field "{where}" must be a non-empty text, not {value!r}.')
    _refuse_surrogates(value, f'{file}: field "{where}"')
    return value


def _texts(entry: dict[str, Any], field: str, file: Path, place: str) -> tuple[str, ...]:
    value = entry.get(field, [])
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise PackError(f'{file}: field "{place}.{field}" must be a list of texts.')
    for item in value:
        _refuse_surrogates(item, f'{file}: field "{place}.{field}"')
    return tuple(value)


def _refuse_surrogates(text: str, where: str) -> None:
    """JSON can escape half a character, which no tokenizer and no database takes."""
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise PackError(f"{where} holds half of a surrogate pair: {text!a}.")


def _refuse_duplicates(concepts: tuple[Concept, ...], folder: Path) -> None:
    seen: set[str] = set()
    for concept in concepts:
        if concept.term in seen:
            raise PackError(f'{folder}: the term "{concept.term}" stands twice; field "term" must be unique in a pack.')
        seen.add(concept.term)


def _refuse_unknown_parents(concepts: tuple[Concept, ...], folder: Path) -> None:
    terms = {concept.term for concept in concepts}
    for concept in concepts:
        for parent in concept.parents:
            if parent not in terms:
                raise PackError(
                    f'{folder}: field "parents" of "{concept.term}" names "{parent}", which is no concept of the pack.'
                )
