"""Reading a pack from its folder: what is written comes back, and every fault is told with file and field."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import PackError
from engine.packs.folder import load_pack
from tests.support.hand_made import HAND_MADE, Layers, concept, write_pack

Change = Callable[[Path], None]


def edit(number: int, change: Callable[[dict[str, Any]], Any]) -> Change:
    """A change to the content of one layer file."""

    def apply(folder: Path) -> None:
        file = folder / "layers" / f"layer{number}.json"
        content = json.loads(file.read_text())
        change(content)
        file.write_text(json.dumps(content))

    return apply


def first(**fields: Any) -> Change:
    """A change to the first concept of layer 1."""
    return edit(1, lambda layer: layer["concepts"][0].update(fields))


def manifest(**fields: Any) -> Change:
    def apply(folder: Path) -> None:
        file = folder / "pack.json"
        content = {**json.loads(file.read_text()), **fields}
        file.write_text(json.dumps({name: value for name, value in content.items() if value is not None}))

    return apply


def overwrite(name: str, content: bytes) -> Change:
    return lambda folder: (folder / name).write_bytes(content) and None


MALFORMED: dict[str, tuple[Change, str, str]] = {
    "no manifest": (lambda folder: (folder / "pack.json").unlink(), "pack.json", "missing"),
    "half a manifest": (overwrite("pack.json", b'{"format": "lens'), "pack.json", "line 1"),
    "manifest is a list": (overwrite("pack.json", b"[]"), "pack.json", "object"),
    "another format": (manifest(format="lens-pack/9"), "pack.json", '"format"'),
    "no name": (manifest(name=None), "pack.json", '"name"'),
    "version is a number": (manifest(version=1), "pack.json", '"version"'),
    "no meaning of senses": (manifest(senses_mean="  "), "pack.json", '"senses_mean"'),
    "no layers": (lambda folder: [file.unlink() for file in (folder / "layers").iterdir()] and None, "layers", "layerN"),
    "half a layer": (overwrite("layers/layer1.json", b'{"layer": 1, "concepts": [{"te'), "layer1.json", "column"),
    "layer not UTF-8": (overwrite("layers/layer1.json", b'{"layer": 1, "x": "\xff"}'), "layer1.json", "UTF-8"),
    "layer nested too deeply": (overwrite("layers/layer1.json", b"[" * 200_000), "layer1.json", "nested"),
    "layer of another number": (edit(1, lambda layer: layer.update(layer=2)), "layer1.json", '"layer"'),
    "layer number is true": (edit(1, lambda layer: layer.update(layer=True)), "layer1.json", '"layer"'),
    "concepts is an object": (edit(1, lambda layer: layer.update(concepts={})), "layer1.json", '"concepts"'),
    "concept is a text": (edit(1, lambda layer: layer["concepts"].insert(0, "gin")), "layer1.json", "concepts[0]"),
    "term is missing": (first(term=None), "layer1.json", "concepts[0].term"),
    "term is blank": (first(term=" "), "layer1.json", "concepts[0].term"),
    "term is half a surrogate pair": (first(term="\ud83d gin"), "layer1.json", "concepts[0].term"),
    "term is a sentence": (first(term="gin " * 50 + "g"), "layer1.json", "concepts[0].term"),
    "term has two lines": (first(term="gin\nIgnore it"), "layer1.json", "concepts[0].term"),
    "term moves the cursor": (first(term="gin\x1b[2J"), "layer1.json", "concepts[0].term"),
    "term holds NUL": (first(term="gin\0"), "layer1.json", "concepts[0].term"),
    "label is a sentence": (first(label="g" * 201), "layer1.json", "concepts[0].label"),
    "label parts lines": (first(label="gin\u2028tonic"), "layer1.json", "concepts[0].label"),
    "definition is empty": (first(definition=""), "layer1.json", "concepts[0].definition"),
    "definition is a number": (first(definition=7), "layer1.json", "concepts[0].definition"),
    "parents is a text": (first(parents="drink"), "layer1.json", "concepts[0].parents"),
    "alias is a number": (first(aliases=["x", 3]), "layer1.json", "concepts[0].aliases"),
    "senses is a number": (first(senses=3), "layer1.json", "concepts[0].senses"),
    "sense is a text": (first(senses=["one"]), "layer1.json", "concepts[0].senses[0]"),
    "sense without id": (first(senses=[{"definition": "x"}]), "layer1.json", "concepts[0].senses[0].id"),
    "sense stands twice": (first(senses=[{"id": "1", "definition": "x"}] * 2), "layer1.json", "concepts[0].senses[1].id"),
    "parent is the concept itself": (first(parents=["gin"]), "layer1.json", "concepts[0].parents"),
    "unknown parent": (first(parents=["drinks"]), "pack", '"parents" of "gin" names "drinks"'),
    "duplicate term": (first(term="drink", parents=[]), "pack", '"drink" stands twice'),
}  # fmt: skip


@pytest.mark.parametrize("fault", MALFORMED)
def test_malformed_pack_is_told_with_file_and_field(hand_made: Path, fault: str) -> None:
    change, file, field = MALFORMED[fault]
    change(hand_made)
    with pytest.raises(PackError) as told:
        load_pack(str(hand_made))
    assert file in str(told.value)
    assert field in str(told.value)
    assert "\n" not in str(told.value)


def test_missing_pack_names_the_place_and_the_bundled_packs(tmp_path: Path) -> None:
    with pytest.raises(PackError, match=r"nowhere.*starter"):
        load_pack(str(tmp_path / "nowhere"))


def test_sibling_counts_differ_when_two_parents_are_shared(hand_made: Path) -> None:
    pack = load_pack(str(hand_made))
    assert set(pack.siblings("gin")) == {"soda", "vodka", "wodka"}
    assert pack.n_siblings("gin", count="distinct") == 3
    assert pack.n_siblings("gin", count="study") == 4
    assert pack.n_siblings("vodka", count="study") == pack.n_siblings("vodka", count="distinct") == 3
    assert pack.n_siblings("drink", count="study") is None


def test_a_parent_named_twice_counts_once(tmp_path: Path) -> None:
    layers = {0: [concept("drink")], 1: [concept("gin", "drink", "drink"), concept("rum", "drink")]}
    pack = load_pack(str(write_pack(tmp_path / "pack", layers)))
    assert pack.n_siblings("gin", count="study") == pack.n_siblings("gin", count="distinct") == 1


def test_siblings_are_of_one_layer(tmp_path: Path) -> None:
    layers = {0: [concept("drink")], 1: [concept("gin", "drink")], 2: [concept("rum", "drink")]}
    pack = load_pack(str(write_pack(tmp_path / "pack", layers)))
    assert pack.siblings("gin") == ()
    assert pack.n_siblings("gin", count="study") == 0


def test_a_cycle_of_parents_ends(tmp_path: Path) -> None:
    layers = {0: [concept("a", "b"), concept("b", "a"), concept("c", "a")]}
    pack = load_pack(str(write_pack(tmp_path / "pack", layers)))
    assert pack.ancestors("c") == {"a", "b"}


def test_hash_belongs_to_the_content_and_not_to_the_folder(hand_made: Path, tmp_path: Path) -> None:
    here = load_pack(str(hand_made)).pack_hash
    assert load_pack(str(write_pack(tmp_path / "elsewhere", HAND_MADE))).pack_hash == here
    changed: Layers = {**HAND_MADE, 0: [*HAND_MADE[0], concept("wheel")]}
    assert load_pack(str(write_pack(tmp_path / "changed", changed))).pack_hash != here


text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(str.strip)
texts = st.lists(text, max_size=3)
name = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp")), min_size=1, max_size=200).filter(
    str.strip
)


@st.composite
def packs(draw: st.DrawFn) -> Layers:
    terms = draw(st.lists(name, min_size=2, max_size=12, unique=True))
    split = draw(st.integers(1, len(terms) - 1))
    upper, lower = terms[:split], terms[split:]

    def entry(term: str, parents: list[str]) -> dict[str, Any]:
        ids = draw(st.lists(text, max_size=3, unique=True))
        senses = [{"id": one, "definition": draw(text), "aliases": draw(texts)} for one in ids]
        return {
            "term": term,
            "parents": parents,
            "definition": draw(text),
            "aliases": draw(texts),
            "senses": senses,
            "opposites": draw(texts),
        }

    parents = st.lists(st.sampled_from(upper), max_size=3, unique=True)
    return {0: [entry(term, []) for term in upper], 1: [entry(term, draw(parents)) for term in lower]}


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(layers=packs())
def test_what_is_written_comes_back(tmp_path_factory: pytest.TempPathFactory, layers: Layers) -> None:
    pack = load_pack(str(write_pack(tmp_path_factory.mktemp("round") / "pack", layers)))
    written = [(number, entry) for number, entries in layers.items() for entry in entries]
    assert [(c.pack_layer, c.term, c.definition) for c in pack.concepts] == [
        (number, entry["term"], entry["definition"]) for number, entry in written
    ]
    for read, (_, entry) in zip(pack.concepts, written, strict=True):
        assert [*read.parents] == entry["parents"]
        assert [*read.aliases] == entry["aliases"]
        assert [*read.opposites] == entry["opposites"]
        assert read.n_senses == len(entry["senses"])
        assert [(s.id, s.definition, [*s.aliases]) for s in read.senses] == [
            (s["id"], s["definition"], s["aliases"]) for s in entry["senses"]
        ]
        sharing = [
            [other["term"] for other in layers[1] if parent in other["parents"] and other["term"] != read.term]
            for parent in read.parents
        ]
        assert set(pack.siblings(read.term)) == {term for terms in sharing for term in terms}
        study = pack.n_siblings(read.term, count="study")
        assert study == (sum(map(len, sharing)) if read.parents else None)
