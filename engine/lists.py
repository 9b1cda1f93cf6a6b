"""Options that take several values: repeated, parted by commas, or both, alike in every command."""

from collections.abc import Collection, Iterable
from typing import Final

SEVERAL: Final = "Repeat the option or separate values by commas."
"""What the help of each such option says."""


def parted(values: Iterable[str] | None) -> list[str]:
    """The values one by one, without white space around them; empty ones fall away."""
    return [one for value in values or () for part in value.split(",") if (one := part.strip())]


def parted_names(values: Iterable[str] | None, known: Collection[str]) -> list[str]:
    """Names one by one, where a name that is known may hold a comma itself."""
    return [name for value in values or () for name in ([value] if value in known else parted([value]))]
