"""Characters that text of a model may hold and a request, a database or a screen cannot carry."""

import re
from typing import Final

# The halves of characters have no UTF-8, and some servers refuse NUL and its like; tab, line feed and carriage return are text.
_UNCARRIED: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def carried(text: str) -> str:
    """The text with `�` for each control and each half of a character, of the same length; all else stays as it is."""
    return _UNCARRIED.sub("\ufffd", text)
