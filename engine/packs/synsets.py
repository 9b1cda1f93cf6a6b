"""What splitting and bucketing ask of WordNet, by sense id and each synset once: definitions, names, hypernyms.

Ids are offsets with a part of speech (`07906111.n`) or names (`vodka.n.01`). Packs hold ids that an installation does not
know, since offsets differ between editions; such ids resolve to None.
"""

import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any


@dataclass(frozen=True, slots=True)
class Synset:
    """A synset by name; `path` are the names of its first hypernyms from the root down to itself."""

    name: str
    definition: str
    lemmas: tuple[str, ...]
    lexname: str
    path: tuple[str, ...]


class Synsets:
    """Synsets of a WordNet reader as `engine.packs.wordnet.load_wordnet` returns it."""

    def __init__(self, wordnet: Any) -> None:
        self._wordnet = wordnet
        self.find = cache(self._find)
        self.distances = cache(self._distances)
        self.depth = cache(self._depth)

    def _find(self, sense_id: str) -> Synset | None:
        found = self._resolve(sense_id)
        if found is None:
            return None
        path, above = [found.name()], self._above(found.name())
        while above and above[0] not in path:
            path.append(above[0])
            above = self._above(above[0])
        return Synset(found.name(), found.definition(), self.lemmas(found.name()), found.lexname(), (*reversed(path),))

    def _resolve(self, sense_id: str) -> Any:
        from nltk.corpus.reader.wordnet import WordNetError

        if by_offset := re.fullmatch(r"(\d{8})\.([nvasr])", sense_id):
            # A satellite adjective is an adjective by another letter.
            parts = {"a": "as", "s": "sa"}.get(by_offset[2], by_offset[2])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                found = (self._wordnet.synset_from_pos_and_offset(part, int(by_offset[1])) for part in parts)
                return next((synset for synset in found if synset is not None), None)
        if not re.fullmatch(r".+\.[nvasr]\.\d+", sense_id):
            return None
        try:
            return self._wordnet.synset(sense_id)
        except WordNetError:
            return None

    def _above(self, name: str) -> list[str]:
        """Hypernyms in an order that is the same in every process: the reader gives them in that of a set."""
        synset = self._wordnet.synset(name)
        parts = (synset.hypernyms(), synset.instance_hypernyms())
        return [name for part in parts for name in sorted(above.name() for above in part)]

    def lemmas(self, name: str) -> tuple[str, ...]:
        """The words of a synset, with spaces."""
        return tuple(lemma.replace("_", " ") for lemma in self._wordnet.synset(name).lemma_names())

    def _distances(self, name: str) -> dict[str, int]:
        """Steps up to each hypernym, by the shortest way; 0 to the synset itself."""
        distances, frontier = {name: 0}, [name]
        while frontier:
            following = []
            for one in frontier:
                for above in self._above(one):
                    if above not in distances:
                        distances[above] = distances[one] + 1
                        following.append(above)
            frontier = following
        return distances

    def _depth(self, name: str) -> int:
        """Steps from the root by the shortest way."""
        return int(self._wordnet.synset(name).min_depth())

    def deepest_common(self, names: Iterable[str]) -> str | None:
        """The hypernym furthest from the root that all these synsets share (one of them, if it is above the rest)."""
        shared = set.intersection(*(set(self.distances(name)) for name in names))
        return max(shared, key=lambda name: (self.depth(name), name), default=None)
