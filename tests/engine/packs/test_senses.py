"""Sense splitting, against nltk's own path similarity and by what must hold of any split."""

from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from engine.packs.folder import load_pack
from engine.packs.pack import Concept, Pack
from engine.packs.senses import Split, SplitSettings, group_senses, plan_splits, split_pack
from engine.packs.synsets import Synsets
from engine.packs.wordnet import load_wordnet
from engine.packs.wordnet_pack import build_wordnet_pack
from engine.packs.write import undo_pack, write_pack

WORDS = ["iron", "bank", "gin", "plant", "mouse", "star", "spring", "light", "crane"]
FREE = SplitSettings(max_groups=99)


@pytest.fixture(scope="module")
def wordnet() -> Any:
    return load_wordnet()


@pytest.fixture(scope="module")
def synsets(wordnet: Any) -> Synsets:
    return Synsets(wordnet)


@pytest.fixture(scope="module")
def starter() -> Pack:
    return load_pack("starter")


def is_close(one: Any, other: Any, settings: SplitSettings) -> bool:
    """By nltk's similarity, or by a shared hypernym that is specific."""
    similarity = one.path_similarity(other, simulate_root=False)
    if similarity is not None and similarity >= settings.min_similarity - 1e-9:
        return True
    above = [set(s.closure(lambda t: t.hypernyms() + t.instance_hypernyms())) | {s} for s in (one, other)]
    return any(shared.min_depth() >= settings.specific_depth for shared in above[0] & above[1])


def components(names: list[str], close: set[frozenset[str]]) -> set[frozenset[str]]:
    """What hangs together, by joining until nothing changes."""
    groups = [{name} for name in names]
    for pair in close:
        touched = [group for group in groups if group & pair]
        groups = [group for group in groups if not group & pair] + [set().union(*touched)]
    return {frozenset(group) for group in groups}


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("settings", [SplitSettings(), SplitSettings(0.5, 4), SplitSettings(0.15, 10)])
def test_groups_are_what_hangs_together_by_path_similarity(
    wordnet: Any, synsets: Synsets, word: str, settings: SplitSettings
) -> None:
    senses = {s.name(): s for s in wordnet.synsets(word)}
    close = {frozenset(pair) for pair in combinations(senses, 2) if is_close(*map(senses.get, pair), settings)}
    found = group_senses(list(senses), synsets, settings)
    assert {frozenset(group) for group in found} == components(list(senses), close)
    assert [group[0] for group in found] == sorted((group[0] for group in found), key=list(senses).index)


def test_no_sense_is_lost_and_every_group_has_its_own_definition(starter: Pack, synsets: Synsets) -> None:
    splits = plan_splits(starter, synsets)
    assert splits
    for split in splits:
        ids = [sense_id for group in split.groups for sense_id in group.sense_ids]
        assert sorted(ids) == sorted(starter.by_term[split.term].sense_ids)
        assert 2 <= len(split.groups) <= SplitSettings().max_groups
        assert len({group.definition for group in split.groups}) == len(split.groups)
        assert len({group.label for group in split.groups}) == len(split.groups)


def test_definitions_of_the_pack_win_over_wordnets(starter: Pack, synsets: Synsets) -> None:
    own = {sense.definition for concept in starter.concepts for sense in concept.senses}
    assert all(group.definition in own for split in plan_splits(starter, synsets) for group in split.groups)


def test_groups_keep_the_place_of_their_concept_and_are_linked_to_it(starter: Pack, synsets: Synsets) -> None:
    splits: dict[str, Split] = {split.term: split for split in plan_splits(starter, synsets)}
    pack = split_pack(starter, synsets)
    made = [concept for concept in pack.concepts if concept.origin]
    assert {concept.origin for concept in made} == set(splits)
    assert not set(splits) & set(pack.by_term)
    for concept in made:
        origin = starter.by_term[str(concept.origin)]
        assert concept.pack_layer == origin.pack_layer
        assert concept.name.startswith(f"{origin.name} (")
        assert len(concept.parents) == len(origin.parents)
    assert all(parent in pack.by_term for concept in pack.concepts for parent in concept.parents)
    assert len(pack.concepts) == len(starter.concepts) + sum(len(s.groups) - 1 for s in splits.values())


