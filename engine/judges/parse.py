"""Read a judge's reply: a topic, a rating, or the reason why it is neither. Nothing is guessed and no rating is a default.

A reply is a JSON object, alone, in a code fence, or on lines of its own with prose around it; a bare digit is a rating too.
A judge may quote the text that it was shown, and the text may hold an answer of its own. So whatever leaves open which answer
is the judge's (two that differ, another number in the prose, an object in the middle of a line, broken JSON) is unscored.
"""

import json
import math
import re
from dataclasses import dataclass
from typing import Any, Final

from engine.judges.characters import carried
from engine.judges.judge import RATINGS, Kind, Rating, Topic, Unscored

LONGEST_REPLY: Final = 50_000
LONGEST_EXPLANATION: Final = 500
LONGEST_TOPIC: Final = 120
MOST_WORDS: Final = 12
NO_TOPIC: Final = "the judge found no topic in the text"
"""An answer, though no score: it is never asked for again."""
_NO_TOPIC: Final = frozenset(
    {
        "",
        "none",
        "no topic",
        "no clear topic",
        "no subject",
        "unknown",
        "n/a",
        "gibberish",
        "empty text",
        "empty string",
    }
)

_BARE: Final = re.compile(r"[\"'`*]*([1-5])(?:\.0+)?[\"'`*.]*")
_DIGITS: Final = re.compile(r"\s*([1-5])(?:\.0+)?\s*", re.ASCII)
_THINKING: Final = re.compile(r"<think>.*?</think>", re.DOTALL)
_LINE_BEFORE: Final = re.compile(r"(?:^|\n)[ \t\r]*(?:`+\w*[ \t]*)?$")
_LINE_AFTER: Final = re.compile(r"[ \t]*`*[ \t\r]*(?:\n|$)")
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?|\b(?:one|two|three|four|five)\b", re.IGNORECASE)
_WORDS: Final = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5}
_QUOTES: Final = "\"'`*“”‘’„«»"


def parse_reply(kind: Kind, text: str) -> Topic | Rating | Unscored:
    """What the reply says; never raises, and an unscored reason is one plain phrase."""
    try:
        answers, prose = _split(_without_thinking(text))
    except _Unreadable as fault:
        return Unscored(fault.reason)
    if not answers:
        return _parse_bare(kind, prose)
    said = [_parse_topic(answer) if kind == "topic" else _parse_rating(answer) for answer in answers]
    for one in said:
        if isinstance(one, Unscored):
            return one
    if len({_key(one) for one in said}) > 1:
        return Unscored("the reply holds answers that differ")
    if isinstance(said[0], Rating) and any(number != said[0].rating for number in _numbers(prose)):
        return Unscored("the reply names a second number beside its rating")
    return said[0]


@dataclass
class _Unreadable(Exception):
    """A reply of which no part can be told to be the judge's answer."""

    reason: str


def _without_thinking(text: str) -> str:
    """The reply after the thinking that some servers leave in it; which end is meant must be beyond doubt."""
    reply = text.strip()
    if not reply:
        raise _Unreadable("the reply is empty")
    if len(reply) > LONGEST_REPLY:
        raise _Unreadable(f"the reply is longer than {LONGEST_REPLY} characters")
    if not reply.startswith("<think>"):
        return reply
    if reply.count("</think>") != 1:
        raise _Unreadable("it is not clear where the reply's thinking ends")
    return _THINKING.sub("", reply, count=1).strip()


def _split(reply: str) -> tuple[list[dict[str, Any]], str]:
    """The JSON objects of a reply in order, and the prose around them."""
    answers, prose, place = [], [], 0
    while (start := reply.find("{", place)) >= 0:
        answer, end = _decode(reply, start)
        if not _LINE_BEFORE.search(reply[place:start]) or not _LINE_AFTER.match(reply, end):
            raise _Unreadable("the reply's JSON object stands in the middle of a line")
        answers.append(answer)
        prose.append(reply[place:start])
        place = end
    prose.append(reply[place:])
    rest = "\n".join(prose)
    if re.search(r"[\[\]}]", rest):
        raise _Unreadable("the reply is not one JSON object")
    return answers, rest


def _decode(reply: str, start: int) -> tuple[dict[str, Any], int]:
    try:
        found, end = _DECODER.raw_decode(reply, start)
    except (ValueError, RecursionError) as error:
        raise _Unreadable("the reply's JSON is broken") from error
    return found, end


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys are there once: of two ratings in one object, the judge's cannot be told."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is there twice")
    return found


# Line breaks inside of strings are against the letter of JSON, but leave nothing open.
_DECODER: Final = json.JSONDecoder(object_pairs_hook=_distinct, strict=False)


def _parse_bare(kind: Kind, reply: str) -> Rating | Unscored:
    if kind == "relevance" and (found := _BARE.fullmatch(reply.strip())):
        return Rating(int(found[1]))
    return Unscored("the reply holds no JSON object")


def _parse_rating(answer: dict[str, Any]) -> Rating | Unscored:
    if "rating" not in answer:
        return Unscored("the reply has no rating")
    value = answer["rating"]
    rating = _whole(value)
    if rating is None or rating not in RATINGS:
        return Unscored(f"the rating {_shown(value)} is not one of 1 to 5")
    reason = answer.get("reason")
    explanation = _tidy(reason)[:LONGEST_EXPLANATION] if isinstance(reason, str) else ""
    return Rating(rating, explanation or None)


def _whole(value: object) -> int | None:
    """4, 4.0 and "4" are four; true is not one."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if math.isfinite(value) and value.is_integer() else None
    found = _DIGITS.fullmatch(value) if isinstance(value, str) else None
    return int(found[1]) if found else None


def _parse_topic(answer: dict[str, Any]) -> Topic | Unscored:
    if "topic" not in answer:
        return Unscored("the reply has no topic")
    value = answer["topic"]
    if not isinstance(value, str):
        return Unscored(f"the topic {_shown(value)} is not a text")
    topic = _tidy(_tidy(value).strip(_QUOTES))
    if topic.casefold().rstrip(".") in _NO_TOPIC:
        return Unscored(NO_TOPIC)
    if len(topic) > LONGEST_TOPIC or len(topic.split()) > MOST_WORDS:
        return Unscored("the reply holds no short topic")
    return Topic(topic)


def _key(said: Topic | Rating | Unscored) -> object:
    if isinstance(said, Rating):
        return said.rating
    return said.topic.casefold() if isinstance(said, Topic) else None


def _numbers(prose: str) -> list[float]:
    return [_WORDS.get(number.lower()) or float(number) for number in _NUMBER.findall(prose)]


def _tidy(text: str) -> str:
    return " ".join(carried(text).split())


def _shown(value: object) -> str:
    """A value as JSON in plain letters, shortened; a container by its kind, for it may be nested too deeply to be written."""
    if isinstance(value, list | dict):
        return "(a list)" if isinstance(value, list) else "(an object)"
    written = json.dumps(value)
    return written if len(written) <= 40 else written[:40] + "…"
