"""Build a pack from a checkout of SUMO that the user names: its KIF files and its mappings to WordNet.

A concept is a term that is a subclass, subrelation, subattribute or instance of another one, or that has such terms below it.
Pack layers are the shortest way down from a term without anything above it. The number of senses is the number of
synsets that the mapping files give the term, equivalent or subsumed; complements are left out.
"""

import re
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import PackError
from engine.packs.kif import Text, parse_kif
from engine.packs.names import distinct_names, plain_text, readable
from engine.packs.pack import Concept, Pack, Provenance, Sense
from engine.packs.reading import MAX_BYTES

ABOVE = ("subclass", "subrelation", "subAttribute", "immediateSubclass")
LANGUAGE = "EnglishLanguage"
PARTS = {"noun": "n", "verb": "v", "adj": "a", "adv": "r"}
_MAPPING = re.compile(r"WordNetMappings\d*-(noun|verb|adj|adv)\.txt")
# Equivalent, subsumed and instance of; a complement says what the synset is not.
_SUFFIX = re.compile(r"&%([A-Za-z0-9_-]+)([=+@:\[\]])")
_KEPT = "=+@"


@dataclass(frozen=True, slots=True)
class Mapped:
    """A synset of a mapping file with the terms that it is mapped to; `kinds` are their suffixes."""

    id: str
    lemmas: tuple[str, ...]
    definition: str
    kinds: Mapping[str, str]


@dataclass
class _Ontology:
    above: dict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    documentation: dict[str, str] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


def build_sumo_pack(folder: Path, *, instances: bool = True) -> Pack:
    """Make the pack of all terms of a checkout's KIF files. `instances` keeps terms that only are an instance of others.

    PackError when there is no KIF file, a file is malformed, or none of them says what is a kind of what.
    """
    ontology = _Ontology()
    files = _kif_files(folder)
    for file in files:
        for expression in parse_kif(_read(file), source=str(file)):
            if isinstance(expression, tuple):
                _note(ontology, expression, instances=instances)
    if not ontology.above:
        raise PackError(f"The KIF files in {folder} name no subclass of anything.")
    mapped: dict[str, list[Mapped]] = defaultdict(list)
    for synset in read_mappings(folder):
        for term, kind in synset.kinds.items():
            if kind in _KEPT:
                mapped[term].append(synset)
    layers = assign_layers(ontology.above)
    concepts = [_concept(term, layer, ontology, mapped.get(term, [])) for term, layer in layers.items()]
    parameters = {"instances": instances, "kif_files": [file.name for file in files]}
    return Pack(
        name="sumo",
        version="unknown",
        source=str(folder),
        senses_mean="WordNet synsets that SUMO maps to the term",
        concepts=tuple(sorted(concepts, key=lambda concept: (concept.pack_layer, concept.term))),
        provenance=Provenance("sumo", parameters),
    )


def _kif_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise PackError(f"There is no folder {folder}.", hint="Name the folder of a SUMO checkout.")
    files = sorted(folder.glob("*.kif"))
    if not files:
        raise PackError(f"{folder} holds no .kif file.", hint="Name the folder of a SUMO checkout.")
    n_bytes = sum(file.stat().st_size for file in files)
    if n_bytes > MAX_BYTES:
        raise PackError(f"The KIF files in {folder} hold {n_bytes / 2**20:,.0f} MB; {MAX_BYTES // 2**20} MB are read.")
    return files


