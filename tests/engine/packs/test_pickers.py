"""Four ways to choose: each gives the same for the same settings, and says why it gives nothing."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config import StudyConfig, change_config, read_stored_config
from engine.errors import ConfigError, PackError
from engine.packs.folder import load_pack
from engine.packs.pack import Concept, Pack
from engine.packs.pickers import choose_configured, pick_random
from engine.packs.quadrants import QUADRANTS, Bands, Profile, assign_quadrant, pick_study, profile_pack


@pytest.fixture(scope="module")
def starter() -> Pack:
    return load_pack("starter")


def chosen(pack: Pack, **settings: object) -> list[str]:
    return [p.concept.term for p in choose_configured(pack, change_config(StudyConfig(), settings))]


def test_study_is_the_pickers_default(starter: Pack) -> None:
    profiles = profile_pack(starter, bands=Bands(), siblings="distinct")
    assert chosen(starter) == [p.concept.term for p in pick_study(profiles, per_quadrant=3)]


def test_all_takes_every_concept_of_the_pack_or_layer(starter: Pack) -> None:
    assert chosen(starter, picker="all") == [c.term for c in starter.concepts]
    assert chosen(starter, picker="all", pack_layer=1) == [c.term for c in starter.concepts if c.pack_layer == 1]


def test_list_takes_names_in_their_order_by_commas_or_one_by_one(starter: Pack) -> None:
    assert chosen(starter, concepts=("sword,spear",)) == ["sword", "spear"]
    assert chosen(starter, concepts=("spear", "SWORD", "spear")) == ["spear", "sword"]


def test_an_unknown_name_is_told_with_those_near_it(starter: Pack) -> None:
    with pytest.raises(PackError, match="swrod") as told:
        chosen(starter, concepts=("swrod",))
    assert "sword" in (told.value.hint or "")


def test_list_needs_concepts_and_another_picker_lets_go_of_them() -> None:
    with pytest.raises(ConfigError, match="needs concepts"):
        StudyConfig(picker="list")
    listed = change_config(StudyConfig(), {"concepts": ["a"]})
    assert listed.picker == "list"
    assert change_config(listed, {"picker": "random"}).concepts == ()
    assert read_stored_config(listed.to_json()) == listed


def test_a_missing_layer_names_those_that_are_there(starter: Pack) -> None:
    with pytest.raises(PackError, match="no pack layer 9") as told:
        chosen(starter, pack_layer=9)
    assert "0, 1" in (told.value.hint or "")


def test_concepts_by_readable_name() -> None:
    concepts = (Concept("PetShop", 0, (), "d", (), (), 1, label="pet shop"),)
    pack = Pack("p", "1", "", "", concepts)
    assert chosen(pack, concepts=("pet shop",)) == ["PetShop"]


counts = st.tuples(st.integers(0, 12), st.integers(0, 20))


@given(st.lists(counts, max_size=50), st.integers(1, 5), st.integers(0, 3))
def test_random_draws_from_each_quadrant_what_there_is(rows: list[tuple[int, int]], wanted: int, seed: int) -> None:
    profiles = [
        Profile(Concept(f"c{i}", 0, ("p",), "d", (), (), n), n, m, *assign_quadrant(n, m, Bands()))
        for i, (n, m) in enumerate(rows)
    ]
    picked = pick_random(profiles, per_quadrant=wanted, seed=seed)
    there, taken = Counter(p.quadrant for p in profiles), Counter(p.quadrant for p in picked)
    assert {q: taken[q] for q in QUADRANTS} == {q: min(wanted, there[q]) for q in QUADRANTS}
    assert len(set(map(id, picked))) == len(picked)
    assert pick_random(profiles[::-1], per_quadrant=wanted, seed=seed) == picked


def test_another_seed_draws_others(starter: Pack) -> None:
    assert chosen(starter, picker="random") == chosen(starter, picker="random")
    assert chosen(starter, picker="random") != chosen(starter, picker="random", seed=1)
