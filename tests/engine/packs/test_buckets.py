"""Sibling bucketing: every sibling in one bucket, no bucket too large, coherent where the truth is planted."""

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from engine.packs.buckets import Bucketing, BucketSettings, bucket_pack, cluster_definitions, plan_buckets
from engine.packs.folder import load_pack
from engine.packs.pack import Concept, Pack
from engine.packs.synsets import Synsets
from engine.packs.wordnet import load_wordnet
from engine.packs.wordnet_pack import build_wordnet_pack
from engine.packs.write import undo_pack, write_pack

THEMES = {
    "metals": ["shiny", "metal", "element", "that", "conducts", "heat", "and", "current", "in", "wires"],
    "gases": ["colourless", "noble", "gas", "that", "glows", "inside", "lamps", "without", "reacting"],
    "birds": ["feathered", "bird", "with", "a", "beak", "which", "nests", "and", "sings", "at", "dawn"],
}


@pytest.fixture(scope="module")
def wordnet() -> Any:
    return load_wordnet()


@pytest.fixture(scope="module")
def synsets(wordnet: Any) -> Synsets:
    return Synsets(wordnet)


def children(definitions: list[str], parent: str = "Thing") -> tuple[Concept, ...]:
    return tuple(Concept(f"T{i}", 1, (parent,), text, (), (), 1) for i, text in enumerate(definitions))


def pack_of(concepts: tuple[Concept, ...]) -> Pack:
    return Pack("p", "1", "", "", (Concept("Thing", 0, (), "all", (), (), 1), *concepts))


def check(plan: Bucketing, pack: Pack, limits: BucketSettings) -> None:
    terms = [term for bucket in plan.buckets for term in bucket.terms]
    expected = [c.term for c in pack.children[plan.parent] if c.pack_layer == plan.pack_layer]
    assert sorted(terms) == sorted(expected)
    assert all(1 <= len(bucket.terms) <= limits.max_size for bucket in plan.buckets)
    assert all(bucket.name.strip() for bucket in plan.buckets)
    assert len({bucket.name for bucket in plan.buckets}) == len(plan.buckets)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text("abcde ", max_size=30), min_size=1, max_size=60), st.integers(2, 9), st.integers(1, 4))
def test_every_sibling_is_in_one_bucket_and_none_is_too_large(texts: list[str], most: int, least: int) -> None:
    pack, limits = pack_of(children(texts)), BucketSettings(most, min(least, most))
    plans = plan_buckets(pack, None, limits)
    assert len(plans) == (len(texts) > most)
    for plan in plans:
        check(plan, pack, limits)


def test_clusters_find_the_planted_themes() -> None:
    rng = random.Random(0)
    truth = [theme for theme in THEMES for _ in range(10)]
    rng.shuffle(truth)
    concepts = children([" ".join(rng.sample(THEMES[theme], 7)) for theme in truth])
    buckets = cluster_definitions(concepts, BucketSettings(max_size=12))
    found = {term: i for i, bucket in enumerate(buckets) for term in bucket.terms}
    assert adjusted_rand_score(truth, [found[c.term] for c in concepts]) > 0.9
    for bucket in buckets:
        theme = max(THEMES, key=lambda name: sum(truth[int(term[1:])] == name for term in bucket.terms))
        assert set(bucket.name.split(", ")) <= set(THEMES[theme])


def test_hypernyms_divide_before_definitions_do(wordnet: Any, synsets: Synsets) -> None:
    roots = ["dog.n.01", "chair.n.01", "wine.n.01"]
    chosen = {root: wordnet.synset(root).hyponyms()[:9] for root in roots}
    concepts = tuple(
        Concept(s.name(), 1, ("Thing",), "the same for all", (), (), 1, synsets=(s.name(),))
        for group in chosen.values()
        for s in group
    )
    (plan,) = plan_buckets(pack_of(concepts), synsets)
    assert {bucket.how for bucket in plan.buckets} == {"hypernym"}
    for root, group in chosen.items():
        (bucket,) = (b for b in plan.buckets if group[0].name() in b.terms)
        assert {s.name() for s in group} == set(bucket.terms), root


def test_siblings_are_counted_within_the_bucket(synsets: Synsets) -> None:
    starter = load_pack("starter")
    limits = BucketSettings(max_size=6, min_size=2)
    plans = plan_buckets(starter, synsets, limits)
    pack = bucket_pack(starter, synsets, limits)
    assert plans
    for plan in plans:
        check(plan, starter, limits)
        for bucket in plan.buckets:
            for term in bucket.terms:
                siblings = set(bucket.terms) - {term}
                assert siblings <= set(pack.siblings(term)) <= set(starter.siblings(term))
    single = [c for c in pack.concepts if len(c.parents) == len(c.buckets) == 1]
    sizes = {term: len(b.terms) for plan in plans for b in plan.buckets for term in b.terms}
    assert single
    assert all(pack.n_siblings(c.term, count="study") == sizes[c.term] - 1 for c in single)
    assert [c.parents for c in pack.concepts] == [c.parents for c in starter.concepts]


def test_small_groups_stay_as_they_are() -> None:
    pack = pack_of(children(["a", "b"]))
    assert plan_buckets(pack, None) == ()
    assert bucket_pack(pack, None).concepts == pack.concepts


def test_buckets_can_be_written_and_undone(synsets: Synsets, tmp_path: Path) -> None:
    starter = load_pack("starter")
    pack = bucket_pack(starter, synsets, BucketSettings(max_size=6))
    folder = write_pack(pack, tmp_path / "bucketed", origin=starter)
    assert load_pack(str(folder)).pack_hash == pack.pack_hash != starter.pack_hash
    assert undo_pack(str(folder)).concepts == starter.concepts
    assert plan_buckets(load_pack(str(folder)), synsets, BucketSettings(max_size=6)) == ()


def test_a_pack_from_wordnet_falls_into_bounded_buckets(wordnet: Any, synsets: Synsets) -> None:
    pack = build_wordnet_pack(wordnet, root="beverage.n.01")
    plans = plan_buckets(pack, synsets)
    assert plans
    for plan in plans:
        check(plan, pack, BucketSettings())