def _read(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PackError(f"{file}: the file is not UTF-8 text (byte {error.start}).") from error
    except OSError as error:
        raise PackError(f"{file}: the file cannot be read: {error.strerror}.") from error


def _note(ontology: _Ontology, fact: tuple[object, ...], *, instances: bool) -> None:
    """Take what a pack needs from an expression; rules and everything else pass by."""
    match fact:
        case (relation, str(term), str(parent)) if relation in ABOVE or (instances and relation == "instance"):
            # Variables stand for any term, so they are none.
            if not term.startswith("?") and not parent.startswith("?") and term != parent:
                ontology.above[term][parent] = None
        case ("documentation", str(term), *rest) if rest and isinstance(rest[-1], Text):
            if len(rest) == 1 or rest[0] == LANGUAGE:
                ontology.documentation.setdefault(term, plain_text(rest[-1].value))
        case ("termFormat", str(language), str(term), Text(value)) if language == LANGUAGE:
            ontology.names[term].append(value)


def read_mappings(folder: Path) -> Iterator[Mapped]:
    """The synsets of the mapping files in a checkout or in its `WordNetMappings` folder, in the order of the files."""
    places = [place for place in (folder / "WordNetMappings", folder) if place.is_dir()]
    for place in places:
        for file in sorted(place.iterdir()):
            if named := _MAPPING.fullmatch(file.name):
                yield from parse_mappings(_read(file), PARTS[named[1]])


def parse_mappings(text: str, part: str) -> Iterator[Mapped]:
    """Read lines like WordNet's data files, `00001740 03 n 01 entity 0 … | gloss &%Physical+`; comments start with `;`."""
    for line in text.splitlines():
        facts, bar, gloss = line.partition("|")
        fields = facts.split()
        kinds = {mark[1]: mark[2] for mark in _SUFFIX.finditer(gloss)}
        if not bar or not kinds or len(fields) < 4 or not re.fullmatch(r"\d{8}", fields[0]):
            continue
        n_words = int(fields[3], 16) if re.fullmatch(r"[0-9a-fA-F]+", fields[3]) else 0
        lemmas = tuple(word.split("(")[0].replace("_", " ") for word in fields[4 : 4 + 2 * n_words : 2])
        definition = gloss.split("&%")[0].split('; "')[0].strip()
        yield Mapped(f"{fields[0]}.{part}", lemmas, definition, kinds)


def assign_layers(above: Mapping[str, Iterable[str]]) -> dict[str, int]:
    """Shortest way down from a term without anything above it; a circle without such a term starts at its first name."""
    below: dict[str, list[str]] = defaultdict(list)
    for term, parents in above.items():
        for parent in parents:
            below[parent].append(term)
    terms = sorted({*above, *below})
    layers: dict[str, int] = {}
    _descend([term for term in terms if not above.get(term)], below, layers)
    for term in terms:
        if term not in layers:
            _descend([term], below, layers)
    return layers


def _descend(roots: list[str], below: Mapping[str, list[str]], layers: dict[str, int]) -> None:
    queue = deque(roots)
    layers.update(dict.fromkeys(roots, 0))
    while queue:
        term = queue.popleft()
        for child in below.get(term, ()):
            if child not in layers:
                layers[child] = layers[term] + 1
                queue.append(child)


def _concept(term: str, layer: int, ontology: _Ontology, mapped: list[Mapped]) -> Concept:
    """The synsets that mean the term itself come first; without documentation the first gloss defines it."""
    ordered = sorted({synset.id: synset for synset in mapped}.values(), key=lambda s: _KEPT.index(s.kinds[term]))
    equal = [lemma for synset in ordered if synset.kinds[term] == "=" for lemma in synset.lemmas]
    name = readable(term, spellings=[*ontology.names.get(term, ()), *equal])
    glosses = [synset.definition for synset in ordered if synset.definition]
    senses = tuple(Sense(s.id, s.definition, s.lemmas) for s in ordered if s.definition)
    return Concept(
        term=term,
        pack_layer=layer,
        parents=tuple(ontology.above.get(term, ())),
        definition=ontology.documentation.get(term) or next(iter(glosses), ""),
        aliases=distinct_names([*ontology.names.get(term, ()), *equal], besides=name),
        senses=senses,
        n_senses=len(ordered),
        label=name if name != term else None,
        synsets=tuple(s.id for s in ordered) if len(senses) < len(ordered) else (),
    )
