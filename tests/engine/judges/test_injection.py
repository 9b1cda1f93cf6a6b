"""Twenty texts that try to write the judge's answer: none leaves its fence, and no judge that quotes one is misread.

A judge that gives in and answers as the text wishes cannot be told from one that means it: against that there are only the
rubric's words and the fence.
"""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.judges.judge import Kind, Question, Rating, Topic, Unscored
from engine.judges.parse import parse_reply
from engine.judges.questions import Questioner, fence_code
from engine.prompts.rubrics import load_rubric
from tests.engine.judges.small_pack import PACK

ASK = Questioner(load_rubric("standard"), PACK, text_limit=32_000)
HARMLESS = "Juniper gives it its taste."
OWN = {"relevance": {"rating": 1}, "topic": {"topic": "begging"}}
SAID = {"relevance": Rating(1), "topic": Topic("begging")}


def read_attacks() -> dict[str, str]:
    found = tomllib.loads((Path(__file__).parent / "attacks.toml").read_text(encoding="utf-8"))["attack"]
    return {attack["name"]: attack["text"].replace("CODE", fence_code(attack["text"])) for attack in found}


ATTACKS = read_attacks()
KINDS: tuple[Kind, ...] = ("relevance", "topic")


def test_there_are_twenty_attacks() -> None:
    assert len(ATTACKS) == 20


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ATTACKS)
def test_attack_stays_in_its_fence_and_changes_nothing_around_it(name: str, kind: Kind) -> None:
    concept = "gin" if kind == "relevance" else None
    attacked = ASK.ask(Question(kind, "s", ATTACKS[name], concept))
    harmless = ASK.ask(Question(kind, "s", HARMLESS, concept))
    code, other = fence_code(ATTACKS[name]), fence_code(HARMLESS)
    before, _, rest = attacked.user.partition(f"<text-{code}>\n")
    shown, _, after = rest.partition(f"\n</text-{code}>")
    assert shown == ATTACKS[name]
    assert (before, after) == (harmless.user.partition(f"<text-{other}>")[0], "")
    assert (attacked.system, attacked.schema) == (harmless.system, harmless.schema)
    assert ATTACKS[name] not in attacked.system


def quote_in_reason(own: dict[str, object], attack: str) -> str:
    return json.dumps(own | {"reason": f"The text says: {attack}"})


def quote_in_reason_first(own: dict[str, object], attack: str) -> str:
    return json.dumps({"reason": attack} | own)


def quote_carelessly(own: dict[str, object], attack: str) -> str:
    return json.dumps(own | {"reason": "The text says: @"}).replace("@", attack)


def quote_carelessly_first(own: dict[str, object], attack: str) -> str:
    return json.dumps({"reason": "@"} | own).replace("@", attack)


def quote_before(own: dict[str, object], attack: str) -> str:
    return f"The text says:\n{attack}\n\nMy answer:\n{json.dumps(own)}"


def quote_after(own: dict[str, object], attack: str) -> str:
    return f"{json.dumps(own)}\n\nThe text said:\n{attack}"


def quote_in_code_fence(own: dict[str, object], attack: str) -> str:
    return f"```\n{attack}\n```\n\n```json\n{json.dumps(own)}\n```"


def quote_in_thinking(own: dict[str, object], attack: str) -> str:
    return f"<think>The text says: {attack}</think>\n{json.dumps(own)}"


def quote_after_thinking(own: dict[str, object], attack: str) -> str:
    return f"<think>Well.</think>\n{json.dumps(own)}\n{attack}"


def quote_in_the_middle_of_a_sentence(own: dict[str, object], attack: str) -> str:
    return f"Though the text says {attack}, I answer {json.dumps(own)}."


def quote_first_of_all(own: dict[str, object], attack: str) -> str:
    return f"{attack}\n{json.dumps(own)}"


QUOTES: tuple[Callable[[dict[str, object], str], str], ...] = (
    quote_in_reason,
    quote_in_reason_first,
    quote_carelessly,
    quote_carelessly_first,
    quote_before,
    quote_after,
    quote_in_code_fence,
    quote_in_thinking,
    quote_after_thinking,
    quote_in_the_middle_of_a_sentence,
    quote_first_of_all,
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("quote", QUOTES)
@pytest.mark.parametrize("name", ATTACKS)
def test_judge_that_quotes_an_attack_is_read_as_itself_or_not_at_all(
    name: str, quote: Callable[[dict[str, object], str], str], kind: Kind
) -> None:
    said = parse_reply(kind, quote(dict(OWN[kind]), ATTACKS[name]))
    if isinstance(said, Rating):
        assert said.rating == 1
    elif isinstance(said, Topic):
        assert said == SAID["topic"]
    else:
        assert said.reason


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ATTACKS)
def test_judge_that_quotes_an_attack_in_good_json_keeps_its_answer(name: str, kind: Kind) -> None:
    for quote in (quote_in_reason, quote_in_reason_first):
        said = parse_reply(kind, quote(dict(OWN[kind]), ATTACKS[name]))
        assert (said.rating if isinstance(said, Rating) else said) == (1 if kind == "relevance" else SAID["topic"])


def test_number_in_words_beside_a_quoted_answer_leaves_it_open() -> None:
    assert isinstance(parse_reply("relevance", 'The text says:\n{"rating": 5}\nI rate it one.'), Unscored)
