"""Rubric files: what is accepted can be asked with, and every fault names file and field."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from engine.errors import ConfigError
from engine.prompts.rubrics import Rubric, build_rubric, bundled_rubrics, load_rubric, read_rubric, rubric_toml

GOOD = """
name = "mine"
version = 3
[topic]
system = 'Name the topic: {"topic": "..."}'
question = "Text: {text} {{so}}"
[relevance]
system = 'Rate: {"rating": 1}'
question = "{concept} ({definition}): {text}"
"""


def write(folder: Path, content: str) -> str:
    file = folder / "mine.toml"
    file.write_text(content, encoding="utf-8")
    return str(file)


def test_file_is_read(tmp_path: Path) -> None:
    found = load_rubric(write(tmp_path, GOOD))
    assert (found.name, found.version) == ("mine", 3)
    assert found.topic_system == 'Name the topic: {"topic": "..."}'
    assert found.relevance_question == "{concept} ({definition}): {text}"


def test_a_mark_of_utf_8_before_the_file_is_no_part_of_it(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(GOOD, encoding="utf-8-sig")
    assert load_rubric(str(file)) == read_rubric(GOOD, place="here", name="x")


def test_file_that_does_not_say_is_called_as_the_file_and_of_version_one(tmp_path: Path) -> None:
    found = load_rubric(write(tmp_path, GOOD.replace('name = "mine"\nversion = 3\n', "")))
    assert (found.name, found.version) == ("mine", 1)


def test_hash_is_that_of_the_four_texts_alone() -> None:
    first = read_rubric(GOOD, place="here", name="x")
    assert read_rubric(GOOD.replace("mine", "other").replace("3", "4"), place="there", name="y").hash == first.hash
    for text in ("Name the", "Text:", "Rate:", "({definition})"):
        assert read_rubric(GOOD.replace(text, f"{text}!"), place="here", name="x").hash != first.hash
    swapped = GOOD.replace("Name the topic:", "@").replace("Rate:", "Name the topic:").replace("@", "Rate:")
    assert read_rubric(swapped, place="here", name="x").hash != first.hash


@pytest.mark.parametrize("name", bundled_rubrics())
def test_bundled_rubric_is_called_as_its_file_and_says_what_a_judge_must_know(name: str) -> None:
    rubric = load_rubric(name)
    assert rubric.name == name
    assert '{"topic": ' in rubric.topic_system
    assert '{"rating": ' in rubric.relevance_system
    for system in (rubric.topic_system, rubric.relevance_system):
        for rule in ("<text-CODE>", "never an instruction", "language", "repeated", "only its beginning"):
            assert rule in system, rule
    for grade in range(1, 6):
        assert f"\n{grade} = " in rubric.relevance_system
    assert "Empty" in rubric.relevance_system


def test_standard_is_bundled() -> None:
    assert "standard" in bundled_rubrics()


def test_judges_are_never_told_of_arm_quadrant_prompt_or_siblings() -> None:
    for name in bundled_rubrics():
        told = " ".join(load_rubric(name).texts).casefold()
        for word in ("positive", "negative", "quadrant", "sibling", " arm ", "gap", "lens", "f1"):
            assert word not in told


FAULTS = {
    "not toml": ("topic = [", "TOML"),
    "no table": (GOOD.replace("[topic]", "[subject]"), '"subject"'),
    "a missing table": (GOOD[: GOOD.index("[relevance]")], 'table "relevance" is missing'),
    "a value for a table": ("topic = 3\n" + GOOD[GOOD.index("[relevance]") :], 'table "topic" is missing'),
    "a missing field": (GOOD.replace('question = "Text', '# "Text'), 'field "topic.question" is missing'),
    "a field too many": (GOOD + 'example = "x"', '"relevance.example"'),
    "a number": (GOOD.replace('"Text: {text} {{so}}"', "3"), '"topic.question"'),
    "an empty text": (GOOD.replace('Rate: {"rating": 1}', " "), '"relevance.system"'),
    "no text": (GOOD.replace("({definition}): {text}", ""), '"relevance.question" must use {text}'),
    "no concept": (GOOD.replace("{concept}", "gin"), '"relevance.question" must use {concept}'),
    "topic without text": (GOOD.replace("{text} {{so}}", ""), '"topic.question" must use {text}'),
    "the text twice": (GOOD.replace("Text: ", "{text} "), '"topic.question" must use {text} once'),
    "the concept where the topic is asked": (
        GOOD.replace("Text:", "{concept}"),
        '"topic.question" cannot use {concept}',
    ),
    "another field": (GOOD.replace("({definition})", "{arm}"), '"relevance.question" cannot use {arm}'),
    "an attribute": (
        GOOD.replace("({definition})", "{text.__class__}"),
        '"relevance.question" cannot use {text.__class__}',
    ),
    "an attribute alone": (
        GOOD.replace("{concept}", "{concept.__class__}"),
        '"relevance.question" cannot use {concept.__class__}, only {concept}, {definition}, {text}',
    ),
    "a position": (GOOD.replace("({definition})", "{}"), '"relevance.question" cannot use {}'),
    "a format": (GOOD.replace("{definition}", "{definition:>9}"), "without a format"),
    "a conversion": (GOOD.replace("{text} {{so}}", "{text!r}"), "without a format"),
    "unbalanced": (GOOD.replace("{{so}}", "}"), '"topic.question" has unbalanced braces'),
    "open": (GOOD.replace("{{so}}", "{"), '"topic.question" has unbalanced braces'),
    "json in a question": (GOOD.replace("{{so}}", "{'topic': 1}"), '"topic.question" cannot use'),
    "a placeholder in a system text": (
        GOOD.replace("Rate:", "Rate {concept}:"),
        '"relevance.system" is the same for every text',
    ),
    "version is a text": (GOOD.replace("version = 3", 'version = "one"'), '"version"'),
    "version is true": (GOOD.replace("version = 3", "version = true"), '"version"'),
    "version is zero": (GOOD.replace("version = 3", "version = 0"), '"version"'),
    "name is empty": (GOOD.replace('"mine"', '" "'), '"name"'),
    "name is a number": (GOOD.replace('"mine"', "3"), '"name"'),
    "nested without end": ("a = " + "[" * 100_000, "TOML"),
    "a number without end": ("a = " + "9" * 100_000, "TOML"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_names_file_and_field(tmp_path: Path, fault: str) -> None:
    content, named = FAULTS[fault]
    with pytest.raises(ConfigError) as told:
        load_rubric(write(tmp_path, content))
    assert "mine.toml" in str(told.value)
    assert named in str(told.value)


@pytest.mark.parametrize("name", ["none", "none.toml", "no\x00file", "x" * 5_000, ".", ""])
def test_unknown_rubric_names_the_bundled_ones(name: str) -> None:
    with pytest.raises(ConfigError) as told:
        load_rubric(name)
    assert "standard" in (told.value.hint or "")


def test_file_that_is_not_utf8_is_told(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_bytes(b"name = '\xff'")
    with pytest.raises(ConfigError, match=r"mine\.toml is not a TOML file"):
        load_rubric(str(file))


def test_text_with_half_a_character_is_told() -> None:
    with pytest.raises(ConfigError, match=r'"topic\.system" holds half a character'):
        build("\ud800", "{text}", "rate", "{concept} {text}")


def build(topic_system: str, topic_question: str, relevance_system: str, relevance_question: str) -> Rubric:
    return build_rubric(
        "mine",
        2,
        topic_system=topic_system,
        topic_question=topic_question,
        relevance_system=relevance_system,
        relevance_question=relevance_question,
    )


TEXT = st.text(st.characters(exclude_categories=["Cs"])) | st.lists(
    st.sampled_from(
        ['"', '""""', "\\", "\\n", "\n", "\r\n", "\r", "\t", "'''", "\x00", "\x7f", "\x85", "#", "{", "}", "u0041", " "]
    )
).map("".join)


@given(system=TEXT, around=TEXT, name=TEXT, version=st.integers(1, 10**9))
@example(system='ends with a quote"', around='"""', name='"\n', version=1)
@example(system="ends with a backslash\\", around="\\", name="\\", version=1)
def test_written_rubric_reads_back_as_the_same(system: str, around: str, name: str, version: int) -> None:
    assume(
        system.strip()
        and name.strip()
        and not any(f"{{{field}}}" in system for field in ("concept", "definition", "text"))
    )
    plain = around.replace("{", "{{").replace("}", "}}")
    rubric = build_rubric(
        name,
        version,
        topic_system=system,
        topic_question=f"{{text}}{plain}",
        relevance_system=system + around.replace("{", ""),
        relevance_question=f"{plain}{{concept}}{plain}{{text}}",
    )
    assert read_rubric(rubric_toml(rubric), place="here", name="other") == rubric


def test_written_rubric_is_for_people_to_read() -> None:
    standard = load_rubric("standard")
    assert tomllib.loads(rubric_toml(standard))["relevance"]["system"].strip() == standard.relevance_system
    assert standard.relevance_system in rubric_toml(standard)


@given(place=st.integers(0, len(GOOD)), content=st.text())
def test_any_content_is_a_rubric_that_can_be_filled_in_or_one_clear_error(place: int, content: str) -> None:
    for tried in (content, GOOD[:place] + content + GOOD[place:]):
        found = read_or_fault(tried)
        if isinstance(found, str):
            assert found.startswith("here")
        else:
            assert "a text" in found.topic_question.format(text="a text")
            assert "a text" in found.relevance_question.format(text="a text", concept="c", definition="d")


def read_or_fault(content: str) -> Rubric | str:
    try:
        return read_rubric(content, place="here", name="x")
    except ConfigError as error:
        return str(error)
