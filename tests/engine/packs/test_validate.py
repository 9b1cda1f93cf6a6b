"""A validation lists every problem with file and field, and loads what is sound."""

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from engine.packs.folder import load_pack
from engine.packs.pack import Concept, Pack
from engine.packs.validate import find_cycles, validate_pack
from tests.support.hand_made import HAND_MADE, Layers, concept, write_pack
from tests.support.public_packs import SHOP, Entries, entry, write_hierarchy

FAULTY: Entries = {
    0: [*SHOP[0], "no object", {"layer": 0, "definition": "nameless"}],  # type: ignore[list-item]
    1: [
        *SHOP[1],
        entry("PetShop", "Shop"),
        entry("Self", "Self"),
        entry("Odd", "Shop", layer="one", synset_count=-1),
        entry("Texts", parent_concepts="Shop"),
        entry("Ring", "Rung"),
        entry("Rung", "Ring"),
    ],
}


def test_every_problem_of_a_public_pack_has_its_file_and_field(tmp_path: Path) -> None:
    found = validate_pack(str(write_hierarchy(tmp_path / "pack", FAULTY)))
    told = {(Path(problem.file).name, problem.field) for problem in found.problems}
    assert told == {
        ("layer0.json", "concepts[1]"),
        ("layer0.json", "concepts[2].term"),
        ("layer1.json", "concepts[1].parents"),
        ("layer1.json", "concepts[2].parents"),
        ("layer1.json", "concepts[3].parents"),
        ("layer1.json", "concepts[4].definition"),
        ("layer1.json", "concepts[5].term"),
        ("layer1.json", "concepts[6].parent_concepts"),
        ("layer1.json", "concepts[7].layer"),
        ("layer1.json", "concepts[7].synset_count"),
        ("layer1.json", "concepts[8].parent_concepts"),
        ("pack", 'parents of "Ring"'),
    }
    assert found.pack is not None
    assert len(found.pack.concepts) == 11


def test_an_unreadable_file_is_listed_and_the_others_are_read(tmp_path: Path) -> None:
    folder = write_hierarchy(tmp_path / "pack", SHOP)
    (folder / "hierarchy" / "layer0.json").write_bytes(b'{"half')
    found = validate_pack(str(folder))
    assert found.pack is not None
    assert len(found.pack.concepts) == 5
    assert any("not JSON" in problem.text for problem in found.problems)


def test_every_problem_of_our_own_format_is_listed(tmp_path: Path) -> None:
    layers: Layers = {
        **HAND_MADE,
        1: [
            *HAND_MADE[1],
            concept("gin", "drink"),
            concept("rye", "nowhere"),
            concept("port", "port", definition=" "),
            {"parents": []},
        ],
    }
    folder = write_pack(tmp_path / "pack", layers, version=3)
    (folder / "layers" / "layer2.json").write_text(json.dumps({"layer": 3, "concepts": HAND_MADE[2]}))
    found = validate_pack(str(folder))
    assert [problem.field for problem in found.problems] == [
        "version",
        "concepts[9].parents",
        "concepts[9].definition",
        "concepts[10].term",
        "layer",
        "concepts[7].term",
        "concepts[8].parents",
    ]
    assert found.pack is not None
    assert {"rye", "port", "claw hammer"} <= set(found.pack.by_term)


def test_names_that_are_no_names_are_listed_and_their_concepts_left_out_in_any_layout(tmp_path: Path) -> None:
    bad = ["x" * 201, "two\nlines", "bell\x07", "a\x9bb"]
    ours = write_pack(tmp_path / "ours", {0: [*HAND_MADE[0], *(concept(term) for term in bad), concept("x" * 200)]})
    public = write_hierarchy(
        tmp_path / "public", {0: [*SHOP[0], *(entry(term, layer=0) for term in [*bad, "x" * 200])]}
    )
    for folder, field, n_before in ((ours, "term", len(HAND_MADE[0])), (public, "sumo_term", len(SHOP[0]))):
        found = validate_pack(str(folder))
        assert [problem.field for problem in found.problems] == [
            f"concepts[{n_before + i}].{field}" for i in range(len(bad))
        ]
        assert found.pack is not None
        assert not set(bad) & set(found.pack.by_term)
        assert "x" * 200 in found.pack.by_term
        assert all(len(problem.text) < 200 and problem.text.isprintable() for problem in found.problems)
    assert len(load_pack(str(public)).concepts) == len(SHOP[0]) + 1


def test_label_that_is_no_name_is_listed_and_the_term_stands_for_it(tmp_path: Path) -> None:
    folder = write_pack(tmp_path / "pack", {0: [concept("gin", label="x" * 201), concept("rum", label="dark rum")]})
    found = validate_pack(str(folder))
    assert [problem.field for problem in found.problems] == ["concepts[0].label"]
    assert found.pack is not None
    assert [one.name for one in found.pack.concepts] == ["gin", "dark rum"]


def test_a_sound_pack_has_no_problems(hand_made: Path) -> None:
    found = validate_pack(str(hand_made))
    assert found.problems == ()
    assert found.pack == load_pack(str(hand_made))
    assert validate_pack("starter").problems == ()


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=16))
def test_circles_are_found_exactly_where_a_concept_is_its_own_ancestor(edges: list[tuple[int, int]]) -> None:
    parents = {i: tuple(dict.fromkeys(f"c{b}" for a, b in edges if a == i and b != i)) for i in range(8)}
    pack = Pack("p", "1", "", "", tuple(Concept(f"c{i}", 0, parents[i], "d", (), (), 0) for i in range(8)))
    circular = {term for term in pack.by_term if term in pack.ancestors(term)}
    cycles = find_cycles(pack)
    assert bool(cycles) == bool(circular)
    for cycle in cycles:
        assert set(cycle) <= circular
        for child, parent in zip(cycle, (*cycle[1:], cycle[0]), strict=True):
            assert parent in pack.by_term[child].parents
