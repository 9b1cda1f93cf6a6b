"""The offline judge against a TF-IDF that is written out by hand."""

import math
import re
import unicodedata
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import JudgeError
from engine.judges.judge import Answer, Question, Rating, Topic, Unscored
from engine.judges.offline import BINS, OfflineJudge
from engine.packs.folder import load_pack
from engine.packs.pack import Concept, Pack, Sense
from tests.support.hand_made import concept, write_pack

STOP = {
    "a",
    "an",
    "the",
    "of",
    "in",
    "on",
    "to",
    "and",
    "that",
    "as",
    "is",
    "from",
    "with",
    "it",
    "for",
    "well",
    "out",
    "part",
}
"""Those of sklearn's English stop words that these tests use."""


def small_pack() -> Pack:
    def one(term: str, *definitions: str, aliases: tuple[str, ...] = ()) -> Concept:
        senses = tuple(Sense(f"{term}{i}", text, ()) for i, text in enumerate(definitions))
        return Concept(term, 0, (), definitions[0], aliases, senses, len(senses))

    concepts = (
        one("gin", "clear spirit flavoured with juniper", "trap that catches animals", aliases=("geneva",)),
        one("vodka", "clear spirit from grain"),
        one("hammer", "tool that drives nails", "part of a piano", "bone of the ear"),
        one("café", "place that sells coffee"),
    )
    return Pack("small", "1", "here", "made up", concepts)


PACK = small_pack()
JUDGE = OfflineJudge(PACK)


def questions(*items: tuple[str, str | None]) -> list[Question]:
    kinds = ("relevance", "topic")
    return [Question(kinds[term is None], str(i), text, term) for i, (text, term) in enumerate(items)]  # type: ignore[arg-type]


def rate(text: str, term: str) -> Rating:
    [answer] = JUDGE.answer(questions((text, term)))
    assert isinstance(answer.said, Rating)
    return answer.said


def infer_topic(text: str) -> Topic | Unscored:
    [answer] = JUDGE.answer(questions((text, None)))
    assert not isinstance(answer.said, Rating)
    return answer.said


def tokens(text: str) -> list[str]:
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c))
    return [word for word in re.findall(r"\b\w\w+\b", plain) if word not in STOP]


def documents() -> list[tuple[str, str]]:
    found = []
    for entry in PACK.concepts:
        found.append((entry.term, " ".join((entry.term, *entry.aliases, entry.definition))))
        found += [(entry.term, f"{entry.term} {sense.definition}") for sense in entry.senses]
    return found


def weigh(text: str) -> dict[str, float]:
    texts = [set(tokens(document)) for _, document in documents()]
    counts = Counter(word for word in tokens(text) if any(word in words for words in texts))
    weights = {}
    for word, n in counts.items():
        n_with = sum(word in words for words in texts)
        weights[word] = (1 + math.log(n)) * (math.log((1 + len(texts)) / (1 + n_with)) + 1)
    length = math.sqrt(sum(weight**2 for weight in weights.values())) or 1.0
    return {word: weight / length for word, weight in weights.items()}


def brute_force(text: str) -> dict[str, float]:
    """Cosine of a text to the nearest document of each concept."""
    mine = weigh(text)
    best: dict[str, float] = {}
    for term, document in documents():
        theirs = weigh(document)
        cosine = sum(weight * theirs.get(word, 0.0) for word, weight in mine.items())
        best[term] = max(best.get(term, 0.0), cosine)
    return best


WORDS = [
    "gin",
    "spirit",
    "juniper",
    "grain",
    "clear",
    "hammer",
    "nails",
    "bone",
    "coffee",
    "café",
    "the",
    "zebra",
    "piano",
]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=12))
def test_rating_and_topic_are_those_of_cosines_by_hand(words: list[str]) -> None:
    text = " ".join(words)
    expected = brute_force(text)
    answers = list(JUDGE.answer(questions(*((text, term) for term in expected))))
    for value, answer in zip(expected.values(), answers, strict=True):
        assert isinstance(answer.said, Rating)
        assert float(answer.raw_reply) == pytest.approx(value, abs=6e-5)
        if all(abs(value - edge) > 1e-4 for edge in BINS):
            assert answer.said.rating == 1 + sum(value >= edge for edge in BINS)
    topic = infer_topic(text)
    if max(expected.values()) > 0:
        assert isinstance(topic, Topic)
        assert topic.similarity == pytest.approx(max(expected.values()))
        assert expected[topic.topic] == pytest.approx(max(expected.values()))
    else:
        assert isinstance(topic, Unscored)


def test_a_definition_rates_five_for_its_concept_and_one_for_a_stranger() -> None:
    assert rate("Gin: clear spirit flavoured with juniper.", "gin").rating == 5
    assert rate("Gin: clear spirit flavoured with juniper.", "café").rating == 1


def test_every_sense_counts() -> None:
    assert rate("hammer, a bone of the ear", "hammer").rating == 5


def test_empty_text_is_off_topic_by_rule_and_has_no_topic() -> None:
    for text in ("", "  \n"):
        assert rate(text, "gin") == Rating(1, "The text is empty.")
        assert infer_topic(text) == Unscored("the text is empty")


def test_text_of_unknown_words_has_no_topic_with_the_reason() -> None:
    assert infer_topic("zebra quagga") == Unscored("no word of the text occurs in the pack")
    assert rate("zebra quagga", "gin").rating == 1


def test_concept_outside_the_pack_is_unscored_with_the_reason() -> None:
    [answer] = JUDGE.answer(questions(("gin", "rum")))
    assert isinstance(answer.said, Unscored)
    assert "rum" in answer.said.reason


HOSTILE = {
    "html": "<script>alert(1)</script> gin <b>spirit</b>",
    "nul": "gin\x00spirit",
    "long": "juniper spirit " * 7000,
    "emoji": "👩‍👩‍👧‍👦 gin 🍸 שלום e\u0301",
    "surrogate": "gin \ud83d",
    "marks": "$x^2$ :red[gin] [gin](javascript:alert(1))",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_text_is_judged_like_any_other(kind: str) -> None:
    text, topic = HOSTILE[kind], infer_topic(HOSTILE[kind])
    assert rate(text, "gin").rating in {2, 3, 4, 5}
    assert isinstance(topic, Topic)
    assert topic.topic == "gin"


def test_judging_together_equals_judging_alone() -> None:
    asked = questions(*((text, term) for text in [*HOSTILE.values(), "", "gin"] for term in ("gin", "rum", None)))

    def alone(question: Question) -> Answer:
        [answer] = JUDGE.answer([question])
        return answer

    assert list(JUDGE.answer(iter(asked))) == [alone(question) for question in asked]
    assert list(JUDGE.answer([])) == []


def test_identity_changes_with_the_pack(hand_made: Path) -> None:
    other = OfflineJudge(load_pack(str(hand_made))).identity
    assert other.rubric_hash != JUDGE.identity.rubric_hash
    assert OfflineJudge(small_pack()).identity == JUDGE.identity
    assert JUDGE.identity.is_baseline


def test_pack_without_words_is_told(tmp_path: Path) -> None:
    layers = {0: [concept("a", definition="the of", n_senses=0)]}
    with pytest.raises(JudgeError, match="wordless"):
        OfflineJudge(load_pack(str(write_pack(tmp_path / "pack", layers, name="wordless"))))
