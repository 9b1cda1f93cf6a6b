"""Split concepts with several senses: one concept for each group of close senses, with a definition and a name of its own.

Two senses are close when the path between them in WordNet is short, or when they share a hypernym that is specific; closeness
is carried on, so that a group is all that hangs together. A group keeps its concept's place: pack layer, parents and origin.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain

from engine.packs.pack import Concept, Pack, Provenance, Sense
from engine.packs.synsets import Synsets


@dataclass(frozen=True, slots=True)
class SplitSettings:
    """Senses are close at a path similarity of `min_similarity`, or below a shared hypernym of depth `specific_depth`.

    Concepts with at least `min_senses` senses are split, into at most `max_groups` groups: smaller groups join their nearest.
    """

    min_similarity: float = 0.25
    specific_depth: int = 7
    min_senses: int = 2
    max_groups: int = 6


@dataclass(frozen=True, slots=True)
class SenseGroup:
    """Senses that become one concept: `label` tells it from its concept's other groups."""

    label: str
    definition: str
    senses: tuple[Sense, ...]
    sense_ids: tuple[str, ...]
    synsets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Split:
    """A concept and the groups, two or more, that it falls into."""

    term: str
    groups: tuple[SenseGroup, ...]


def plan_splits(pack: Pack, synsets: Synsets, settings: SplitSettings | None = None) -> tuple[Split, ...]:
    """The concepts that would be split, in pack order; a concept whose senses are all close is not among them."""
    settings = settings or SplitSettings()
    candidates = (c for c in pack.concepts if len(c.sense_ids) >= settings.min_senses and c.origin is None)
    splits = (Split(concept.term, _groups_of(concept, synsets, settings)) for concept in candidates)
    return tuple(split for split in splits if len(split.groups) > 1)


def split_pack(pack: Pack, synsets: Synsets, settings: SplitSettings | None = None) -> Pack:
    """A new pack in which the planned splits are made; everything else stays as it is."""
    settings = settings or SplitSettings()
    splits = {split.term: split for split in plan_splits(pack, synsets, settings)}
    names = _new_terms(pack, splits)
    concepts = tuple(chain.from_iterable(_replacements(c, splits, names, synsets) for c in pack.concepts))
    made = Provenance("split", asdict(settings), pack.name, pack.pack_hash, pack.source)
    meaning = f"{pack.senses_mean}, of one group of close senses" if splits else pack.senses_mean
    return replace(pack, name=f"{pack.name}-split", senses_mean=meaning, concepts=concepts, provenance=made)


def group_senses(names: Sequence[str], synsets: Synsets, settings: SplitSettings) -> list[list[str]]:
    """Names of synsets in groups of close ones, in the order of their first members."""
    group = {name: name for name in names}

    def find(name: str) -> str:
        while group[name] != name:
            name = group[name]
        return name

    furthest = 1 / settings.min_similarity - 1
    below: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for name in group:
        for above, distance in synsets.distances(name).items():
            below[above].append((distance, name))
    for above, members in below.items():
        # Whatever is close to any member over this hypernym is close to the member that is nearest to it.
        nearest, first = min(members)
        is_specific = synsets.depth(above) >= settings.specific_depth
        for distance, name in members:
            if is_specific or nearest + distance <= furthest + 1e-9:
                group[find(name)] = find(first)
    groups: dict[str, list[str]] = defaultdict(list)
    for name in group:
        groups[find(name)].append(name)
    return list(groups.values())


def _groups_of(concept: Concept, synsets: Synsets, settings: SplitSettings) -> tuple[SenseGroup, ...]:
    resolved = {sense_id: found for sense_id in concept.sense_ids if (found := synsets.find(sense_id))}
    if len(resolved) < 2:
        return ()
    ids = defaultdict(list)
    for sense_id, synset in resolved.items():
        ids[synset.name].append(sense_id)
    groups = _limit(group_senses(list(ids), synsets, settings), synsets, settings.max_groups)
    if len(groups) < 2:
        return ()
    # Senses that this WordNet does not know stay with the largest group, so that none is lost.
    unknown = [sense_id for sense_id in concept.sense_ids if sense_id not in resolved]
    largest = max(groups, key=len)
    labels = _labels(concept, groups, synsets)
    theirs = {sense_id: Sense(sense_id, found.definition, found.lemmas) for sense_id, found in resolved.items()}
    known = theirs | {sense.id: sense for sense in concept.senses}
    return tuple(
        _sense_group(
            label, group, [*chain.from_iterable(ids[name] for name in group)], known, group is largest, unknown
        )
        for label, group in zip(labels, groups, strict=True)
    )


