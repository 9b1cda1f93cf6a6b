"""An answer that may come later: what is there by now, a line that says so, and another drawing when it has come."""

from collections.abc import Callable, Hashable
from pathlib import Path
from typing import TypeVar

from app.data.later import later
from app.widgets import live, notices

T = TypeVar("T")


def answer(
    folder: Path, key: Hashable, compute: Callable[[], T], *, what: str, of: tuple[str, ...] | None = None
) -> T | None:
    """The answer as far as it is known; None before the first one, which `what` names in a sentence's beginning.

    It rests on the tables `of` the study, or on all that is stored.
    """
    found = later(folder, key, compute, of=of)
    if not found.is_current:
        meanwhile = "The values shown are from before." if found.value is not None else "This takes a moment."
        notices.note(f"{what} is being worked out. {meanwhile}")
        live.redraw_when_ready(folder, key)
    return found.value
