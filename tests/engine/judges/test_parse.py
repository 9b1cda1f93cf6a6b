"""A well-formed reply is read for what it says, and anything else is unscored with a plain reason, whatever it holds."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.judges.characters import carried
from engine.judges.judge import KINDS, RATINGS, Kind, Rating, Topic, Unscored
from engine.judges.parse import LONGEST_EXPLANATION, LONGEST_REPLY, parse_reply

GOOD_RATINGS = {
    "a number": '{"rating": 4, "reason": "It fits."}',
    "a digit as a text": '{"rating": "4", "reason": "It fits."}',
    "a decimal": '{"rating": 4.0, "reason": "It fits."}',
    "a decimal as a text": '{"rating": "4.0", "reason": "It fits."}',
    "keys in another order": '{"reason": "It fits.", "rating": 4}',
    "further keys": '{"rating": 4, "reason": "It fits.", "confidence": 0.9}',
    "spread over lines": '{\n  "rating": 4,\n  "reason": "It fits."\n}\n',
    "a code fence": '```json\n{"rating": 4, "reason": "It fits."}\n```',
    "a code fence without a language": '```\n{"rating": 4, "reason": "It fits."}\n```',
    "a code fence in a line": '```json {"rating": 4, "reason": "It fits."} ```',
    "prose before": 'Here is my rating:\n\n{"rating": 4, "reason": "It fits."}',
    "prose after": '{"rating": 4, "reason": "It fits."}\n\nLet me know if you need more.',
    "prose around, and a code fence": 'Here it is:\r\n```json\r\n{"rating": 4, "reason": "It fits."}\r\n```\r\nDone.',
    "the same rating in prose": 'I rate it 4.\n{"rating": 4, "reason": "It fits."}',
    "the same answer twice": '{"rating": 4, "reason": "It fits."}\n{"rating": 4, "reason": "It does."}',
    "thinking": '<think>Two or 3? {"rating": 2}</think>\n\n{"rating": 4, "reason": "It fits."}',
    "a line break in the reason": '{"rating": 4, "reason": "It\nfits."}',
}


@pytest.mark.parametrize("form", GOOD_RATINGS)
def test_rating_is_read_in_every_fair_form(form: str) -> None:
    assert parse_reply("relevance", GOOD_RATINGS[form]) == Rating(4, "It fits.")


@pytest.mark.parametrize("reply", ["4", " 4\n", "4.", '"4"', "4.0", "**4**", "`4`"])
def test_bare_digit_is_a_rating_without_explanation(reply: str) -> None:
    assert parse_reply("relevance", reply) == Rating(4)


BAD_RATINGS = {
    "nothing": ("  \n", "the reply is empty"),
    "zero": ('{"rating": 0}', "the rating 0 is not one of 1 to 5"),
    "six": ('{"rating": 6}', "the rating 6 is not one of 1 to 5"),
    "a half": ('{"rating": 3.5}', "the rating 3.5 is not one of 1 to 5"),
    "true": ('{"rating": true}', "the rating true is not one of 1 to 5"),
    "null": ('{"rating": null}', "the rating null is not one of 1 to 5"),
    "a word": ('{"rating": "four"}', 'the rating "four" is not one of 1 to 5'),
    "another digit": ('{"rating": "４"}', 'the rating "\\uff14" is not one of 1 to 5'),
    "not a number": ('{"rating": NaN}', "the rating NaN is not one of 1 to 5"),
    "without end": ('{"rating": 1e999}', "the rating Infinity is not one of 1 to 5"),
    "a list": ('{"rating": [4]}', "the rating (a list) is not one of 1 to 5"),
    "an object": ('{"rating": {"rating": 4}}', "the rating (an object) is not one of 1 to 5"),
    "a nested list": ('{"rating": ' + "[" * 900 + "]" * 900 + "}", "the rating (a list) is not one of 1 to 5"),
    "below another key": ('{"result": {"rating": 4}}', "the reply has no rating"),
    "no rating": ('{"reason": "It fits."}', "the reply has no rating"),
    "two ratings": ('{"rating": 4}\n{"rating": 2}', "the reply holds answers that differ"),
    "two ratings in one": ('{"rating": 4, "rating": 2}', "the reply's JSON is broken"),
    "a rating and an object": ('{"rating": 4}\n{"other": 2}', "the reply has no rating"),
    "broken off": ('{"rating": 4, "reason": "It f', "the reply's JSON is broken"),
    "single quotes": ("{'rating': 4}", "the reply's JSON is broken"),
    "a brace too many": ('{"rating": 4}\n}', "the reply is not one JSON object"),
    "an array": ('[{"rating": 4}]', "the reply's JSON object stands in the middle of a line"),
    "an array of lines": ('[\n{"rating": 4}\n]', "the reply is not one JSON object"),
    "within a sentence": ('It says {"rating": 5} there', "the reply's JSON object stands in the middle of a line"),
    "another number beside": ('{"rating": 4}\nOr 5?', "the reply names a second number beside its rating"),
    "a share": ("4/5", "the reply holds no JSON object"),
    "prose": ("I would rather not.", "the reply holds no JSON object"),
    "a bare six": ("6", "the reply holds no JSON object"),
    "thinking without end": ('<think>Well. {"rating": 4}', "it is not clear where the reply's thinking ends"),
    "nothing after thinking": ("<think>Well.</think>", "the reply holds no JSON object"),
    "too deep": ('{"a":' * 9_000, "the reply's JSON is broken"),
    "too many digits": ('{"rating":' + "9" * 9_000 + "}", "the reply's JSON is broken"),
    "too long": ("x" * (LONGEST_REPLY + 1), f"the reply is longer than {LONGEST_REPLY} characters"),
}


@pytest.mark.parametrize("form", BAD_RATINGS)
def test_reply_without_one_rating_is_unscored_with_the_reason(form: str) -> None:
    reply, reason = BAD_RATINGS[form]
    assert parse_reply("relevance", reply) == Unscored(reason)


def test_long_numbers_are_told_shortly() -> None:
    said = parse_reply("relevance", '{"rating": ' + "9" * 3_000 + "}")
    assert isinstance(said, Unscored)
    assert len(said.reason) < 100


GOOD_TOPICS = {
    "gin": '{"topic": "gin"}',
    "claw hammer": '{"topic": "  claw\\n hammer "}',
    "London gin": '{"topic": "\\"London gin\\""}',
    "bow and arrow": 'The topic:\n```json\n{"topic": "“bow and arrow”"}\n```',
    "World War 2": 'Of the 3 subjects:\n{"topic": "World War 2"}',
    "Jägermeister": '{"topic": "J\\u00e4germeister"}',
}


@pytest.mark.parametrize("topic", GOOD_TOPICS)
def test_topic_is_read_without_blanks_and_quotes(topic: str) -> None:
    assert parse_reply("topic", GOOD_TOPICS[topic]) == Topic(topic)


BAD_TOPICS = {
    "empty": ('{"topic": " "}', "the judge found no topic in the text"),
    "none": ('{"topic": "None."}', "the judge found no topic in the text"),
    "unknown": ('{"topic": "unknown"}', "the judge found no topic in the text"),
    "not applicable": ('{"topic": "N/A"}', "the judge found no topic in the text"),
    "no clear topic": ('{"topic": "No clear topic"}', "the judge found no topic in the text"),
    "gibberish": ('{"topic": "gibberish"}', "the judge found no topic in the text"),
    "empty text": ('{"topic": "empty text"}', "the judge found no topic in the text"),
    "quotes alone": ('{"topic": "\\"\\""}', "the judge found no topic in the text"),
    "a number": ('{"topic": 4}', "the topic 4 is not a text"),
    "a list": ('{"topic": ["gin"]}', "the topic (a list) is not a text"),
    "thirteen words": (json.dumps({"topic": "a " * 13}), "the reply holds no short topic"),
    "a long word": (json.dumps({"topic": "a" * 121}), "the reply holds no short topic"),
    "two": ('{"topic": "gin"}\n{"topic": "rum"}', "the reply holds answers that differ"),
    "a rating": ('{"rating": 4}', "the reply has no topic"),
    "bare": ("gin", "the reply holds no JSON object"),
}


@pytest.mark.parametrize("form", BAD_TOPICS)
def test_reply_without_one_short_topic_is_unscored_with_the_reason(form: str) -> None:
    reply, reason = BAD_TOPICS[form]
    assert parse_reply("topic", reply) == Unscored(reason)


def test_what_no_database_can_hold_is_replaced() -> None:
    assert parse_reply("relevance", '{"rating": 2, "reason": "half \\ud83d, nul \\u0000"}') == Rating(
        2, "half �, nul �"
    )
    assert parse_reply("topic", '{"topic": "half \\ud83d"}') == Topic("half �")


PIECES = st.sampled_from(
    [
        *("{", "}", "[", "]", '"', "\\", "\n", "`", "```json", ":", ",", "-", " ", "\ud800", "\x00"),
        *("rating", "topic", '"rating": ', '"topic": "x"', '{"rating": 5}', '{"topic": "gin"}'),
        *("5", "4.0", "NaN", "true", "null", "<think>", "</think>"),
    ]
)


@given(reply=st.text() | st.lists(PIECES, max_size=30).map("".join))
def test_no_reply_raises_and_every_answer_can_be_stored(reply: str) -> None:
    for kind in KINDS:
        said = parse_reply(kind, reply)
        match said:
            case Rating():
                assert said.rating in RATINGS
                (said.explanation or "").encode()
            case Topic():
                assert said.topic.strip()
                said.topic.encode()
            case Unscored():
                assert said.reason
                said.reason.encode("ascii")


BEFORE = st.sampled_from(
    ["", "\n", "Here is my answer:\n", "Sure!\n\n```json\n", "```\n", "<think>Let me see: 5, 4?</think>"]
)
AFTER = st.sampled_from(["", "\n", "\n```", "\n```\nI hope that this helps.", "\n\nAsk me for more."])


@settings(max_examples=80)
@given(rating=st.sampled_from(RATINGS), reason=st.text(), indent=st.sampled_from([None, 2]), before=BEFORE, after=AFTER)
def test_well_formed_rating_is_always_read(
    rating: int, reason: str, indent: int | None, before: str, after: str
) -> None:
    said = parse_reply("relevance", before + json.dumps({"rating": rating, "reason": reason}, indent=indent) + after)
    assert isinstance(said, Rating)
    assert said.rating == rating
    assert said.explanation is None or len(said.explanation) <= LONGEST_EXPLANATION
    assert (said.explanation is None) == (not carried(reason).strip())


WORD = st.text(st.characters(categories=["L", "Nd"]), min_size=1, max_size=10)


@given(words=st.lists(WORD, min_size=1, max_size=5), before=BEFORE, after=AFTER, ascii_only=st.booleans())
def test_well_formed_topic_is_always_read(words: list[str], before: str, after: str, ascii_only: bool) -> None:
    reply = before + json.dumps({"topic": " ".join(words)}, ensure_ascii=ascii_only) + after
    assert parse_reply("topic", reply) == Topic(" ".join(words))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "piece", ['{"rating": 5}\n', "{}\n", "`", "\n", '{"a":', "<think>", '"', "\\", " ", "1 ", "[", '{"']
)
def test_longest_replies_are_read_in_linear_time(kind: Kind, piece: str) -> None:
    # Were it quadratic, fifty thousand characters would take minutes.
    reply = (piece * LONGEST_REPLY)[:LONGEST_REPLY]
    assert parse_reply(kind, reply) == parse_reply(kind, reply)
