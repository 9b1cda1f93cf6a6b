"""What a concept pack is once it is read: immutable concepts and the facts that follow from their parents.

Siblings are computed, never stored: two concepts of one pack layer that share a parent. Both counts that people use are
offered by name. A concept without a parent in the pack has an *unknown* number of siblings (None), not zero.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Literal

SiblingCount = Literal["distinct", "study"]


@dataclass(frozen=True, slots=True)
class Sense:
    """One meaning of a concept's term; `id` as in WordNet, e.g. `07906111.n`."""

    id: str
    definition: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Concept:
    """A term of the pack; `n_senses` is the pack's own count, which may exceed the senses that it lists."""

    term: str
    pack_layer: int
    parents: tuple[str, ...]
    definition: str
    aliases: tuple[str, ...]
    senses: tuple[Sense, ...]
    n_senses: int
    opposites: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pack:
    """A concept pack; concepts keep the order of their files."""

    name: str
    version: str
    source: str
    senses_mean: str
    concepts: tuple[Concept, ...]

    @cached_property
    def by_term(self) -> Mapping[str, Concept]:
        """Concepts by their term."""
        return {concept.term: concept for concept in self.concepts}

    @cached_property
    def children(self) -> Mapping[str, tuple[Concept, ...]]:
        """Concepts by the parent that names them, whatever their pack layer."""
        children: dict[str, list[Concept]] = {}
        for concept in self.concepts:
            for parent in dict.fromkeys(concept.parents):
                children.setdefault(parent, []).append(concept)
        return {parent: tuple(members) for parent, members in children.items()}

    @cached_property
    def pack_hash(self) -> str:
        """Hash of all that the pack says; the folder it came from does not count."""
        content = [self.name, self.version, self.senses_mean, [asdict(concept) for concept in self.concepts]]
        return hashlib.blake2b(json.dumps(content).encode(), digest_size=8).hexdigest()

    def siblings(self, term: str) -> tuple[str, ...]:
        """Distinct concepts of the same pack layer that share a parent, in pack order."""
        concept = self.by_term[term]
        found = {
            other.term: None
            for parent in concept.parents
            for other in self.children.get(parent, ())
            if other.pack_layer == concept.pack_layer and other.term != term
        }
        return tuple(found)

    def n_siblings(self, term: str, *, count: SiblingCount) -> int | None:
        """Number of siblings; `study` counts a sibling once for each shared parent. None without a parent in the pack."""
        concept = self.by_term[term]
        parents = [parent for parent in dict.fromkeys(concept.parents) if parent in self.by_term]
        if not parents:
            return None
        if count == "distinct":
            return len(self.siblings(term))
        same_layer = (
            [other for other in self.children[parent] if other.pack_layer == concept.pack_layer] for parent in parents
        )
        return sum(len(members) - 1 for members in same_layer)

    def ancestors(self, term: str) -> frozenset[str]:
        """All concepts above the term; a cycle in the pack ends the walk."""
        found: set[str] = set()
        frontier = list(self.by_term[term].parents)
        while frontier:
            parent = frontier.pop()
            if parent in found or parent not in self.by_term:
                continue
            found.add(parent)
            frontier.extend(self.by_term[parent].parents)
        return frozenset(found)
