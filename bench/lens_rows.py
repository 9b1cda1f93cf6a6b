"""The tables of `bench.lenses` on the page, put together from measurements of one number of rows each.

A measurement takes minutes, so each stands on the page by itself, with the line of its own day and load. Measuring one
number of rows again replaces its rows and its line, and nothing else.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_ROW = re.compile(r"\| \d+ \| (\d+) \|")
_LINE = re.compile(r"\*n = (\d+): (.*)\*")

UNKNOWN = "measured at an unknown time"


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured at one number of rows: its rows of the table, and when and where that was."""

    rows: tuple[str, ...]
    machine: str


def read_measured(told: str) -> dict[int, Measured]:
    """Read a table as `tell_measured` writes it; rows without a line of their own are of an unknown day."""
    rows: dict[int, list[str]] = {}
    lines = {int(found[1]): found[2] for found in map(_LINE.fullmatch, told.splitlines()) if found}
    for line in told.splitlines():
        if found := _ROW.match(line):
            rows.setdefault(int(found[1]), []).append(line)
    return {n: Measured(tuple(own), lines.get(n, UNKNOWN)) for n, own in rows.items()}


def tell_measured(head: str, measured: Mapping[int, Measured]) -> str:
    """Write the table, and below it a line for each number of rows."""
    ordered = sorted(measured.items())
    rows = [row for _, one in ordered for row in one.rows]
    return "\n".join([head, *rows, "", "\n\n".join(f"*n = {n}: {one.machine}*" for n, one in ordered)])
