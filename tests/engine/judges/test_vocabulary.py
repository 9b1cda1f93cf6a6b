"""Topics against a pack: spelling does not count, the asked concept goes first, and what is not in the pack is other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.judges.vocabulary import TopicMatch, Vocabulary, words
from engine.packs.folder import load_pack
from tests.engine.judges.small_pack import PACK, concept, pack_of

NAMES = Vocabulary(PACK)
STARTER = load_pack("starter")
STARTER_NAMES = Vocabulary(STARTER)

# topic, asked concept, named concept, match
CASES = [
    ("gin", "gin", "gin", "exact"),
    ("  GIN ", "gin", "gin", "exact"),
    ("Gins.", "gin", "gin", "exact"),
    ("the gin", "gin", "gin", "exact"),
    ("fire axes", "fire_axe", "fire_axe", "exact"),
    ("Fire-axe", "fire_axe", "fire_axe", "exact"),
    ("knives", "knife", "knife", "exact"),
    ("bows and arrows", "bow and arrow", "bow and arrow", "exact"),
    ("medical clinics", "MedicalClinic", "MedicalClinic", "exact"),
    ("medicalclinic", "MedicalClinic", "MedicalClinic", "exact"),
    ("cafés", "café", "café", "exact"),
    ("Cafe", "café", "café", "exact"),
    ("cafe\u0301", "café", "café", "exact"),
    ("scissor", "scissors", "scissors", "exact"),
    ("c", "C", "C", "exact"),
    ("c++", "C++", "C++", "exact"),
    ("***", "***", "***", "exact"),
    ("Geneva", "gin", "gin", "alias"),
    ("strikers", "hammer", "hammer", "alias"),
    ("bank", "bank (river)", "bank (river)", "alias"),
    ("bank (river)", "bank (river)", "bank (river)", "exact"),
    # "wodka" is a concept of its own, and an alias of the asked one, which goes first.
    ("wodka", "vodka", "vodka", "alias"),
    ("wodka", "wodka", "wodka", "exact"),
    ("wodka", "gin", "wodka", "sibling"),
    ("vodka", "gin", "vodka", "sibling"),
    ("voddies", "gin", "vodka", "sibling"),
    ("hammers", "claw hammer", "hammer", "ancestor"),
    ("tools", "claw hammer", "tool", "ancestor"),
    ("beverage", "gin", "drink", "ancestor"),
    ("hammer", "gin", "hammer", "other"),
    # A kind of the asked concept is no relative that has a word here.
    ("claw hammer", "hammer", "claw hammer", "other"),
    # Two siblings are called so, and two concepts elsewhere.
    ("shaft", "hammer", None, "sibling"),
    ("shaft", "gin", None, "other"),
    ("bank", "gin", None, "other"),
    # The name of one, or an alias of two.
    ("geneva", "claw hammer", "hammer", "ancestor"),
    ("geneva", "arm", None, "other"),
    # Where the pack has both numbers, each is what it is spelled as.
    ("arms", "arm", "arms", "other"),
    ("arms", "arms", "arms", "exact"),
    ("rum", "gin", None, "other"),
    ("gin and tonic", "gin", None, "other"),
    ("history of gin", "gin", None, "other"),
    ("ginger", "gin", None, "other"),
    ("c#", "C", None, "other"),
    ("the", "gin", None, "other"),
    ("???", "***", None, "other"),
    ("", "gin", None, "other"),
    ("gin", "no concept of the pack", "gin", "other"),
]


@pytest.mark.parametrize(("topic", "asked", "named", "match"), CASES)
def test_topic_is_matched(topic: str, asked: str, named: str | None, match: str) -> None:
    assert NAMES.match(topic, concept=asked) == TopicMatch(named, match)  # type: ignore[arg-type]


PLURALS = {
    "axe": "axes",
    "box": "boxes",
    "bus": "buses",
    "lens": "lenses",
    "vase": "vases",
    "cache": "caches",
    "church": "churches",
    "stomach": "stomachs",
    "dish": "dishes",
    "glass": "glasses",
    "quartz": "quartzes",
    "city": "cities",
    "movie": "movies",
    "key": "keys",
    "leaf": "leaves",
    "roof": "roofs",
    "cave": "caves",
    "wife": "wives",
    "hero": "heroes",
    "piano": "pianos",
    "fireman": "firemen",
    "child": "children",
    "tooth": "teeth",
    "mouse": "mice",
    "analysis": "analyses",
    "cactus": "cacti",
    "bacterium": "bacteria",
    "ox": "oxen",
    "person": "people",
}


@pytest.mark.parametrize("singular", PLURALS)
def test_plural_is_found_by_its_singular_and_singular_by_its_plural(singular: str) -> None:
    for term, topic in ((singular, PLURALS[singular]), (PLURALS[singular], singular)):
        names = Vocabulary(pack_of(concept(term), concept("gin")))
        assert names.match(topic, concept=term) == TopicMatch(term, "exact")


@pytest.mark.parametrize(
    ("term", "topic"), [("princess", "prince"), ("glass", "gla"), ("plum", "pla"), ("pus", "pi"), ("grass", "gras")]
)
def test_what_only_looks_like_a_plural_is_another_word(term: str, topic: str) -> None:
    assert Vocabulary(pack_of(concept(term))).match(topic, concept=term).match == "other"


def test_every_concept_is_found_by_its_name_and_each_sibling_by_its_own() -> None:
    for entry in STARTER.concepts:
        assert STARTER_NAMES.match(entry.term, concept=entry.term) == TopicMatch(entry.term, "exact")
        assert STARTER_NAMES.match(f"The {entry.term.upper()}.", concept=entry.term) == TopicMatch(entry.term, "exact")
        aliases = {*entry.aliases, *(alias for sense in entry.senses for alias in sense.aliases)}
        for sibling in STARTER.siblings(entry.term):
            expected = TopicMatch(entry.term, "alias") if sibling in aliases else TopicMatch(sibling, "sibling")
            assert STARTER_NAMES.match(sibling, concept=entry.term) == expected


@given(topic=st.text(), concept=st.sampled_from([concept.term for concept in PACK.concepts]))
def test_any_topic_names_a_concept_of_the_pack_or_none(topic: str, concept: str) -> None:
    found = NAMES.match(topic, concept=concept)
    assert found.topic_concept is None or found.topic_concept in PACK.by_term
    assert (found.topic_concept == concept) == (found.match in {"exact", "alias"})


@given(st.text(st.characters(categories=["L"]), min_size=1))
def test_words_do_not_depend_on_case_once_they_are_words(word: str) -> None:
    assert words(" ".join(words(word))) == words(word)
