"""Settings as the command line gives them: texts, of which those of settings with several values are parted by commas."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, get_args, get_origin, get_type_hints

from engine.config import StudyConfig
from engine.errors import ConfigError
from engine.lists import parted

ONE_BY_ONE: Final = frozenset({"stop", "concepts"})
"""Settings of several values whose commas are not for the option to part: texts, and names that may hold one."""


@functools.cache
def parted_settings() -> dict[str, type]:
    """The settings that hold several values, and what each value is: whole numbers, numbers, or text."""
    tuples = {name: next(_tuples(hint), None) for name, hint in get_type_hints(StudyConfig).items()}
    items = {name: get_args(hint)[0] for name, hint in tuples.items() if hint and name not in ONE_BY_ONE}
    # A layer is a number of either kind, and its text tells which.
    return {name: item if isinstance(item, type) else str for name, item in items.items()}


def _tuples(hint: Any) -> Iterator[Any]:
    return (one for one in (hint, *get_args(hint)) if get_origin(one) is tuple)


def given_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that options gave, with lists parted; ConfigError for a value that is no number where one is due."""
    given = {name: value for name, value in settings.items() if value not in (None, [])}
    return {name: _values(name, value) if isinstance(value, list) else value for name, value in given.items()}


def _values(name: str, given: Sequence[str]) -> tuple[Any, ...]:
    item = parted_settings().get(name)
    if item is None:
        return tuple(given)
    try:
        return tuple(item(one) for one in parted(given))
    except ValueError:
        kind = "whole numbers" if item is int else "numbers"
        raise ConfigError(f"{name} must be {kind}, separated by commas, not {', '.join(given)!r}.") from None
