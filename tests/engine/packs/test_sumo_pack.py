"""A pack from KIF files and mapping files; both are made up here, in the shapes that SUMO has."""

from pathlib import Path

import pytest

from engine.errors import PackError
from engine.packs.folder import load_pack
from engine.packs.pack import Pack
from engine.packs.sumo_pack import assign_layers, build_sumo_pack, parse_mappings
from engine.packs.validate import validate_pack
from engine.packs.write import write_pack

KIF = """
; A world of our own.
(subclass Physical Thing)
(subclass Drink Physical) (subclass Drink Drink)
(subclass StrongDrink Drink)
(documentation StrongDrink EnglishLanguage "Any &%Drink
   that burns, e.g. \\"gin\\". Two &%Drinks are not one.")
(documentation StrongDrink FrenchLanguage "une boisson")
(documentation Drink EnglishLanguage "What is drunk.")
(termFormat EnglishLanguage StrongDrink "strong drink")
(termFormat de StrongDrink "Schnaps")
(instance OldTom StrongDrink)
(subrelation pours handles)
(=> (instance ?X StrongDrink) (attribute ?X Strong))
(subclass ?ANY Thing)
"""
NOUNS = """;; comment, as the mapping files have them
00000001 13 n 02 strong_drink 0 firewater 0 002 @ 00000009 n 0000 ~ 00000008 n 0000 | a drink that burns; "a dram" &%StrongDrink=
00000002 13 n 01 gin 0 001 @ 00000001 n 0000 | a drink with juniper &%StrongDrink+
00000003 13 n 01 water 0 000 | what no one calls strong &%StrongDrink:
00000004 13 n 01 drink 0 000 | what is drunk &%Drink= &%Physical+
not a line of data | &%Drink=
"""
VERBS = "00000005 34 v 01 sip 0 000 01 + 02 00 | drink a little &%Drink+\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "sumo"
    (folder / "WordNetMappings").mkdir(parents=True)
    (folder / "World.kif").write_text(KIF)
    (folder / "WordNetMappings" / "WordNetMappings30-noun.txt").write_text(NOUNS)
    (folder / "WordNetMappings" / "WordNetMappings30-verb.txt").write_text(VERBS)
    return folder


@pytest.fixture
def pack(checkout: Path) -> Pack:
    return build_sumo_pack(checkout)


def test_hierarchy_and_layers_follow_subclass_subrelation_and_instance(pack: Pack) -> None:
    assert {c.term: (c.pack_layer, c.parents) for c in pack.concepts} == {
        "Thing": (0, ()),
        "handles": (0, ()),
        "Physical": (1, ("Thing",)),
        "pours": (1, ("handles",)),
        "Drink": (2, ("Physical",)),
        "StrongDrink": (3, ("Drink",)),
        "OldTom": (4, ("StrongDrink",)),
    }


def test_documentation_is_english_plain_and_unescaped(pack: Pack) -> None:
    assert pack.by_term["StrongDrink"].definition == 'Any drink that burns, e.g. "gin". Two drinks are not one.'
    assert pack.by_term["Physical"].definition == "what is drunk"
    assert pack.by_term["Thing"].definition == ""


def test_mapped_synsets_are_the_senses_equivalents_first_without_complements(pack: Pack) -> None:
    strong = pack.by_term["StrongDrink"]
    assert (strong.n_senses, strong.sense_ids) == (2, ("00000001.n", "00000002.n"))
    assert [sense.definition for sense in strong.senses] == ["a drink that burns", "a drink with juniper"]
    assert (strong.name, strong.aliases) == ("strong drink", ("firewater",))
    assert pack.by_term["Drink"].sense_ids == ("00000004.n", "00000005.v")


def test_instances_can_be_left_out(checkout: Path) -> None:
    assert "OldTom" not in build_sumo_pack(checkout, instances=False).by_term


def test_what_is_built_can_be_written_read_and_is_sound(pack: Pack, tmp_path: Path) -> None:
    folder = write_pack(pack, tmp_path / "out")
    assert load_pack(str(folder)).pack_hash == pack.pack_hash
    assert validate_pack(str(folder)).problems == ()


def test_a_circle_still_has_layers() -> None:
    assert assign_layers({"A": ["B"], "B": ["A"], "C": ["B"]}) == {"A": 0, "B": 1, "C": 2}


def test_the_shortest_way_down_counts() -> None:
    layers = assign_layers({"b": ["a"], "c": ["b"], "d": ["c", "a"], "e": ["d"]})
    assert layers == {"a": 0, "b": 1, "c": 2, "d": 1, "e": 2}


def test_a_line_of_a_mapping_file() -> None:
    (found,) = parse_mappings("00001740 03 n 01 entity 0 001 ~ 00001930 n 0000 | that which is &%Physical+\n", "n")
    assert (found.id, found.lemmas, found.definition) == ("00001740.n", ("entity",), "that which is")
    assert found.kinds == {"Physical": "+"}


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({}, "no .kif file"),
        ({"a.kif": b"(subclass A"}, "a.kif, line 1.*never closed"),
        ({"a.kif": b"(subclass \xff B)"}, "UTF-8"),
        ({"a.kif": b"(instance-of A B)"}, "no subclass"),
    ],
)
def test_a_checkout_that_cannot_be_used_is_told(tmp_path: Path, files: dict[str, bytes], told: str) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(PackError, match=told):
        build_sumo_pack(tmp_path)
    with pytest.raises(PackError, match="no folder"):
        build_sumo_pack(tmp_path / "nowhere")
