"""What a concept pack is once it is read: immutable concepts and the facts that follow from their parents.

Siblings are computed, never stored: two concepts of one pack layer that share a parent, and the bucket where the pack divides
the children of that parent into buckets. Both counts that people use are offered by name. A concept that names no parent
has an *unknown* number of siblings (None), not zero.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal

SiblingCount = Literal["distinct", "study"]
GroupKey = tuple[str, int, str | None]


@dataclass(frozen=True, slots=True)
class Sense:
    """One meaning of a concept's term; `id` as in WordNet, e.g. `07906111.n`."""

    id: str
    definition: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Concept:
    """A term of the pack; `n_senses` is the pack's own count, which may exceed the senses that it lists.

    `definition` is empty where the pack has none. `label` is what prompts call the concept where the term is no readable
    name, `synsets` the ids of all senses where `senses` does not list them, `origin` the concept that this one was split
    from, `buckets` pairs of a parent and the bucket of its children that this concept is in.
    """

    term: str
    pack_layer: int
    parents: tuple[str, ...]
    definition: str
    aliases: tuple[str, ...]
    senses: tuple[Sense, ...]
    n_senses: int
    opposites: tuple[str, ...] = ()
    label: str | None = None
    synsets: tuple[str, ...] = ()
    origin: str | None = None
    buckets: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """What prompts and people call the concept."""
        return self.label or self.term

    @property
    def sense_ids(self) -> tuple[str, ...]:
        """Ids of all senses that the pack knows of."""
        return self.synsets or tuple(sense.id for sense in self.senses)

    def content(self) -> dict[str, Any]:
        """All fields as plain values; a later field that the pack does not use is left out, so that hashes outlive it."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values["senses"] = [{"id": s.id, "definition": s.definition, "aliases": s.aliases} for s in self.senses]
        return {name: value for name, value in values.items() if value or name not in _LATER}


_LATER = {"label", "synsets", "origin", "buckets"}


@dataclass(frozen=True, slots=True)
class Provenance:
    """How a pack was made: the operation with its parameters, and the pack that it was made from, if any."""

    made_by: str
    parameters: Mapping[str, Any]
    origin_name: str | None = None
    origin_hash: str | None = None
    origin_source: str | None = None


@dataclass(frozen=True)
class Pack:
    """A concept pack; concepts keep the order of their files."""

    name: str
    version: str
    source: str
    senses_mean: str
    concepts: tuple[Concept, ...]
    provenance: Provenance | None = None

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
    def groups(self) -> Mapping[GroupKey, tuple[Concept, ...]]:
        """Siblings together: concepts by parent, pack layer and bucket. A parent need not be a concept of the pack."""
        groups: dict[GroupKey, list[Concept]] = {}
        for concept in self.concepts:
            for key in _group_keys(concept):
                groups.setdefault(key, []).append(concept)
        return {key: tuple(members) for key, members in groups.items()}

    @cached_property
    def pack_hash(self) -> str:
        """Hash of all that the pack says of its concepts; neither the folder nor the provenance counts."""
        content = [self.name, self.version, self.senses_mean, [concept.content() for concept in self.concepts]]
        return hashlib.blake2b(json.dumps(content).encode(), digest_size=8).hexdigest()

    def siblings(self, term: str) -> tuple[str, ...]:
        """Distinct concepts of the same pack layer that share a parent, in pack order."""
        keys = _group_keys(self.by_term[term])
        return tuple({other.term: None for key in keys for other in self.groups[key] if other.term != term})

    def n_siblings(self, term: str, *, count: SiblingCount) -> int | None:
        """Number of siblings; `study` counts a sibling once for each shared parent. None where no parent is named."""
        keys = _group_keys(self.by_term[term])
        if not keys:
            return None
        if count == "distinct":
            return len(self.siblings(term))
        return sum(len(self.groups[key]) - 1 for key in keys)

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


def _group_keys(concept: Concept) -> list[GroupKey]:
    buckets = dict(concept.buckets)
    return [(parent, concept.pack_layer, buckets.get(parent)) for parent in dict.fromkeys(concept.parents)]
