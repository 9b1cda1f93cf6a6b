"""`lensgap pack`, as a shell sees it."""

import json
from pathlib import Path

import pytest

from engine.packs import wordnet
from engine.packs.folder import load_pack
from tests.support.command import Command
from tests.support.public_packs import SHOP, entry, write_hierarchy


@pytest.fixture
def shops(tmp_path: Path) -> Path:
    return write_hierarchy(tmp_path / "shops", SHOP)


def test_list_knows_the_bundled_pack_and_folders(lensgap: Command, shops: Path) -> None:
    found = {one["pack"]: one for one in json.loads(lensgap("pack", "list", shops.parent, "--json").stdout)}
    assert found["starter"]["n_concepts"] == 188
    assert (found[str(shops)]["n_concepts"], found[str(shops)]["layout"]) == (6, "public layout")
    (shops / "hierarchy" / "layer1.json").write_text("{")
    assert "not JSON" in lensgap("pack", "list", shops.parent).stdout


def test_show_counts_every_concept_once(lensgap: Command) -> None:
    found = json.loads(lensgap("pack", "show", "starter", "--quick", "--unassigned", "--json").stdout)
    pack = load_pack("starter")
    layers = {row["pack_layer"]: row for row in found["layers"]}
    assert sum(row["n_concepts"] for row in layers.values()) == found["n_concepts"] == len(pack.concepts)
    for row in layers.values():
        assert sum(row[q] for q in ("A", "B", "C", "D", "none")) == row["n_concepts"]
    cells = {row["senses"]: row for row in found["map"]}
    assert cells["high"]["high"] == sum(row["C"] for row in layers.values())
    assert sum(n for row in cells.values() for key, n in row.items() if key != "senses") == len(pack.concepts)
    n_unassigned = sum(row["none"] for row in layers.values())
    assert sum(one["n"] for one in found["unassigned"]) == len(found["unassigned_concepts"]) == n_unassigned
    assert all(one["reason"] for one in found["unassigned_concepts"])


def test_show_says_what_splitting_and_bucketing_would_do(lensgap: Command) -> None:
    found = json.loads(lensgap("pack", "show", "starter", "--json").stdout)
    assert found["split"]["n_groups"] > found["split"]["n_concepts"] > 0
    assert found["bucket"]["n_buckets"] >= found["bucket"]["n_groups"]
    told = lensgap("pack", "show", "starter").stdout
    assert "Pack layers by quadrant" in told
    assert "Splitting by sense" in told


def test_without_wordnet_show_says_what_it_cannot_tell(
    lensgap: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(wordnet, "_installed_folder", lambda: None)
    monkeypatch.setattr(wordnet, "default_cache", lambda: tmp_path / "cache")
    monkeypatch.setattr(wordnet.load_wordnet, "__kwdefaults__", {"dictionary": tmp_path / "none", "cache": None})
    found = json.loads(lensgap("pack", "show", "starter", "--json").stdout)
    assert "WordNet" in found["split"]["reason"]
    assert lensgap("pack", "split", "starter", tmp_path / "out").status == 1
    bucketed = lensgap("pack", "bucket", "starter", tmp_path / "bucketed")
    assert bucketed.status == 0
    assert "Only definitions" in bucketed.stderr


def test_validate_lists_problems_and_fails_for_them(lensgap: Command, shops: Path) -> None:
    sound, faulty = lensgap("pack", "validate", "starter"), lensgap("pack", "validate", shops)
    assert (sound.status, sound.stdout) == (0, "")
    assert faulty.status == 1
    assert 'layer1.json: field "concepts[4].definition"' in faulty.stdout
    found = json.loads(lensgap("pack", "validate", shops, "--json").stdout)
    assert found["n_sound"] == 6
    assert {"file", "field", "text"} == set(found["problems"][0])


def test_select_prints_the_choice_with_its_counts(lensgap: Command, shops: Path) -> None:
    rows = json.loads(lensgap("pack", "select", shops, "--siblings", "study", "--json").stdout)
    assert [(row["concept"], row["quadrant"], row["n_senses"], row["n_siblings"]) for row in rows] == [
        ("USMailOffice", "A", 0, 2),
        ("ToyShop", "A", 0, 2),
    ]
    assert {row["sibling_count"] for row in rows} == {"study"}
    listed = json.loads(lensgap("pack", "select", shops, "--concepts", "pet shop,Shop", "--json").stdout)
    assert [(row["concept"], row["name"]) for row in listed] == [("PetShop", "pet shop"), ("Shop", "shop")]
    assert "PetShop" in lensgap("pack", "select", shops, "--picker", "all").stdout


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["select", "starter", "--concepts", "nothing like it"], 1, "no concept"),
        (["select", "starter", "--picker", "list"], 1, "needs concepts"),
        (["select", "starter", "--pack-layer", "7"], 1, "no pack layer 7"),
        (["show", "/nowhere"], 1, "no concept pack"),
        (["build", "sumo", "/nowhere", "out"], 1, "no folder"),
        (["undo", "starter", "out"], 1, "nothing to undo"),
        (["bucket"], 2, "Missing argument"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(
    lensgap: Command, arguments: list[str], status: int, told: str
) -> None:
    outcome = lensgap("pack", *arguments)
    assert outcome.status == status
    assert told in outcome.stderr
    assert outcome.stdout == ""


def test_packs_are_made_split_bucketed_and_undone(lensgap: Command, tmp_path: Path) -> None:
    made = lensgap("pack", "build", "wordnet", tmp_path / "beer", "--root", "beverage.n.01")
    assert (made.status, made.stdout.strip()) == (0, str(tmp_path / "beer"))
    assert lensgap("pack", "split", tmp_path / "beer", tmp_path / "split").status == 0
    assert lensgap("pack", "bucket", tmp_path / "split", tmp_path / "bucketed", "--max-size", 8).status == 0
    assert lensgap("pack", "undo", tmp_path / "bucketed", tmp_path / "unbucketed").status == 0
    assert lensgap("pack", "undo", tmp_path / "split", tmp_path / "unsplit").status == 0
    hashes = {path.name: load_pack(str(path)).pack_hash for path in tmp_path.iterdir()}
    assert hashes["unsplit"] == hashes["beer"]
    assert hashes["unbucketed"] == hashes["split"]
    assert len(set(hashes.values())) == 3
    assert "exists already" in lensgap("pack", "split", tmp_path / "beer", tmp_path / "split").stderr


def test_sumo_is_built_from_a_checkout(lensgap: Command, tmp_path: Path) -> None:
    (tmp_path / "world.kif").write_text('(subclass PetShop Shop) (documentation PetShop EnglishLanguage "A &%Shop.")')
    assert lensgap("pack", "build", "sumo", tmp_path, tmp_path / "out").status == 0
    assert load_pack(str(tmp_path / "out")).by_term["PetShop"].definition == "A shop."


def test_a_study_can_be_made_of_a_public_pack(lensgap: Command, tmp_path: Path) -> None:
    crowd = [entry(f"Shop{n}", "Shop") for n in range(12)]
    shops = write_hierarchy(tmp_path / "shops", {0: SHOP[0], 1: [*SHOP[1], *crowd]})
    outcome = lensgap("select", tmp_path / "study", "--pack", shops, "--picker", "all", "--pack-layer", 1)
    assert outcome.status == 0, outcome.stderr
    assert "17 concepts" in outcome.stderr