def _sense_group(
    label: str, group: list[str], ids: list[str], known: Mapping[str, Sense], is_largest: bool, unknown: list[str]
) -> SenseGroup:
    senses = tuple(known[sense_id] for sense_id in ids)
    return SenseGroup(label, senses[0].definition, senses, (*ids, *(unknown if is_largest else ())), tuple(group))


def _limit(groups: list[list[str]], synsets: Synsets, most: int) -> list[list[str]]:
    """At most so many groups: the largest stay, the others join the one with which they share the deepest hypernym."""
    order = sorted(range(len(groups)), key=lambda i: (-len(groups[i]), i))
    kept = {i: list(groups[i]) for i in sorted(order[: max(1, most)])}
    reach = {i: set(chain.from_iterable(map(synsets.distances, members))) for i, members in kept.items()}
    for i in sorted(order[len(kept) :]):
        above = set(chain.from_iterable(map(synsets.distances, groups[i])))
        shared = {k: max((synsets.depth(name) for name in above & names), default=-1) for k, names in reach.items()}
        kept[max(shared, key=lambda k: (shared[k], -k))] += groups[i]
    return list(kept.values())


def _labels(concept: Concept, groups: list[list[str]], synsets: Synsets) -> list[str]:
    labels = [_label(concept, group, synsets) for group in groups]
    counts, seen = Counter(labels), Counter[str]()
    for i, label in enumerate(labels):
        seen[label] += 1
        if counts[label] > 1:
            labels[i] = f"{label} {seen[label]}"
    return labels


def _label(concept: Concept, group: list[str], synsets: Synsets) -> str:
    """What the senses of a group have in common; for one sense, its word, or its hypernym if the word is the concept's."""
    called = {name.casefold() for name in (concept.term, concept.name)}
    shared = synsets.deepest_common(group)
    candidates: Iterable[str] = synsets.lemmas(group[0])
    if len(group) > 1 and shared and synsets.depth(shared) >= 4:
        candidates = (*synsets.lemmas(shared), *candidates)
    elif called & {lemma.casefold() for lemma in candidates}:
        above = sorted(synsets.distances(group[0]).items(), key=lambda step: step[1])
        candidates = (*(lemma for name, _ in above[1:2] for lemma in synsets.lemmas(name)), *candidates)
    found = synsets.find(group[0])
    fallback = found.lexname.partition(".")[2] if found else "sense"
    return next((name for name in candidates if name.casefold() not in called), fallback)


def _new_terms(pack: Pack, splits: Mapping[str, Split]) -> dict[str, list[str]]:
    """Terms of the groups of each split concept; never one that the pack has already."""
    taken = set(pack.by_term)
    names: dict[str, list[str]] = {}
    for term, split in splits.items():
        names[term] = []
        for group in split.groups:
            wanted = name = f"{term} ({group.label})"
            number = 1
            while name in taken:
                number += 1
                name = f"{wanted} {number}"
            taken.add(name)
            names[term].append(name)
    return names


def _replacements(
    concept: Concept, splits: Mapping[str, Split], names: Mapping[str, list[str]], synsets: Synsets
) -> Iterator[Concept]:
    """The concept, or its groups; terms of other split concepts that it names become terms of their groups."""

    def follow(term: str) -> str:
        return _group_above(concept, splits[term], names[term], synsets) if term in splits else term

    moved = concept
    if any(term in splits for term in (*concept.parents, *concept.opposites)):
        moved = replace(
            concept,
            parents=tuple(dict.fromkeys(map(follow, concept.parents))),
            opposites=tuple(dict.fromkeys(map(follow, concept.opposites))),
            buckets=tuple((follow(parent), bucket) for parent, bucket in concept.buckets),
        )
    if concept.term not in splits:
        yield moved
        return
    for term, group in zip(names[concept.term], splits[concept.term].groups, strict=True):
        yield replace(
            moved,
            term=term,
            label=f"{concept.name} ({group.label})",
            definition=group.definition,
            aliases=tuple(dict.fromkeys(name for sense in group.senses for name in sense.aliases)),
            senses=group.senses,
            n_senses=len(group.sense_ids),
            synsets=group.sense_ids if len(group.sense_ids) > len(group.senses) else (),
            origin=concept.term,
        )


def _group_above(concept: Concept, split: Split, terms: Sequence[str], synsets: Synsets) -> str:
    """The group that has a sense above the concept's own first one; else the first group."""
    found = next(filter(None, map(synsets.find, concept.sense_ids)), None)
    above = set(synsets.distances(found.name)) if found else set()
    matches = (term for term, group in zip(terms, split.groups, strict=True) if above & set(group.synsets))
    return next(matches, terms[0])
