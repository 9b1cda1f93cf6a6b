"""The public layouts: what is there is read, what is missing is borne, what is broken is told."""

import json
from pathlib import Path

import pytest

from engine.errors import PackError
from engine.packs.folder import load_pack
from engine.packs.names import plain_text, readable
from engine.packs.pack import Pack
from tests.support.public_packs import SHOP, entry, write_concepts, write_hierarchy


@pytest.fixture
def shops(tmp_path: Path) -> Pack:
    return load_pack(str(write_hierarchy(tmp_path / "shops", SHOP)))


def test_hierarchy_is_recognised_without_being_told(shops: Pack) -> None:
    assert (shops.name, shops.version) == ("shops", "2.0")
    assert [c.term for c in shops.concepts] == ["Things", "Shop", "PetShop", "TeaShop", "USMailOffice", "ToyShop"]
    assert [c.pack_layer for c in shops.concepts] == [0, 1, 1, 1, 1, 1]


def test_terms_stay_keys_and_prompts_get_readable_names(shops: Pack) -> None:
    names = {c.term: c.name for c in shops.concepts}
    assert names["PetShop"] == "pet shop"
    assert names["USMailOffice"] == "US mail office"
    assert set(shops.by_term) == set(names)


def test_documentation_becomes_a_plain_sentence(shops: Pack) -> None:
    assert shops.by_term["PetShop"].definition == 'shop that sells "pets"'
    assert shops.by_term["USMailOffice"].definition == "an office of the post"
    assert shops.by_term["ToyShop"].definition == ""


def test_sense_count_is_the_packs_own_and_none_counts_as_zero(shops: Pack) -> None:
    shop = shops.by_term["Shop"]
    assert (shop.n_senses, shop.sense_ids) == (3, ("1.n", "2.n"))
    assert [sense.id for sense in shop.senses] == ["1.n"]
    assert shops.by_term["PetShop"].n_senses == 0


def test_lemmas_and_aliases_are_names_once_each(shops: Pack) -> None:
    assert shops.by_term["Shop"].aliases == ("store",)
    assert shops.by_term["TeaShop"].aliases == ("tea house",)
    assert shops.by_term["TeaShop"].opposites == ("PetShop",)


def test_a_shared_parent_outside_the_pack_makes_siblings_too(shops: Pack) -> None:
    assert set(shops.siblings("PetShop")) == {"TeaShop", "ToyShop", "USMailOffice"}
    assert shops.n_siblings("PetShop", count="study") == 4
    assert shops.n_siblings("PetShop", count="distinct") == 3
    assert shops.n_siblings("Things", count="study") is None


def test_term_layer_and_parents_are_enough(tmp_path: Path) -> None:
    bare = {2: [{"term": "Gin", "parents": ["Drink"]}], 1: [{"term": "Drink", "layer": 1}]}
    pack = load_pack(str(write_hierarchy(tmp_path / "bare", bare, manifest={"anything": 1})))  # type: ignore[arg-type]
    assert [(c.term, c.pack_layer, c.parents) for c in pack.concepts] == [("Drink", 1, ()), ("Gin", 2, ("Drink",))]
    assert pack.name == "bare"


def test_no_manifest_is_borne(tmp_path: Path) -> None:
    folder = write_hierarchy(tmp_path / "shops", SHOP)
    (folder / "pack.json").unlink()
    assert load_pack(str(folder)).name == "shops"


def test_one_file_a_concept_with_nested_wordnet(tmp_path: Path) -> None:
    wordnet = {"synsets": ["7.n", "8.n"], "canonical_synset": "7.n", "lemmas": ["wine shop", "vintner"], "pos": "n"}
    files = {
        0: [{"term": "Shop", "definition": "place that sells"}],
        1: [
            {
                "term": "WineShop",
                "layer": 1,
                "parent_concepts": ["Shop"],
                "definition": "sells wine",
                "wordnet": wordnet,
            }
        ],
    }
    pack = load_pack(str(write_concepts(tmp_path / "pack", files)))
    shop = pack.by_term["WineShop"]
    assert (shop.n_senses, shop.synsets, shop.aliases) == (2, ("7.n", "8.n"), ("vintner",))
    assert shop.senses[0].definition == "sells wine"


def test_a_concepts_own_file_completes_and_overrules_the_hierarchy(tmp_path: Path) -> None:
    folder = write_hierarchy(tmp_path / "pack", SHOP)
    own = [{"term": "ToyShop", "definition": "sells toys"}, {"term": "New", "parent_concepts": ["Shop"]}]
    pack = load_pack(str(write_concepts(folder, {1: own})))
    assert pack.by_term["ToyShop"].definition == "sells toys"
    assert pack.by_term["ToyShop"].parents == ("Shop",)
    assert "New" in pack.by_term
    assert len(pack.concepts) == 7


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{"layer": 1, "concepts": [{"sumo_te', "column"),
        (json.dumps({"concepts": []}).encode("utf-16"), "UTF-8"),
        (b'{"concepts": [], "x": "caf\xe9"}', "UTF-8"),
        (b"[" * 100_000, "nested"),
        (b'{"concepts": ' + b"9" * 5000 + b"}", "digits"),
        (b'{"concepts": {}}', '"concepts" must be a list'),
    ],
)
def test_an_unreadable_layer_is_one_sentence_with_its_file(tmp_path: Path, content: bytes, told: str) -> None:
    folder = write_hierarchy(tmp_path / "shops", SHOP)
    (folder / "hierarchy" / "layer1.json").write_bytes(content)
    with pytest.raises(PackError, match=told) as caught:
        load_pack(str(folder))
    assert "layer1.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    folder = write_hierarchy(tmp_path / "shops", SHOP)
    file = folder / "hierarchy" / "layer1.json"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert len(load_pack(str(folder)).concepts) == 6


def test_a_pack_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    folder = write_hierarchy(tmp_path / "shops", SHOP)
    with (folder / "hierarchy" / "layer2.json").open("wb") as file:
        file.truncate(200 * 2**20)
    with pytest.raises(PackError, match=r"200 MB.*128 MB"):
        load_pack(str(folder))


def test_a_circle_of_parents_ends(tmp_path: Path) -> None:
    layers = {1: [entry("A", "B"), entry("B", "A"), entry("C", "A")]}
    pack = load_pack(str(write_hierarchy(tmp_path / "pack", layers)))
    assert pack.ancestors("C") == {"A", "B"}


def test_nothing_sound_is_told(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="no sound concept"):
        load_pack(str(write_hierarchy(tmp_path / "pack", {1: [{"layer": 1}]})))


@pytest.mark.parametrize(
    ("term", "words"),
    [
        ("MedicalClinic", "medical clinic"),
        ("AIArtifact", "AI artifact"),
        ("DNAMolecule", "DNA molecule"),
        ("Vodka", "vodka"),
        ("blue_sky", "blue sky"),
        ("Boeing747Plane", "boeing 747 plane"),
        ("instanceOf", "instance of"),
        ("gin", "gin"),
        ("New York", "New York"),
        ("ÄgyptischeKunst", "ägyptische kunst"),
        ("USA", "USA"),
        ("_", "_"),
    ],
)
def test_terms_in_words(term: str, words: str) -> None:
    assert readable(term) == words


def test_a_spelling_of_the_same_letters_knows_the_capitals() -> None:
    assert readable("UnitedStates", spellings=["America", "United_States"]) == "United States"


def test_marks_of_terms_keep_their_plural() -> None:
    assert plain_text("All &%MedicalClinics and &%AIArtifact.") == "All medical clinics and AI artifact."
