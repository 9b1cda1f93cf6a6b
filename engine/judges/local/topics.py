"""A topic that a local model wrote into a JSON string that was opened for it."""

import json

from engine.judges.judge import Rating, Topic, Unscored
from engine.judges.parse import parse_reply

TOPIC_OPENING = '{"topic": "'
TOPIC_TOKENS = 24


def read_topic(written: str, *, has_stopped: bool) -> Topic | Unscored:
    """The topic that was written; the end of the turn ends it too, running out of tokens does not."""
    words = closed_string(written)
    if words is None and not has_stopped:
        return Unscored(f"the reply does not end within {TOPIC_TOKENS} tokens")
    said = parse_reply("topic", f'{TOPIC_OPENING}{written if words is None else words}"}}')
    assert not isinstance(said, Rating)
    return said


def closed_string(written: str) -> str | None:
    """What stands before the quotation mark that ends the JSON string, None while there is none."""
    try:
        _, end = json.JSONDecoder(strict=False).raw_decode(f'"{written}')
    except json.JSONDecodeError:
        return None
    return written[: end - 2]
