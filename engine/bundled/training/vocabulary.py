"""What the training texts can say about a word: its senses with definitions, relations and examples.

WordNet supplies every fact; a pack's own definitions are added beside WordNet's for the senses that the pack holds.
Entries are built on demand, because only a fraction of WordNet's 117,798 nouns is ever drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from engine.packs.pack import Concept, Pack

MAX_NAMES = 8
CANONICAL_SHARE = 2.0


@dataclass(frozen=True)
class Sense:
    """One meaning of a word, as names and phrases.

    `ancestors` are names with definitions, nearest first; `weight` is how often a text is about this sense,
    relative to the word's others.
    """

    definitions: tuple[str, ...]
    synonyms: tuple[str, ...] = ()
    ancestors: tuple[tuple[str, str], ...] = ()
    kinds: tuple[str, ...] = ()
    siblings: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    wholes: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    weight: float = 1.0


@dataclass(frozen=True)
class Entry:
    """A word with all its noun senses, the canonical one first."""

    term: str
    senses: tuple[Sense, ...]


class Vocabulary:
    """WordNet's nouns as entries, with a pack's definitions and canonical senses laid over them."""

    def __init__(self, wordnet: Any, pack: Pack) -> None:
        self._wordnet = wordnet
        self.pack = pack.by_term
        self._own = {sense.id: sense.definition for concept in pack.concepts for sense in concept.senses}
        self.entry = lru_cache(maxsize=4096)(self._build)

    def all_terms(self) -> list[str]:
        """Return every WordNet noun, spelt with spaces, in alphabetical order."""
        return sorted(name.replace("_", " ") for name in self._wordnet.all_lemma_names("n"))

    def neighbourhood(self, *, size: int) -> list[str]:
        """Return up to `size` words around the pack, nearest first: names, kinds, siblings, parents, other senses."""
        found: dict[str, None] = dict.fromkeys(self.pack)
        rings = (self._aliases, self._parents, self._kinds, self._siblings, self._other_senses)
        for ring in rings:
            found.update(dict.fromkeys(name for concept in self.pack.values() for name in ring(concept)))
        return [name for name in found if self._wordnet.synsets(name.replace(" ", "_"), "n")][:size]

    def _aliases(self, concept: Concept) -> Iterator[str]:
        yield from concept.aliases

    def _parents(self, concept: Concept) -> Iterator[str]:
        for parent in self._canonical(concept).hypernyms():
            yield from _names(parent)

    def _kinds(self, concept: Concept) -> Iterator[str]:
        for kind in self._canonical(concept).hyponyms()[:MAX_NAMES]:
            yield _names(kind)[0]

    def _siblings(self, concept: Concept) -> Iterator[str]:
        for parent in self._canonical(concept).hypernyms():
            for sibling in parent.hyponyms()[:MAX_NAMES]:
                yield _names(sibling)[0]

    def _other_senses(self, concept: Concept) -> Iterator[str]:
        for synset in self._synsets(concept.term):
            for related in (*synset.hypernyms(), *synset.hyponyms()[:2]):
                yield _names(related)[0]

    def _canonical(self, concept: Concept) -> Any:
        return self._wordnet.synset_from_pos_and_offset("n", int(canonical_sense(concept).split(".")[0]))

    def _synsets(self, term: str) -> list[Any]:
        synsets: list[Any] = self._wordnet.synsets(term.replace(" ", "_"), "n")
        return synsets

    def _build(self, term: str) -> Entry:
        synsets = self._synsets(term)
        canonical = canonical_sense(self.pack[term]) if term in self.pack else None
        if canonical is not None:
            synsets = sorted(synsets, key=lambda synset: _sense_id(synset) != canonical)
        senses = (self._sense(term, synset, canonical=_sense_id(synset) == canonical) for synset in synsets)
        return Entry(term, tuple(senses))

    def _sense(self, term: str, synset: Any, *, canonical: bool) -> Sense:
        chain = list(_ancestors(synset))[:4]
        siblings = [kind for parent in synset.hypernyms() for kind in parent.hyponyms() if kind != synset]
        own = self._own.get(_sense_id(synset))
        return Sense(
            definitions=(own, synset.definition()) if own else (synset.definition(),),
            synonyms=tuple(name for name in _names(synset) if name != term),
            ancestors=tuple((_names(above)[0], self._own.get(_sense_id(above), above.definition())) for above in chain),
            kinds=_first_names([*synset.hyponyms(), *synset.instance_hyponyms()][:MAX_NAMES]),
            siblings=_first_names(siblings[:MAX_NAMES]),
            parts=_first_names([*synset.part_meronyms(), *synset.substance_meronyms()][:MAX_NAMES]),
            wholes=_first_names([*synset.part_holonyms(), *synset.member_holonyms()][:3]),
            examples=tuple(synset.examples()),
            weight=CANONICAL_SHARE if canonical else 1.0,
        )


def canonical_sense(concept: Concept) -> str:
    """Return the id of the sense that the concept's own definition is about."""
    return next(sense.id for sense in concept.senses if sense.definition == concept.definition)


def _ancestors(synset: Any) -> Iterator[Any]:
    """Yield the first line of ancestors, nearest first; instances start from the class that they belong to."""
    while parents := synset.hypernyms() or synset.instance_hypernyms():
        synset = parents[0]
        yield synset


def _names(synset: Any) -> list[str]:
    return [name.replace("_", " ") for name in synset.lemma_names()]


def _first_names(synsets: Iterable[Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_names(synset)[0] for synset in synsets))


def _sense_id(synset: Any) -> str:
    return f"{synset.offset():08d}.n"
