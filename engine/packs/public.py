"""Read the public layouts of concept packs: `hierarchy/layerN.json`, and one file a concept in `concepts/layerN/`.

A concept needs a term, its pack layer and its parents; every other field may be missing, unknown or malformed. Where both
layouts stand side by side, a concept's own file completes and overrules its entry in the hierarchy. Parents that are no
concepts of the pack are kept: concepts that name the same parent are siblings all the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.packs.names import distinct_names, plain_text, readable
from engine.packs.pack import Concept, Pack, Sense
from engine.packs.reading import Problems, numbered

TERM_FIELDS = ("term", "sumo_term")
PARENT_FIELDS = ("parent_concepts", "parents")


@dataclass(frozen=True, slots=True)
class _Found:
    """An entry as it stands in a file."""

    term: str
    pack_layer: int
    entry: dict[str, Any]
    file: Path
    place: str

    def where(self, name: str) -> str:
        return f"{self.place}.{name}" if self.place else name


def is_public(folder: Path) -> bool:
    """Whether the folder has one of the public layouts."""
    return bool(numbered(folder / "hierarchy", "layer*.json") or numbered(folder / "concepts", "layer*"))


def read_public(folder: Path, problems: Problems) -> Pack | None:
    """The concepts that are sound; None when there is none."""
    manifest_file = folder / "pack.json"
    manifest = (problems.read_object(manifest_file) or {}) if manifest_file.exists() else {}
    merged = _merge(_hierarchy(folder, problems), _concept_files(folder, problems), problems)
    concepts = tuple(_concept(found, problems) for found in merged)
    _tell_unknown_parents(merged, concepts, problems)
    if not concepts:
        problems.tell(folder, "the folder holds no sound concept.", unreadable=True)
        return None
    return Pack(
        name=_first_text(manifest, "pack_id", "name") or folder.resolve().name,
        version=_first_text(manifest, "version") or "unknown",
        source=str(folder),
        senses_mean="WordNet synsets that the pack maps to the term",
        concepts=concepts,
    )


def _hierarchy(folder: Path, problems: Problems) -> Iterator[_Found]:
    for number, file in numbered(folder / "hierarchy", "layer*.json"):
        layer = problems.read_object(file)
        if layer is None:
            continue
        entries = layer.get("concepts")
        if not isinstance(entries, list):
            problems.tell(file, 'field "concepts" must be a list.', field="concepts", unreadable=True)
            continue
        for position, entry in enumerate(entries):
            found = _found(entry, number, file, f"concepts[{position}]", problems)
            if found:
                yield found


def _concept_files(folder: Path, problems: Problems) -> Iterator[_Found]:
    for number, layer in numbered(folder / "concepts", "layer*"):
        for file in sorted(layer.glob("*.json")):
            entry = problems.read_object(file)
            found = _found(entry, number, file, "", problems) if entry is not None else None
            if found:
                yield found


def _found(entry: object, number: int, file: Path, place: str, problems: Problems) -> _Found | None:
    if not isinstance(entry, dict):
        problems.tell(file, f"{place} must be an object.", field=place)
        return None
    name = next((name for name in TERM_FIELDS if name in entry), TERM_FIELDS[0])
    term = problems.name(entry, name, file, place)
    if term is None:
        return None
    pack_layer, where = entry.get("layer", number), f"{place}.layer" if place else "layer"
    if type(pack_layer) is not int or pack_layer < 0:
        text = f'field "{where}" must be a whole number of 0 or more, not {pack_layer!r}; {number} is taken.'
        problems.tell(file, text, field=where)
        pack_layer = number
    return _Found(term, pack_layer, entry, file, place)


def _merge(hierarchy: Iterator[_Found], files: Iterator[_Found], problems: Problems) -> list[_Found]:
    """One entry a term, in order of appearance; within one layout the first one of a term counts."""
    merged = _first_of_each(hierarchy, problems)
    for term, own in _first_of_each(files, problems).items():
        above = merged.get(term)
        entry = {**above.entry, **own.entry} if above else own.entry
        merged[term] = _Found(term, own.pack_layer, entry, own.file, own.place)
    return sorted(merged.values(), key=lambda found: found.pack_layer)


def _first_of_each(stream: Iterator[_Found], problems: Problems) -> dict[str, _Found]:
    found: dict[str, _Found] = {}
    for one in stream:
        first = found.setdefault(one.term, one)
        if first is not one:
            where = one.where("term")
            text = f'field "{where}" repeats "{one.term}" of {first.file.name}; the first one counts.'
            problems.tell(one.file, text, field=where)
    return found


def _concept(found: _Found, problems: Problems) -> Concept:
    entry = found.entry
    nested = entry.get("wordnet")
    wordnet = nested if isinstance(nested, dict) else entry
    lemmas, synsets = _texts(wordnet.get("lemmas")), tuple(dict.fromkeys(_texts(wordnet.get("synsets"))))
    name = readable(found.term, spellings=lemmas)
    definition = _first_text(entry, "definition") or _first_text(wordnet, "definition")
    relationships = entry.get("relationships")
    return Concept(
        term=found.term,
        pack_layer=found.pack_layer,
        parents=_parents(found, problems),
        definition=plain_text(_definition(found, definition, problems)),
        aliases=distinct_names([*lemmas, *_texts(entry.get("aliases"))], besides=name),
        senses=_canonical_sense(wordnet, synsets, definition, lemmas),
        n_senses=_count(found, len(synsets), problems),
        opposites=_texts(relationships.get("antonyms")) if isinstance(relationships, dict) else (),
        label=name if name != found.term else None,
        synsets=synsets,
    )


def _definition(found: _Found, definition: str, problems: Problems) -> str:
    text = definition or _first_text(found.entry, "sumo_definition")
    if not text:
        where = found.where("definition")
        problems.tell(found.file, f'field "{where}" of "{found.term}" is empty or missing.', field=where)
    return text


def _parents(found: _Found, problems: Problems) -> tuple[str, ...]:
    name = next((name for name in PARENT_FIELDS if name in found.entry), None)
    if name is None:
        return ()
    parents = problems.texts(found.entry, name, found.file, found.place)
    if found.term in parents:
        where = found.where(name)
        problems.tell(found.file, f'field "{where}" names "{found.term}" itself.', field=where)
    return tuple(dict.fromkeys(parent for parent in parents if parent != found.term))


def _count(found: _Found, n_synsets: int, problems: Problems) -> int:
    """The pack's own count where it gives one; a concept without any synset counts as 0."""
    value = found.entry.get("synset_count")
    if value is None:
        return n_synsets
    if type(value) is int and value >= 0:
        return value
    where = found.where("synset_count")
    problems.tell(found.file, f'field "{where}" must be a whole number of 0 or more, not {value!r}.', field=where)
    return n_synsets


def _canonical_sense(
    wordnet: dict[str, Any], synsets: tuple[str, ...], definition: str, lemmas: tuple[str, ...]
) -> tuple[Sense, ...]:
    """The one sense whose definition such packs give; the others are known by their ids alone."""
    canonical = wordnet.get("canonical_synset")
    if not definition or canonical not in synsets:
        return ()
    return (Sense(str(canonical), plain_text(definition), distinct_names(lemmas, besides="")),)


def _tell_unknown_parents(merged: list[_Found], concepts: tuple[Concept, ...], problems: Problems) -> None:
    terms = {concept.term for concept in concepts}
    for found, concept in zip(merged, concepts, strict=True):
        for parent in concept.parents:
            if parent not in terms:
                text = f'field "parents" of "{found.term}" names "{parent}", which is no concept of the pack.'
                problems.tell(found.file, text, field=found.where("parents"))


def _first_text(entry: dict[str, Any], *names: str) -> str:
    values = (entry.get(name) for name in names)
    return next((value for value in values if isinstance(value, str) and value.strip() and is_sound(value)), "")


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(item for item in value if isinstance(item, str) and item.strip() and is_sound(item))


def is_sound(text: str) -> bool:
    """Whether the text has no half of a surrogate pair in it."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)
