"""The bundled pack: its counts follow from its files, its facts are WordNet's, its definitions are ours."""

import json
import re
from collections import Counter
from typing import Any

import pytest

from engine.packs.folder import BUNDLED, load_pack
from engine.packs.quadrants import Bands, profile_pack
from engine.packs.wordnet import load_wordnet


@pytest.fixture(scope="module")
def entries() -> list[dict[str, Any]]:
    """All concepts as they stand in the files, each with its layer."""
    files = (BUNDLED["starter"] / "layers").glob("*.json")
    layers = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    return [{**entry, "layer": layer["layer"]} for layer in layers for entry in layer["concepts"]]


@pytest.fixture(scope="module")
def wordnet() -> Any:
    return load_wordnet()


def synset(wordnet: Any, sense_id: str) -> Any:
    offset, pos = sense_id.split(".")
    return wordnet.synset_from_pos_and_offset(pos, int(offset))


def words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())


def runs_of_five(text: str) -> set[tuple[str, ...]]:
    found = words(text)
    return {tuple(found[i : i + 5]) for i in range(len(found) - 4)}


def brute_force_siblings(entry: dict[str, Any], entries: list[dict[str, Any]]) -> set[str]:
    return {
        other["term"]
        for other in entries
        if other["layer"] == entry["layer"] and other is not entry and set(other["parents"]) & set(entry["parents"])
    }


def test_pack_is_big_enough_and_every_quadrant_has_six(entries: list[dict[str, Any]]) -> None:
    assert len(entries) >= 150
    assert len({entry["term"] for entry in entries}) == len(entries)
    quadrants = Counter(
        profile.quadrant for profile in profile_pack(load_pack("starter"), bands=Bands(), siblings="distinct")
    )
    assert sum(n for quadrant, n in quadrants.items() if quadrant) >= 24
    assert all(quadrants[quadrant] >= 6 for quadrant in "ABCD")  # type: ignore[index]


def test_every_quadrant_follows_from_the_counts(entries: list[dict[str, Any]]) -> None:
    profiles = {p.concept.term: p for p in profile_pack(load_pack("starter"), bands=Bands(), siblings="distinct")}
    assert set(profiles) == {entry["term"] for entry in entries}
    for entry in entries:
        found = profiles[entry["term"]]
        n_senses = len(entry["senses"])
        n_siblings = len(brute_force_siblings(entry, entries)) if entry["parents"] else None
        assert (found.n_senses, found.n_siblings) == (n_senses, n_siblings)
        few_or_many = {
            "A": n_siblings is not None and n_senses <= 2 and n_siblings <= 3,
            "B": n_siblings is not None and n_senses <= 2 and n_siblings >= 10,
            "C": n_siblings is not None and n_senses >= 5 and n_siblings >= 10,
            "D": n_siblings is not None and n_senses >= 5 and n_siblings <= 3,
        }
        assert [q for q, holds in few_or_many.items() if holds] == ([found.quadrant] if found.quadrant else [])


def test_sense_counts_and_ids_are_those_of_wordnet(entries: list[dict[str, Any]], wordnet: Any) -> None:
    for entry in entries:
        lemma = entry["term"].replace(" ", "_")
        theirs = {f"{s.offset():08d}.n" for s in wordnet.synsets(lemma, "n")}
        assert {sense["id"] for sense in entry["senses"]} == theirs, entry["term"]
        assert entry["sense_id"] in theirs


def test_aliases_are_lemmas_of_the_same_sense(entries: list[dict[str, Any]], wordnet: Any) -> None:
    for entry in entries:
        for sense in [{"id": entry["sense_id"], "aliases": entry["aliases"]}, *entry["senses"]]:
            lemmas = {name.replace("_", " ").lower() for name in synset(wordnet, sense["id"]).lemma_names()}
            assert {alias.lower() for alias in sense["aliases"]} <= lemmas, entry["term"]


def test_parents_are_hypernyms_and_no_sibling_is_missing(entries: list[dict[str, Any]], wordnet: Any) -> None:
    by_term = {entry["term"]: entry for entry in entries}
    senses = {entry["sense_id"] for entry in entries}
    for entry in entries:
        hypernyms = {f"{s.offset():08d}.n" for s in synset(wordnet, entry["sense_id"]).hypernyms()}
        parents = {by_term[parent]["sense_id"] for parent in entry["parents"]}
        assert parents <= hypernyms, entry["term"]
    for parent in {parent for entry in entries for parent in entry["parents"]}:
        hyponyms = {f"{s.offset():08d}.n" for s in synset(wordnet, by_term[parent]["sense_id"]).hyponyms()}
        assert hyponyms <= senses, (parent, hyponyms - senses)


def test_definitions_are_no_copies_of_glosses(entries: list[dict[str, Any]], wordnet: Any) -> None:
    for entry in entries:
        own = [(entry["sense_id"], entry["definition"])]
        for sense_id, definition in [*own, *((s["id"], s["definition"]) for s in entry["senses"])]:
            gloss = synset(wordnet, sense_id).definition()
            assert words(definition) != words(gloss), (entry["term"], definition)
            assert not runs_of_five(definition) & runs_of_five(gloss), (entry["term"], definition)
