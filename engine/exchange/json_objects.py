"""JSON objects of other programs, in which no field is lost because it was named twice."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Repeated:
    """An object that names a field twice: which of its values is meant, nobody knows."""

    name: str


def object_once(pairs: list[tuple[str, Any]]) -> dict[str, Any] | Repeated:
    """The object of these fields, for `json.loads(…, object_pairs_hook=object_once)`; Repeated where one is named twice."""
    entry: dict[str, Any] = {}
    for name, value in pairs:
        if name in entry:
            return Repeated(name)
        entry[name] = value
    return entry
