"""Build a pack from the user's own WordNet: its nouns, their hypernyms, their glosses and the senses of their words.

`lemma`: a concept is a noun, in its most frequent sense, and stands for the synset that this sense is; its synonyms are
aliases. `synset`: every synset is a concept. Either way pack layers are the shortest way down from the root, siblings share
a hypernym, and the senses of a concept are the noun synsets of the word that it is named by.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from engine.errors import PackError
from engine.packs.pack import Concept, Pack, Provenance, Sense

Kind = Literal["lemma", "synset"]


@dataclass(frozen=True, slots=True)
class _Node:
    """A noun synset by what a pack needs of it; `above` are names of synsets."""

    name: str
    sense: Sense
    above: tuple[str, ...]
    lemmas: tuple[str, ...]


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
    nodes = _read_nodes(wordnet, instances=instances)
    if root not in nodes:
        raise PackError(f'WordNet has no noun synset "{root}".', hint="Synsets are named like food.n.02.")
    below = _depths({name: node.above for name, node in nodes.items()}, root)
    kept = {name: node for name, node in nodes.items() if name in below}
    first = _first_senses(wordnet, nodes)
    heads = {name: _head(node, first) for name, node in kept.items()}
    # The root of a subtree is a concept even where its word rather means something else.
    named = {name: head or name for name, head in heads.items() if head or kind == "synset" or name == root}
    named = named if kind == "lemma" else {name: name for name in named}
    parents = {name: tuple(_parents(kept, named, name)) if name != root else () for name in named}
    concepts = _concepts(wordnet, nodes, named, parents, _depths(parents, root), heads)
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


def _read_nodes(wordnet: Any, *, instances: bool) -> dict[str, _Node]:
    nodes = {}
    for synset in wordnet.all_synsets("n"):
        classes, single = synset.hypernyms(), synset.instance_hypernyms()
        if single and not classes and not instances:
            continue
        lemmas = tuple(lemma.replace("_", " ") for lemma in synset.lemma_names())
        sense = Sense(f"{synset.offset():08d}.n", synset.definition(), lemmas)
        nodes[synset.name()] = _Node(synset.name(), sense, tuple(s.name() for s in (*classes, *single)), lemmas)
    return nodes


def _depths(above: Mapping[str, Iterable[str]], root: str) -> dict[str, int]:
    """The shortest way down from the root for everything below it."""
    below: dict[str, list[str]] = {}
    for name, parents in above.items():
        for parent in parents:
            below.setdefault(parent, []).append(name)
    depth, queue = {root: 0}, deque([root])
    while queue:
        name = queue.popleft()
        for child in below.get(name, ()):
            if child not in depth:
                depth[child] = depth[name] + 1
                queue.append(child)
    return depth


def _first_senses(wordnet: Any, nodes: Mapping[str, _Node]) -> dict[str, str]:
    """The name of the most frequent noun synset of each lemma."""
    by_offset = {int(node.sense.id[:8]): name for name, node in nodes.items()}
    lemmas = {lemma for node in nodes.values() for lemma in node.lemmas}
    senses = ((lemma, _senses(wordnet, lemma, by_offset)) for lemma in lemmas)
    return {lemma: found[0] for lemma, found in senses if found}


def _senses(wordnet: Any, lemma: str, by_offset: Mapping[int, str]) -> list[str]:
    """Names of the noun synsets of a word, the most frequent first."""
    # The reader's own index; asking it for synsets would parse every line of the dictionary anew.
    offsets = wordnet._lemma_pos_offset_map[lemma.replace(" ", "_").lower()].get("n", ())
    return [by_offset[offset] for offset in offsets if offset in by_offset]


def _head(node: _Node, first: Mapping[str, str]) -> str | None:
    """The first lemma that most often means this synset; None when each of them rather means another."""
    return next((lemma for lemma in node.lemmas if first.get(lemma) == node.name), None)


def _parents(nodes: Mapping[str, _Node], named: Mapping[str, str], name: str) -> Iterator[str]:
    """The nearest synsets above that are concepts, climbing over those that are none."""
    seen: set[str] = set()
    frontier = deque(nodes[name].above)
    while frontier:
        above = frontier.popleft()
        if above in seen or above not in nodes:
            continue
        seen.add(above)
        if above in named:
            yield above
        else:
            frontier.extend(nodes[above].above)


def _concepts(
    wordnet: Any,
    nodes: Mapping[str, _Node],
    named: Mapping[str, str],
    parents: Mapping[str, Iterable[str]],
    layers: Mapping[str, int],
    heads: Mapping[str, str | None],
) -> Iterator[Concept]:
    by_offset = {int(node.sense.id[:8]): name for name, node in nodes.items()}
    for name, term in named.items():
        node = nodes[name]
        word = heads[name] or node.lemmas[0]
        senses = tuple(nodes[other].sense for other in _senses(wordnet, word, by_offset))
        yield Concept(
            term=term,
            pack_layer=layers[name],
            parents=tuple(named[parent] for parent in parents[name]),
            definition=node.sense.definition,
            aliases=tuple(lemma for lemma in node.lemmas if lemma != word),
            senses=senses,
            n_senses=len(senses),
            label=word if word != term else None,
        )
