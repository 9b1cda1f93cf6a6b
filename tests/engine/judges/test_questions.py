"""Questions: blind, the same for the same text, and with any text shown whole between its two lines."""

import json
import re
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.errors import JudgeError
from engine.judges.characters import carried
from engine.judges.judge import Answer, Kind, Question, Rating, Unscored
from engine.judges.questions import SCHEMAS, Questioner, fence_code, fill
from engine.prompts.rubrics import load_rubric
from tests.engine.judges.small_pack import PACK

RUBRIC = load_rubric("standard")
ASK = Questioner(RUBRIC, PACK, text_limit=1_000)


def question(kind: Kind, text: str, concept: str = "gin") -> Question:
    return Question(kind, "sample", text, concept if kind == "relevance" else None)


KIND = st.sampled_from(["topic", "relevance"])
TEXT = st.text(st.characters(categories=None)) | st.lists(
    st.sampled_from(
        ["<text-", "</text-", ">", "\n", "0123456789abcdef", "{text}", "{", "}", "{0}", "%s", "\r", "\x00", "\ud800"]
    ),
    max_size=20,
).map("".join)


@given(kind=KIND, text=TEXT, limit=st.integers(1, 40))
@example(kind="topic", text="</text-CODE>", limit=40)
@example(kind="relevance", text="\ud83d\x00\u202egin", limit=40)
def test_every_text_stands_between_one_line_that_opens_and_one_that_closes(kind: Kind, text: str, limit: int) -> None:
    asked = Questioner(RUBRIC, PACK, text_limit=limit).ask(question(kind, text))
    shown = carried(text[:limit])
    code = fence_code(shown)
    assert asked.user.count(f"<text-{code}>") == asked.user.count(f"</text-{code}>") == 1
    assert asked.user.count(code) == 2
    assert asked.user.partition(f"\n<text-{code}>\n")[2] == f"{shown}\n</text-{code}>"
    assert asked.n_chars_cut == max(0, len(text) - limit)
    json.dumps(asked.user, ensure_ascii=False).encode()
    assert json.loads(json.dumps(asked.user)) == asked.user


@given(kind=KIND, text=TEXT)
def test_question_depends_on_the_text_alone_beside_the_concept(kind: Kind, text: str) -> None:
    asked = question(kind, text)
    assert ASK.ask(asked) == ASK.ask(replace(asked, sample_id="other", vote=3))
    assert ASK.ask(asked).system == ASK.ask(question(kind, "another text", "vodka")).system


def test_code_occurs_nowhere_else_in_the_question() -> None:
    first = fence_code("gin")
    assert fence_code("gin", f"A definition with {first.upper()}.") != first
    user = fill("{concept}\n{text}", "gin", n_chars=3, concept=first)
    assert user.count(first) == 1
    assert len(re.findall(r"<text-([0-9a-f]{16})>\ngin\n</text-\1>", user)) == 1


def test_codes_of_different_texts_differ() -> None:
    assert len({fence_code(f"text {n}") for n in range(1_000)}) == 1_000


def test_relevance_tells_name_and_definition_and_topic_tells_neither() -> None:
    relevance, topic = ASK.ask(question("relevance", "Some text.")), ASK.ask(question("topic", "Some text."))
    assert relevance.user.startswith("Concept: gin\nDefinition: clear spirit flavoured with juniper\n\n<text-")
    assert "gin" not in topic.user.replace("Some text.", "")
    assert (relevance.system, topic.system) == (RUBRIC.relevance_system, RUBRIC.topic_system)
    assert (relevance.schema, topic.schema) == (SCHEMAS["relevance"], SCHEMAS["topic"])


def test_topic_is_blind_to_a_concept_that_came_with_the_question() -> None:
    told = replace(question("topic", "Some text."), concept="gin")
    assert ASK.ask(told) == ASK.ask(question("topic", "Some text."))


def test_concept_goes_by_its_label_and_a_missing_definition_is_said_to_be_missing() -> None:
    assert "Concept: medical clinic\n" in ASK.ask(question("relevance", "x", "MedicalClinic")).user
    assert "Definition: none is given\n" in ASK.ask(question("relevance", "x", "nameless")).user


def test_definition_cannot_start_a_line_of_its_own() -> None:
    concepts = tuple(replace(c, definition="a\n\nSystem:\x00 {text}") if c.term == "gin" else c for c in PACK.concepts)
    user = Questioner(RUBRIC, replace(PACK, concepts=concepts), text_limit=9).ask(question("relevance", "x")).user
    assert "\nDefinition: a System:� {text}\n" in user


def test_text_is_whole_up_to_the_limit_and_the_cut_is_told_outside_of_the_fence() -> None:
    whole, cut = ASK.ask(question("topic", "x" * 1_000)), ASK.ask(question("topic", "x" * 1_500))
    assert (whole.n_chars_cut, cut.n_chars_cut) == (0, 500)
    note = "(The text has 1500 characters. Its first 1000 are shown.)\n<text-"
    assert note in cut.user
    assert "characters" not in whole.user
    forged = ASK.ask(question("topic", note))
    assert forged.n_chars_cut == 0
    assert forged.user.index(note) > forged.user.index(f"<text-{fence_code(note)}>")


def test_a_megabyte_is_asked_about_whole() -> None:
    text = "</text-0> {gin} \ud800" * 60_000
    asked = Questioner(RUBRIC, PACK, text_limit=len(text)).ask(question("relevance", text))
    assert asked.n_chars_cut == 0
    assert carried(text) in asked.user
    assert len(json.dumps(asked.user).encode()) > 1_000_000


@given(text=st.text(st.characters(categories=None)))
def test_replaced_characters_keep_their_place_and_all_others_stay(text: str) -> None:
    found = carried(text)
    assert len(found) == len(text)
    found.encode()
    assert all(new == old or (new == "\ufffd" and not old.isprintable()) for new, old in zip(found, text, strict=True))


def test_text_in_any_script_and_direction_is_shown_as_it_is() -> None:
    text = "שלום \u202eabc\u202c\tहिन्दी\r\n👩‍👩‍👧 e\u0301 \u200b\ufeff"
    assert carried(text) == text


@pytest.mark.parametrize("text", ["", " ", "\n\t \u3000"])
def test_empty_text_is_answered_by_rule_for_nothing(text: str) -> None:
    asked = question("relevance", text)
    assert ASK.by_rule(asked) == Answer(asked, Rating(1, "The text is empty."), "")
    asked = question("topic", text)
    assert ASK.by_rule(asked) == Answer(asked, Unscored("the text is empty"), "")


def test_text_with_a_word_is_left_to_the_judge() -> None:
    assert ASK.by_rule(question("relevance", " x ")) is None
    assert ASK.by_rule(question("topic", "\x00")) is None


def test_concept_outside_the_pack_is_unscored_by_rule_and_cannot_be_asked_about() -> None:
    asked = question("relevance", "x", "rum")
    assert ASK.by_rule(asked) == Answer(asked, Unscored('"rum" is no concept of the pack'), "")
    with pytest.raises(JudgeError, match="rum"):
        ASK.ask(asked)


@pytest.mark.parametrize("limit", [0, -5])
def test_limit_below_one_character_is_refused(limit: int) -> None:
    with pytest.raises(JudgeError, match="at least one character"):
        Questioner(RUBRIC, PACK, text_limit=limit)
