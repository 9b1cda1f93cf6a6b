"""Build a pack from the user's own WordNet: its nouns, their hypernyms, their glosses and the senses of their words.

`lemma`: a concept is a noun, in its most frequent sense, and stands for the synset that this sense is; its synonyms are
aliases. `synset`: every synset is a concept. Either way pack layers are the shortest way down from the root, siblings share
a hypernym, and the senses of a concept are the noun synsets of the word that it is named by.
"""

import re
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from engine.errors import PackError
from engine.packs.pack import Concept, Pack, Provenance, Sense

Kind = Literal["lemma", "synset"]


@dataclass(frozen=True, slots=True)
class _Node:
    """A noun synset by what a pack needs of it; `above` are offsets, `is_single` says that it is one thing, not a kind."""

    name: str
    sense: Sense
    above: tuple[int, ...]
    is_single: bool


class _Nouns:
    """WordNet's noun synsets by offset, each read once."""

    def __init__(self, wordnet: Any) -> None:
        self._wordnet = wordnet
        self._nodes: dict[int, _Node] = {}

    def node(self, offset: int) -> _Node:
        if offset not in self._nodes:
            self._add(self._wordnet.synset_from_pos_and_offset("n", offset))
        return self._nodes[offset]

    def below(self, synset: Any, *, instances: bool) -> dict[int, _Node]:
        """The synset and all below it, each reached by some way down."""
        found, frontier = {}, [synset]
        while frontier:
            one = frontier.pop()
            if one.offset() not in found:
                found[one.offset()] = self._add(one)
                frontier += [*one.hyponyms(), *(one.instance_hyponyms() if instances else ())]
        return found

    def _add(self, synset: Any) -> _Node:
        classes, single = synset.hypernyms(), synset.instance_hypernyms()
        lemmas = tuple(lemma.replace("_", " ") for lemma in synset.lemma_names())
        sense = Sense(f"{synset.offset():08d}.n", synset.definition(), lemmas)
        above = tuple(one.offset() for one in (*classes, *single))
        node = _Node(synset.name(), sense, above, bool(single) and not classes)
        return self._nodes.setdefault(synset.offset(), node)

    def senses(self, lemma: str) -> tuple[int, ...]:
        """Offsets of the noun synsets of a word, the most frequent first."""
        # The reader's own index; asking it for synsets would try the word's inflections too.
        return tuple(self._wordnet._lemma_pos_offset_map[lemma.replace(" ", "_").lower()].get("n", ()))

    def head(self, offset: int, *, instances: bool) -> str | None:
        """The first lemma that most often means this synset; None when each of them rather means another."""
        for lemma in self.node(offset).sense.aliases:
            kinds = (one for one in self.senses(lemma) if instances or not self.node(one).is_single)
            if next(kinds, None) == offset:
                return lemma
        return None


def build_wordnet_pack(
    wordnet: Any,
    *,
    kind: Kind = "lemma",
    root: str = "entity.n.01",
    max_layer: int | None = None,
    instances: bool = True,
) -> Pack:
    """Make the pack of all nouns below a synset. `instances` keeps names of single things, such as rivers.

    `wordnet` is what `load_wordnet()` returns. PackError when it has no noun synset called `root`.
    """
    top, nouns = _root(wordnet, root), _Nouns(wordnet)
    nodes = nouns.below(top, instances=instances)
    heads = {offset: nouns.head(offset, instances=instances) for offset in nodes}
    # The root of a subtree is a concept even where its word rather means something else.
    named = {offset: head or nodes[offset].name for offset, head in heads.items() if head or offset == top.offset()}
    if kind == "synset":
        named = {offset: node.name for offset, node in nodes.items()}
    parents = {offset: _parents(nodes, named, offset) if offset != top.offset() else () for offset in named}
    concepts = _concepts(nouns, named, parents, _depths(parents, top.offset()), heads)
    chosen = tuple(concept for concept in concepts if max_layer is None or concept.pack_layer <= max_layer)
    parameters = {"kind": kind, "root": root, "max_layer": max_layer, "instances": instances}
    return Pack(
        name=f"wordnet-{kind}" + ("" if root == "entity.n.01" else f"-{root}"),
        version=str(wordnet.get_version()),
        source="WordNet",
        senses_mean=f"WordNet {wordnet.get_version()} noun senses of the word",
        concepts=tuple(sorted(chosen, key=lambda concept: concept.pack_layer)),
        provenance=Provenance("wordnet", parameters),
    )


def _root(wordnet: Any, name: str) -> Any:
    from nltk.corpus.reader.wordnet import WordNetError

    try:
        if re.fullmatch(r".+\.n\.\d+", name):
            return wordnet.synset(name)
    except WordNetError:
        pass  # told like a name of another shape
    raise PackError(f'WordNet has no noun synset "{name}".', hint="Synsets are named like food.n.02.")


def _depths(above: Mapping[int, Iterable[int]], root: int) -> dict[int, int]:
    """The shortest way down from the root for everything below it."""
    below: dict[int, list[int]] = defaultdict(list)
    for offset, parents in above.items():
        for parent in parents:
            below[parent].append(offset)
    depth, queue = {root: 0}, deque([root])
    while queue:
        offset = queue.popleft()
        for child in below[offset]:
            if child not in depth:
                depth[child] = depth[offset] + 1
                queue.append(child)
    return depth


def _parents(nodes: Mapping[int, _Node], named: Mapping[int, str], offset: int) -> tuple[int, ...]:
    """The nearest synsets above that are concepts, climbing over those that are none."""
    found: list[int] = []
    seen: set[int] = set()
    frontier = deque(nodes[offset].above)
    while frontier:
        above = frontier.popleft()
        if above in seen or above not in nodes:
            continue
        seen.add(above)
        if above in named:
            found.append(above)
        else:
            frontier.extend(nodes[above].above)
    return tuple(found)


def _concepts(
    nouns: _Nouns,
    named: Mapping[int, str],
    parents: Mapping[int, Iterable[int]],
    layers: Mapping[int, int],
    heads: Mapping[int, str | None],
) -> Iterator[Concept]:
    # The way to each synset decides nothing that a pack says, so concepts stand in WordNet's order.
    for offset in sorted(named):
        term, own = named[offset], nouns.node(offset).sense
        word = heads[offset] or own.aliases[0]
        senses = tuple(nouns.node(other).sense for other in nouns.senses(word))
        yield Concept(
            term=term,
            pack_layer=layers[offset],
            parents=tuple(named[parent] for parent in parents[offset]),
            definition=own.definition,
            aliases=tuple(lemma for lemma in own.aliases if lemma != word),
            senses=senses,
            n_senses=len(senses),
            label=word if word != term else None,
        )
