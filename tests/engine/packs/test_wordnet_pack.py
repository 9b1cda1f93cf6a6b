"""Packs from WordNet, against WordNet itself."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.errors import PackError
from engine.packs.folder import load_pack
from engine.packs.pack import Pack
from engine.packs.validate import validate_pack
from engine.packs.wordnet import load_wordnet
from engine.packs.wordnet_pack import build_wordnet_pack
from engine.packs.write import write_pack


@pytest.fixture(scope="module")
def wordnet() -> Any:
    return load_wordnet()


@pytest.fixture(scope="module")
def liquor(wordnet: Any) -> Pack:
    return build_wordnet_pack(wordnet, kind="synset", root="beverage.n.01")


@pytest.fixture(scope="module")
def lemmas(wordnet: Any) -> Pack:
    return build_wordnet_pack(wordnet, root="weapon.n.01")


def closure(synset: Any) -> set[Any]:
    return {synset, *synset.closure(lambda s: s.hyponyms() + s.instance_hyponyms())}


def test_synsets_below_the_root_are_the_concepts(wordnet: Any, liquor: Pack) -> None:
    expected = closure(wordnet.synset("beverage.n.01"))
    assert set(liquor.by_term) == {synset.name() for synset in expected}
    for synset in expected:
        concept = liquor.by_term[synset.name()]
        assert concept.definition == synset.definition()
        inside = {above.name() for above in synset.hypernyms() + synset.instance_hypernyms() if above in expected}
        assert set(concept.parents) == (inside if synset.name() != "beverage.n.01" else set())


def test_layers_are_the_shortest_way_down(wordnet: Any, liquor: Pack) -> None:
    root = wordnet.synset("beverage.n.01")
    for concept in liquor.concepts:
        synset = wordnet.synset(concept.term)
        ways = [path for path in synset.hypernym_paths() if root in path]
        assert concept.pack_layer == min(len(path) - 1 - path.index(root) for path in ways)


@pytest.mark.parametrize("kind", ["liquor", "lemmas"])
def test_senses_are_the_noun_synsets_of_the_word(wordnet: Any, kind: str, request: pytest.FixtureRequest) -> None:
    pack: Pack = request.getfixturevalue(kind)
    for concept in pack.concepts:
        theirs = list(wordnet.synsets(concept.name.replace(" ", "_"), "n"))
        exact = [
            f"{s.offset():08d}.n"
            for s in theirs
            if concept.name.lower() in {n.lower().replace("_", " ") for n in s.lemma_names()}
        ]
        assert [sense.id for sense in concept.senses] == exact
        assert concept.n_senses == len(exact)


def test_a_noun_stands_for_its_most_frequent_sense(wordnet: Any, lemmas: Pack) -> None:
    assert lemmas.by_term["sword"].aliases == ("blade", "brand", "steel")
    below = closure(wordnet.synset("weapon.n.01"))
    for concept in lemmas.concepts:
        first = wordnet.synsets(concept.term.replace(" ", "_"), "n")[0]
        assert first in below
        assert concept.definition == first.definition()
        assert {concept.name, *concept.aliases} == {name.replace("_", " ") for name in first.lemma_names()}


def test_siblings_share_a_hypernym(wordnet: Any, liquor: Pack) -> None:
    for term in ("gin.n.01", "vodka.n.01", "beer.n.01"):
        synset = wordnet.synset(term)
        theirs = {low.name() for above in synset.hypernyms() for low in above.hyponyms()} - {term}
        same_layer = {other for other in theirs if liquor.by_term[other].pack_layer == liquor.by_term[term].pack_layer}
        assert set(liquor.siblings(term)) == same_layer


def test_a_root_whose_word_means_something_else_is_a_concept_still(wordnet: Any) -> None:
    pack = build_wordnet_pack(wordnet, root="residence.n.02", max_layer=1)
    assert pack.concepts[0].term == "residence.n.02"
    assert pack.concepts[0].name == "residence"
    assert {c.pack_layer for c in pack.concepts} == {0, 1}


def test_single_things_can_be_left_out(wordnet: Any) -> None:
    kept = build_wordnet_pack(wordnet, kind="synset", root="river.n.01")
    left_out = build_wordnet_pack(wordnet, kind="synset", root="river.n.01", instances=False)
    assert "nile.n.01" in kept.by_term
    assert "nile.n.01" not in left_out.by_term


def test_what_is_built_can_be_written_read_and_is_sound(lemmas: Pack, liquor: Pack, tmp_path: Path) -> None:
    for pack in (lemmas, liquor):
        folder = write_pack(pack, tmp_path / pack.name)
        assert load_pack(str(folder)).pack_hash == pack.pack_hash
        assert validate_pack(str(folder)).problems == ()


def test_an_unknown_root_is_told(wordnet: Any) -> None:
    with pytest.raises(PackError, match=r"unicornicity\.n\.01"):
        build_wordnet_pack(wordnet, root="unicornicity.n.01")


def test_all_nouns_are_built_in_a_minute_and_hang_together(wordnet: Any, cpu_seconds: Callable[[], float]) -> None:
    before = cpu_seconds()
    pack = build_wordnet_pack(wordnet)
    assert cpu_seconds() - before < 60
    assert len(pack.concepts) > 60_000
    assert len(pack.by_term) == len(pack.concepts)
    assert [c.term for c in pack.concepts if not c.parents] == ["entity"]
    assert all(parent in pack.by_term for c in pack.concepts for parent in c.parents)
    for concept in pack.concepts:
        lowest = min((pack.by_term[parent].pack_layer for parent in concept.parents), default=-1)
        assert concept.pack_layer == lowest + 1
