"""Read a pack from a folder: Lensgap's own format (docs/pack-format.md) here, the public layouts in engine.packs.public.

Our own format is strict, because people write it by hand: the first problem is told with file and field.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.errors import PackError
from engine.packs.pack import Concept, Pack, Provenance, Sense
from engine.packs.public import is_public, read_public
from engine.packs.reading import Problems, numbered

FORMAT = "lensgap-pack/1"
BUNDLED = {"starter": Path(__file__).parent.parent / "bundled" / "starter-pack"}


def load_pack(name: str) -> Pack:
    """Return the bundled pack of that name, or the pack in that folder; PackError when it is missing or malformed."""
    folder = find_folder(name)
    problems = Problems("unreadable" if is_public(folder) else "anything")
    pack = read_pack(folder, problems)
    if pack is None:
        raise PackError(f"{folder} has no valid concept.", hint=f"Run lensgap pack validate {name}.")
    return pack


def find_folder(name: str) -> Path:
    """The folder of a bundled pack, or the folder of that name; PackError when there is none."""
    folder = BUNDLED.get(name, Path(name))
    if not folder.is_dir():
        raise PackError(
            f"There is no concept pack at {folder}.",
            hint=f"Name a folder, or a bundled pack: {', '.join(BUNDLED)}.",
        )
    return folder


def read_pack(folder: Path, problems: Problems) -> Pack | None:
    """What is sound in the folder, in whichever layout it is; None when that is no concept at all."""
    return read_public(folder, problems) if is_public(folder) else _read_own(folder, problems)


def _read_own(folder: Path, problems: Problems) -> Pack | None:
    file = folder / "pack.json"
    manifest = problems.read_object(file) or {}
    if manifest.get("format") != FORMAT:
        shown = manifest.get("format")
        problems.tell(file, f'field "format" must be "{FORMAT}", not {shown!r}.', field="format")
    named = {name: problems.text(manifest, name, file) for name in ("name", "version", "senses_mean")}
    layers = numbered(folder / "layers", "layer*.json")
    if not layers:
        problems.tell(folder / "layers", "the folder holds no layerN.json, so the pack has no concepts.")
    placed = [entry for number, file in layers for entry in _read_layer(file, number, problems)]
    concepts = tuple(_without_duplicates(placed, problems))
    outside = problems.texts(manifest, "outside_parents", file, "pack")
    _tell_unknown_parents(placed, {concept.term for concept in concepts} | set(outside), problems)
    if not concepts:
        return None
    return Pack(
        name=named["name"] or folder.name,
        version=named["version"] or "unknown",
        source=str(folder),
        senses_mean=named["senses_mean"] or "unknown",
        concepts=concepts,
        provenance=_read_provenance(manifest, file, problems),
    )


Placed = tuple[Concept, Path, str]


def _read_layer(file: Path, expected: int, problems: Problems) -> Iterator[Placed]:
    layer = problems.read_object(file)
    if layer is None:
        return
    number, entries = layer.get("layer"), layer.get("concepts")
    if type(number) is not int or number != expected:
        problems.tell(file, f'field "layer" must be {expected}, not {number!r}.', field="layer")
    if not isinstance(entries, list):
        problems.tell(file, 'field "concepts" must be a list.', field="concepts")
        return
    for position, entry in enumerate(entries):
        place = f"concepts[{position}]"
        if not isinstance(entry, dict):
            problems.tell(file, f"{place} must be an object.", field=place)
        elif concept := _read_concept(entry, file, place, expected, problems):
            yield concept, file, place


def _read_concept(entry: dict[str, Any], file: Path, place: str, pack_layer: int, problems: Problems) -> Concept | None:
    term, parents = problems.name(entry, "term", file, place), problems.texts(entry, "parents", file, place)
    if term is None:
        return None
    if term in parents:
        where = f"{place}.parents"
        problems.tell(file, f'field "{where}" names "{term}" itself.', field=where)
        parents = tuple(parent for parent in parents if parent != term)
    senses = _read_senses(entry, file, place, problems)
    # A definition that nobody knows is null on purpose; one that was forgotten is a mistake.
    is_unknown = "definition" in entry and entry["definition"] is None
    return Concept(
        term=term,
        pack_layer=pack_layer,
        parents=parents,
        definition="" if is_unknown else problems.text(entry, "definition", file, place) or "",
        aliases=problems.texts(entry, "aliases", file, place),
        senses=senses,
        n_senses=_read_count(entry, senses, file, place, problems),
        opposites=problems.texts(entry, "opposites", file, place),
        label=problems.name(entry, "label", file, place) if "label" in entry else None,
        synsets=problems.texts(entry, "synsets", file, place),
        origin=problems.text(entry, "origin", file, place) if "origin" in entry else None,
        buckets=_read_buckets(entry, file, place, problems),
    )


def _read_count(entry: dict[str, Any], senses: tuple[Sense, ...], file: Path, place: str, problems: Problems) -> int:
    value, where = entry.get("n_senses", len(senses)), f"{place}.n_senses"
    if type(value) is int and value >= len(senses):
        return value
    problems.tell(file, f'field "{where}" must be a whole number of {len(senses)} or more.', field=where)
    return len(senses)


def _read_buckets(entry: dict[str, Any], file: Path, place: str, problems: Problems) -> tuple[tuple[str, str], ...]:
    value, where = entry.get("buckets", {}), f"{place}.buckets"
    if not isinstance(value, dict) or not all(isinstance(name, str) and name for name in value.values()):
        problems.tell(file, f'field "{where}" must be an object of parents and bucket names.', field=where)
        return ()
    return tuple(value.items())


def _read_senses(entry: dict[str, Any], file: Path, place: str, problems: Problems) -> tuple[Sense, ...]:
    entries = entry.get("senses", [])
    if not isinstance(entries, list):
        problems.tell(file, f'field "{place}.senses" must be a list.', field=f"{place}.senses")
        return ()
    senses: dict[str, Sense] = {}
    for position, one in enumerate(entries):
        where = f"{place}.senses[{position}]"
        if not isinstance(one, dict):
            problems.tell(file, f"{where} must be an object.", field=where)
            continue
        sense_id, definition = problems.text(one, "id", file, where), problems.text(one, "definition", file, where)
        if sense_id in senses:
            problems.tell(file, f'field "{where}.id" repeats {sense_id!r}.', field=f"{where}.id")
        elif sense_id and definition:
            senses[sense_id] = Sense(sense_id, definition, problems.texts(one, "aliases", file, where))
    return tuple(senses.values())


def _read_provenance(manifest: dict[str, Any], file: Path, problems: Problems) -> Provenance | None:
    value = manifest.get("provenance")
    if value is None:
        return None
    origin = value.get("origin", {}) if isinstance(value, dict) else None
    if not isinstance(origin, dict) or not isinstance(value.get("made_by"), str):
        problems.tell(file, 'field "provenance" must be an object with "made_by".', field="provenance")
        return None
    facts = [item if isinstance(item, str) else None for item in map(origin.get, ("name", "hash", "source"))]
    parameters = value.get("parameters")
    return Provenance(value["made_by"], parameters if isinstance(parameters, dict) else {}, *facts)


def _without_duplicates(placed: list[Placed], problems: Problems) -> Iterator[Concept]:
    seen: set[str] = set()
    for concept, file, place in placed:
        if concept.term in seen:
            text = f'the term "{concept.term}" stands twice; field "{place}.term" must be unique in a pack.'
            problems.tell(file, text, field=f"{place}.term")
        else:
            seen.add(concept.term)
            yield concept


def _tell_unknown_parents(placed: list[Placed], known: set[str], problems: Problems) -> None:
    for concept, file, place in placed:
        for parent in concept.parents:
            if parent not in known:
                text = f'field "parents" of "{concept.term}" names "{parent}", which is no concept of the pack.'
                problems.tell(file, text, field=f"{place}.parents")
