"""How texts and amounts are written on a terminal.

Of a text of a study, what would move the cursor, colour or turn the text is written out instead of obeyed.
"""

import re
from typing import Final

# C0 and C1 controls, line and paragraph separators, what turns the order of the text around it, and the halves of characters
# that a file name may hold but no terminal can be sent.
_UNSEEN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

NOTE: Final = "Note: "
"""Begins a line that a command says while it works, so that who started it can show the line at once."""


def visible(text: str) -> str:
    """The text on one line, with each control written out as in a Python string: an escape is `\\x1b`, a line feed `\\n`.

    Lines that are meant are joined after each is made visible.
    """
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def counted(n: int, one: str, many: str | None = None) -> str:
    """A count with its noun, or with any words that differ where it is one."""
    return f"{n:,} {one if n == 1 else many or f'{one}s'}"


def dollars(amount: float) -> str:
    """US dollars with as many places as tell the amount from nothing: two, and up to four below one dollar."""
    if 0 < amount < 0.00005:
        return "under $0.0001"
    whole, _, places = f"{amount:,.2f}".partition(".") if amount >= 1 else f"{amount:.4f}".partition(".")
    return f"${whole}.{places[:2]}{places[2:].rstrip('0')}"
