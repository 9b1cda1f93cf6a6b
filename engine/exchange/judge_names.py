"""What judges of a study are called side by side: those of one model are told apart by what decides their answers."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from engine.terminal import visible

Json = Mapping[str, Any]
_WORDS = {"base_url": "address", "text_limit": "text limit", "max_tokens": "reply limit"}
_MISSING = {"base_url": "the usual one"}
_SHORT_HASH = 8


def judge_names(judges: Iterable[Json]) -> dict[str, str]:
    """A name for each judge's id: backend, model, rubric with the start of its hash, and settings in which its likes differ."""
    judges = list(judges)
    return {
        judge["id"]: _name(judge, [other for other in judges if _model(other) == _model(judge)]) for judge in judges
    }


def _name(judge: Json, likes: Iterable[Json]) -> str:
    mine = json.loads(judge["parameters"])
    others = [json.loads(other["parameters"]) for other in likes]
    differing = sorted({key for other in others for key in other | mine if other.get(key) != mine.get(key)})
    told = [
        f"rubric {judge['rubric']} {judge['rubric_hash'][:_SHORT_HASH]}",
        *(["a baseline"] if judge["is_baseline"] else []),
        *(f"{_WORDS.get(key, key)}: {_value(key, mine)}" for key in differing),
    ]
    return visible(f"{judge['backend']}:{judge['model']} ({', '.join(told)})")


def _model(judge: Json) -> tuple[str, str]:
    return judge["backend"], judge["model"]


def _value(key: str, parameters: Json) -> str:
    if key not in parameters:
        return _MISSING.get(key, "none")
    value = parameters[key]
    return value if isinstance(value, str) else json.dumps(value)
