"""What is made again and again of the same values: a click elsewhere, or another reviewer, changes nothing of most charts.

To make one takes as long as to ask the database for all that it shows. What was handed out must not be changed.
"""

from collections import deque
from collections.abc import Callable
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")
_AT_MOST: Final = 8
"""Of each kind: several people look at a study, some of them in the dark."""


def kept(make: Callable[P, T]) -> Callable[P, T]:
    """Have a pure function give the same for equal values, which need not be hashable; of the latest few."""
    made: deque[tuple[Any, T]] = deque(maxlen=_AT_MOST)

    @wraps(make)
    def keeping(*values: P.args, **named: P.kwargs) -> T:
        asked = (values, named)
        # A copy, for other threads add theirs meanwhile.
        found = next((value for of, value in tuple(made) if of == asked), None)
        if found is None:
            found = make(*values, **named)
            made.append((asked, found))
        return found

    return keeping