def test_children_follow_the_sense_that_is_above_them(wordnet: Any, synsets: Synsets) -> None:
    ids = [f"{s.offset():08d}.n" for s in wordnet.synsets("iron", "n")]
    club, metal = (f"{wordnet.synset(n).offset():08d}.n" for n in ("driving_iron.n.01", "wrought_iron.n.01"))
    pack = Pack("p", "1", "", "", (
        Concept("Iron", 0, (), "d", (), (), len(ids), synsets=tuple(ids)),
        Concept("DrivingIron", 1, ("Iron",), "d", (), (), 1, synsets=(club,)),
        Concept("WroughtIron", 1, ("Iron",), "d", (), (), 1, synsets=(metal,)),
        Concept("Unknown", 1, ("Iron",), "d", (), (), 1, opposites=("Iron",)),
    ))  # fmt: skip
    split = split_pack(pack, synsets)
    above = {term: split.by_term[split.by_term[term].parents[0]] for term in ("DrivingIron", "WroughtIron", "Unknown")}
    assert "golf" in above["DrivingIron"].definition
    assert "metal" in above["WroughtIron"].definition
    assert above["DrivingIron"].term != above["WroughtIron"].term
    assert above["Unknown"].term == split.concepts[0].term == split.by_term["Unknown"].opposites[0]


def test_senses_that_wordnet_does_not_know_stay_with_the_concept(synsets: Synsets) -> None:
    concept = Concept("Iron", 0, (), "d", (), (), 4, synsets=("iron.n.01", "iron.n.04", "made_up.n.01", "99999999.n"))
    (split,) = plan_splits(Pack("p", "1", "", "", (concept,)), synsets)
    assert sorted(i for group in split.groups for i in group.sense_ids) == sorted(concept.synsets)
    assert (
        plan_splits(Pack("p", "1", "", "", (Concept("X", 0, (), "", (), (), 2, synsets=("1.n", "2.n")),)), synsets)
        == ()
    )


def test_too_many_groups_join_their_nearest(wordnet: Any, synsets: Synsets) -> None:
    ids = tuple(f"{s.offset():08d}.n" for s in wordnet.synsets("head", "n"))
    pack = Pack("p", "1", "", "", (Concept("head", 0, (), "d", (), (), len(ids), synsets=ids),))
    free, bound = (plan_splits(pack, synsets, s)[0] for s in (FREE, SplitSettings(max_groups=3)))
    assert len(free.groups) > len(bound.groups) == 3
    assert sorted(i for group in bound.groups for i in group.sense_ids) == sorted(ids)


def test_a_split_can_be_written_and_undone(starter: Pack, synsets: Synsets, tmp_path: Path) -> None:
    pack = split_pack(starter, synsets)
    folder = write_pack(pack, tmp_path / "split", origin=starter)
    read = load_pack(str(folder))
    assert read.pack_hash == pack.pack_hash
    assert read.provenance == pack.provenance
    assert read.provenance is not None
    assert read.provenance.origin_hash == starter.pack_hash
    assert undo_pack(str(folder)).concepts == starter.concepts
    assert split_pack(read, synsets).concepts == pack.concepts


def test_a_pack_from_wordnet_can_be_split(wordnet: Any, synsets: Synsets) -> None:
    pack = split_pack(build_wordnet_pack(wordnet, root="tool.n.01"), synsets)
    origins = {concept.origin for concept in pack.concepts if concept.origin}
    assert origins
    for origin in origins:
        groups = [concept for concept in pack.concepts if concept.origin == origin]
        assert origin not in pack.by_term
        assert len(groups) > 1
        ids = {f"{s.offset():08d}.n" for s in wordnet.synsets(origin.replace(" ", "_"), "n")}
        assert {sense.id for concept in groups for sense in concept.senses} == ids


class Turned:
    """A reader, or one of its synsets, that gives hypernyms the other way round."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def synset(self, name: str) -> "Turned":
        return Turned(self._inner.synset(name))

    def hypernyms(self) -> list[Any]:
        return list(reversed(self._inner.hypernyms()))


def test_a_split_does_not_depend_on_the_order_in_which_the_reader_gives_hypernyms(
    starter: Pack, synsets: Synsets, wordnet: Any
) -> None:
    assert split_pack(starter, synsets).pack_hash == split_pack(starter, Synsets(Turned(wordnet))).pack_hash
