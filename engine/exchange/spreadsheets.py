"""Texts in files that spreadsheets open: what one might run as a formula has an apostrophe before it, until it is read."""

import re
from typing import Final

RUNS: Final = r"=+\-@＝＋－＠\t\r\n"
"""Characters of a class: a cell that begins with one of them may be taken for a formula."""
_MAY_RUN: Final = re.compile(rf"'*[{RUNS}]")
_IS_GUARDED: Final = re.compile(rf"'+[{RUNS}]")


def guarded(text: str) -> str:
    """The text as a cell that no spreadsheet runs; others, quoted ones too, stay as they are."""
    return f"'{text}" if _MAY_RUN.match(text) else text


def may_run(cell: str) -> bool:
    """Whether a spreadsheet may run the cell: never of one that was guarded."""
    return cell[:1] != "'" and _MAY_RUN.match(cell) is not None


def unguarded(cell: str) -> str:
    """The text that was guarded so."""
    return cell[1:] if _IS_GUARDED.match(cell) else cell


def bare(text: str) -> str:
    """The text without any apostrophe of that kind: alike for a text, its guarded cell, and one that nobody guarded."""
    return text.lstrip("'") if _IS_GUARDED.match(text) else text
